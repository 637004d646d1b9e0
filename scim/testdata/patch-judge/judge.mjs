// Lets scim-patch do one operation of a PATCH to a resource: a line of JSON with both in, a line with the outcome out.
import { createInterface } from "node:readline";
import { PATCH_OPERATION_SCHEMA, patchBodyValidation, scimPatch } from "scim-patch";

for await (const line of createInterface({ input: process.stdin })) {
  const { resource, operation } = JSON.parse(line);
  let outcome;
  try {
    patchBodyValidation({ schemas: [PATCH_OPERATION_SCHEMA], Operations: [operation] });
    outcome = { resource: scimPatch(resource, [operation]) };
  } catch (trouble) {
    outcome = { refused: trouble.constructor.name, scimType: trouble.scimCode ?? "" };
  }
  process.stdout.write(JSON.stringify(outcome) + "\n");
}
