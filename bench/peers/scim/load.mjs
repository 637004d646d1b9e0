// Loads people into SCIM servers, the same for each, and prints how long each took beside the first:
//   node load.mjs PEOPLE CALLERS NAME=URL=TOKEN…
import http from "node:http";
import { performance } from "node:perf_hooks";

const [people, callers, ...servers] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(callers) });

function post(url, token, body) {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/scim+json", "Content-Length": Buffer.byteLength(text) };
    const request = http.request(url, { method: "POST", agent, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part)).on("end", () => resolve({ status: answer.statusCode, body: Buffer.concat(parts).toString() })).on("error", reject);
    });
    request.on("error", reject).end(text);
  });
}

const user = (round, i) => ({
  schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"], userName: `${round}.${i}@load.example`, externalId: `${round}-${i}`,
  name: { givenName: `Given ${i}`, familyName: `Family ${i}` }, title: "Clerk", emails: [{ value: `${round}.${i}@load.example`, type: "work", primary: true }],
});

// run makes n requests by so many callers at once.
async function run(n, callers, one) {
  let next = 0;
  await Promise.all(Array.from({ length: callers }, async () => { while (next < n) await one(next++); }));
}

function must(ok, answer) {
  if (!ok) throw new Error(`answered ${answer.status}: ${answer.body.slice(0, 500)}`);
}

// The load into empty servers comes first: singles leave mails behind that go out for a while.
const ways = {
  async "Bulk of 1,000"(url, token, n) {
    await run(Math.ceil(n / 1000), 1, async (part) => {
      const Operations = [];
      for (let i = part * 1000; i < Math.min(n, part * 1000 + 1000); i++) Operations.push({ method: "POST", path: "/Users", bulkId: `b${i}`, data: user("bulk", i) });
      const a = await post(`${url}/Bulk`, token, { schemas: ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], Operations });
      must(a.status === 200 && JSON.parse(a.body).Operations.every((o) => Number(o.status) === 201), a);
    });
  },
  async "one by one"(url, token, n) {
    await run(n, Number(callers), async (i) => { const a = await post(`${url}/Users`, token, user("single", i)); must(a.status === 201, a); });
  },
};

console.log("| | way | seconds | users a second | against the first of this way |\n|---|---|---:|---:|---:|");
for (const [way, load] of Object.entries(ways)) {
  let first;
  for (const server of servers) {
    const [name, url, token] = server.split("=");
    await run(50, 1, async (i) => { await post(`${url}/Users`, token, user(`warm-${way.length}`, i)); });
    const begun = performance.now();
    await load(url, token, Number(people));
    const took = (performance.now() - begun) / 1000;
    first ??= took;
    console.log(`| ${name} | ${way} | ${took.toFixed(2)} | ${Math.round(people / took)} | ${(took / first).toFixed(2)} |`);
  }
}
agent.destroy();
