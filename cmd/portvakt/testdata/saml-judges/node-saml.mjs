// A service provider made of node-saml.
import { SAML } from "@node-saml/node-saml";
import { acs, certificate, config, entityID, key, metadata, serve, slo } from "./serve.mjs";

// Which requests are answered outlives the SAML objects, which are made anew for each wish.
const asked = new Map();
const cacheProvider = {
  saveAsync: async (id, value) => (asked.set(id, value), { value, createdAt: Date.now() }),
  getAsync: async (id) => asked.get(id) ?? null,
  removeAsync: async (id) => (asked.delete(id) ? id : null),
};

// node-saml reads no metadata: what it needs of ours is picked out here.
async function fromMetadata() {
  const xml = await metadata();
  return {
    idpCert: [...xml.matchAll(/<(?:\w+:)?X509Certificate>([^<]+)</g)].map((found) => found[1].replace(/\s/g, "")),
    idpIssuer: xml.match(/entityID="([^"]+)"/)[1],
    entryPoint: xml.match(/<(?:\w+:)?SingleSignOnService [^>]*HTTP-Redirect[^>]*Location="([^"]+)"/)[1],
    logoutUrl: xml.match(/<(?:\w+:)?SingleLogoutService [^>]*HTTP-Redirect[^>]*Location="([^"]+)"/)[1],
  };
}

async function provider(wishes = {}) {
  return new SAML({
    ...(await fromMetadata()),
    issuer: entityID,
    audience: entityID,
    callbackUrl: acs,
    logoutCallbackUrl: slo,
    privateKey: key,
    publicCert: certificate,
    decryptionPvk: key,
    signatureAlgorithm: "sha256",
    digestAlgorithm: "sha256",
    wantAssertionsSigned: true,
    wantAuthnResponseSigned: true,
    validateInResponseTo: config.unsolicited ? "ifPresent" : "always",
    acceptedClockSkewMs: 0,
    cacheProvider,
    identifierFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    // By POST node-saml deflates the request, which the standard does for redirects alone, unless told not to.
    authnRequestBinding: wishes.post ? "HTTP-POST" : "HTTP-Redirect",
    skipRequestCompression: wishes.post === "true",
    forceAuthn: wishes.force === "true",
    passive: wishes.passive === "true",
    disableRequestedAuthnContext: !wishes.context,
    authnContext: wishes.context ? [wishes.context] : undefined,
  });
}

serve({
  describe: async () => (await provider()).generateServiceProviderMetadata(certificate, certificate),
  login: async (wishes) => {
    const sp = await provider(wishes);
    if (wishes.post) return { page: await sp.getAuthorizeFormAsync(wishes.relay ?? "") };
    return { redirect: await sp.getAuthorizeUrlAsync(wishes.relay ?? "", undefined, {}) };
  },
  accept: async (fields) => {
    const { profile } = await (await provider()).validatePostResponseAsync(fields);
    if (!profile) return { error: "NoPassive" };
    return {
      profile,
      issuer: profile.issuer,
      name_id: profile.nameID,
      format: profile.nameIDFormat,
      session_index: profile.sessionIndex,
      attributes: profile.attributes,
      class: profile.getAssertion()?.Assertion?.AuthnStatement?.[0]?.AuthnContext?.[0]?.AuthnContextClassRef?.[0]?._,
      instant: profile.getAssertion()?.Assertion?.AuthnStatement?.[0]?.$?.AuthnInstant,
    };
  },
  leave: async ({ profile }, relay) => (await provider()).getLogoutUrlAsync(profile, relay, {}),
  asked: async (message) => {
    const { profile } = await read(message);
    return { name: profile.nameID, indexes: profile.sessionIndex ? [profile.sessionIndex] : [], request: profile };
  },
  answer: async (request, relay, ended) => (await provider()).getLogoutResponseUrlAsync(request, relay, {}, ended),
  confirmed: read,
});

// node-saml takes a redirect without signature for good, so the application refuses it.
async function read({ fields, query }) {
  const sp = await provider();
  if (query === undefined) return fields.SAMLRequest ? sp.validatePostRequestAsync(fields) : sp.validatePostResponseAsync(fields);
  if (!fields.Signature) throw new Error("not signed");
  return sp.validateRedirectAsync(fields, query);
}
