// What the service providers of npm share: a server that begins sign-ins, shows as JSON what came of them, and signs out.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";

/** What the test says: base, port, metadata (our metadata's address), key, certificate, unsolicited. */
export const config = JSON.parse(readFileSync(process.argv[2], "utf8"));
export const key = readFileSync(config.key, "utf8");
export const certificate = readFileSync(config.certificate, "utf8");
export const acs = config.base + "/acs";
export const slo = config.base + "/slo";
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

/** Who is signed in, by the value of the cookie. */
const sessions = new Map();
const cookie = "portvakt-" + config.port;
const sessionOf = (request) => (request.headers.cookie ?? "").match(new RegExp(cookie + "=([^;]+)"))?.[1];

/** Ends the sessions of one person with one of the indexes: by these, because browsers bring no cookies from another site's forms. */
function end(name, indexes) {
  let ended = 0;
  for (const [id, session] of sessions) {
    if (session.name_id === name && (indexes.length === 0 || indexes.includes(session.session_index))) ended += sessions.delete(id);
  }
  return ended > 0;
}

const escaped = (text) => text.replace(/[&"<]/g, (c) => `&#${c.charCodeAt(0)};`);

/** The page with a form that a library that only makes fields leaves to the application. */
export const form = (action, fields) =>
  `<!doctype html><title>On the way</title><form method="post" action="${escaped(action)}">` +
  Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`).join("") +
  `<button>Go on</button></form>`;

/**
 * Serves: login answers {redirect} or {page}, accept what the assertion says, describe the metadata; leave begins a sign-out,
 * asked reads a request to sign out as {name, indexes, request}, answer writes its response, confirmed reads the one to ours.
 */
export function serve({ login, accept, describe, leave, asked, answer, confirmed }) {
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
          const said = { relay_state: fields.RelayState ?? "", ...(await accept(fields)) };
          if (said.error) return say(200, "application/json", JSON.stringify(said));
          const id = randomUUID();
          sessions.set(id, said);
          return say(200, "application/json", JSON.stringify(said), { "Set-Cookie": `${cookie}=${id}; Path=/; HttpOnly` });
        }
        case "GET /shown":
          return say(200, "application/json", JSON.stringify(sessions.get(sessionOf(request)) ?? { error: "nobody is signed in" }));
        case "GET /logout":
          return say(302, "text/plain", "", { Location: await leave(sessions.get(sessionOf(request)), url.searchParams.get("relay") ?? "") });
        case "GET /slo":
        case "POST /slo": {
          const message = request.method === "GET" ? { fields: wishes(url), query: url.search.slice(1) } : { fields: await body(request) };
          if (message.fields.SAMLResponse) {
            await confirmed(message);
            sessions.delete(sessionOf(request));
            return say(200, "application/json", JSON.stringify({ signed_out: true, relay_state: message.fields.RelayState ?? "" }));
          }
          const { name, indexes, request: read } = await asked(message);
          return say(302, "text/plain", "", { Location: await answer(read, message.fields.RelayState ?? "", end(name, indexes)) });
        }
        default:
          return say(404, "text/plain", "nothing here");
      }
    } catch (error) {
      return say(403, "application/json", JSON.stringify({ error: String(error?.message ?? error), detail: error?.statusXml }));
    }
  }).listen(config.port, "127.0.0.1");
}
