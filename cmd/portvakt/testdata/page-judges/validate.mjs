// Validates pages: each line of the standard input is {"name", "text"} in JSON, each line of the standard output one mistake.
import { createInterface } from "node:readline";
import { HtmlValidate, StaticConfigLoader } from "html-validate";

const judge = new HtmlValidate(new StaticConfigLoader({
  root: true,
  extends: ["html-validate:standard", "html-validate:a11y", "html-validate:document"],
  rules: {
    "long-title": "off", // a title may be longer than the 70 signs that search engines show
    "require-sri": "off", // styles and scripts are of the own origin, and their hash stands in the address
    "wcag/h32": "off", // the forms of passkeys are sent by the script, which alone shows them; TestEnterContinues holds the rest
  },
}));

for await (const line of createInterface({ input: process.stdin })) {
  const { name, text } = JSON.parse(line);
  for (const { messages } of (await judge.validateString(text, name)).results) {
    for (const m of messages) console.log(`${name}:${m.line}:${m.column}: ${m.ruleId}: ${m.message}`);
  }
}
