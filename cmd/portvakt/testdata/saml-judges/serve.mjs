// What the service providers of npm share: a server that begins sign-ins and shows as JSON what came of them.
import { readFileSync } from "node:fs";
import http from "node:http";

/** What the test says: base, port, metadata (our metadata's address), key, certificate, unsolicited. */
export const config = JSON.parse(readFileSync(process.argv[2], "utf8"));
export const key = readFileSync(config.key, "utf8");
export const certificate = readFileSync(config.certificate, "utf8");
export const acs = config.base + "/acs";
export const entityID = config.base + "/metadata";

/** The identity provider's metadata, read anew only on request, as an application does once a day. */
let known;
export async function metadata() {
  known ??= await (await fetch(config.metadata)).text();
  return known;
}

/** A query that says how to sign in: force, passive, context, post, relay. */
const wishes = (url) => Object.fromEntries(url.searchParams);

async function body(request) {
  let text = "";
  for await (const part of request) text += part;
  return Object.fromEntries(new URLSearchParams(text));
}

const escaped = (text) => text.replace(/[&"<]/g, (c) => `&#${c.charCodeAt(0)};`);

/** The page with a form that a library that only makes fields leaves to the application. */
export const form = (action, fields) =>
  `<!doctype html><title>On the way</title><form method="post" action="${escaped(action)}">` +
  Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`).join("") +
  `<button>Go on</button></form>`;

/** Serves: login answers {redirect} or {page}, accept what the assertion says, describe the metadata. */
export function serve({ login, accept, describe }) {
  http.createServer(async (request, response) => {
    const url = new URL(request.url, config.base);
    const say = (status, type, text, more) => response.writeHead(status, { "Content-Type": type, ...more }).end(text);
    try {
      switch (request.method + " " + url.pathname) {
        case "GET /metadata":
          return say(200, "application/samlmetadata+xml", await describe());
        case "GET /refresh":
          known = undefined;
          await metadata();
          return say(200, "text/plain", "read");
        case "GET /login": {
          const { redirect, page } = await login(wishes(url));
          return page ? say(200, "text/html", page) : say(302, "text/plain", "", { Location: redirect });
        }
        case "POST /acs": {
          const fields = await body(request);
          return say(200, "application/json", JSON.stringify({ relay_state: fields.RelayState ?? "", ...(await accept(fields)) }));
        }
        default:
          return say(404, "text/plain", "nothing here");
      }
    } catch (error) {
      return say(403, "application/json", JSON.stringify({ error: String(error?.message ?? error), detail: error?.statusXml }));
    }
  }).listen(config.port, "127.0.0.1");
}
