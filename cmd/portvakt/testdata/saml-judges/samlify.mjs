// A service provider made of samlify.
import * as samlify from "samlify";
import { acs, certificate, config, entityID, form, key, metadata, serve, slo } from "./serve.mjs";

// samlify wants a validator of schemas and has none; the tests validate every message themselves.
samlify.setSchemaValidator({ validate: async () => "left to the tests" });

const post = samlify.Constants.namespace.binding.post;
const asked = new Set();

// samlify signs its requests only where the metadata wants all requests signed, and refuses metadata that differs from its
// own settings; ours takes both, so the application says that it signs.
const signing = (xml) => xml.replace(/ WantAuthnRequestsSigned="[^"]*"/, "").replace(/<(\w+:)?IDPSSODescriptor/, '$& WantAuthnRequestsSigned="true"');

const identity = async (encrypted = false) =>
  samlify.IdentityProvider({ metadata: signing(await metadata()), isAssertionEncrypted: encrypted, wantLogoutRequestSigned: true, wantLogoutResponseSigned: true });

const provider = () =>
  samlify.ServiceProvider({
    entityID,
    authnRequestsSigned: true,
    wantAssertionsSigned: true,
    wantMessageSigned: true,
    wantLogoutRequestSigned: true,
    wantLogoutResponseSigned: true,
    messageSigningOrder: "encrypt-then-sign",
    requestSignatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    // Where the signature of a posted request goes; at first samlify looks for the place in a response.
    signatureConfig: { prefix: "ds", location: { reference: "/*[local-name(.)='AuthnRequest']/*[local-name(.)='Issuer']", action: "after" } },
    privateKey: key,
    signingCert: certificate,
    encPrivateKey: key,
    encryptCert: certificate,
    nameIDFormat: ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"],
    assertionConsumerService: [{ Binding: post, Location: acs, isDefault: true }],
    singleLogoutService: [{ Binding: post, Location: slo }], // of redirects it verifies signatures only where metadata has one certificate
  });

serve({
  describe: async () => provider().getMetadata(),
  login: async (wishes) => {
    const sp = provider();
    if (wishes.post) {
      const { id, context, entityEndpoint } = sp.createLoginRequest(await identity(), "post", { forceAuthn: wishes.force === "true" });
      asked.add(id);
      return { page: form(entityEndpoint, { SAMLRequest: context, ...(wishes.relay && { RelayState: wishes.relay }) }) };
    }
    const { id, context } = sp.createLoginRequest(await identity(), "redirect", { relayState: wishes.relay ?? "", forceAuthn: wishes.force === "true" });
    asked.add(id);
    return { redirect: context };
  },
  accept: async (fields) => {
    const encrypted = Buffer.from(fields.SAMLResponse, "base64").includes("EncryptedAssertion>");
    const { extract } = await provider().parseLoginResponse(await identity(encrypted), "post", { body: fields });
    const answers = extract.response?.inResponseTo;
    if (answers ? !asked.delete(answers) : !config.unsolicited) throw new Error("nobody asked for this response");
    return {
      issuer: extract.issuer,
      name_id: extract.nameID,
      session_index: extract.sessionIndex?.sessionIndex,
      instant: extract.sessionIndex?.authnInstant,
      attributes: extract.attributes,
    };
  },
  leave: async ({ name_id, session_index }, relay) => {
    const { id, context } = provider().createLogoutRequest(await identity(), "redirect", { logoutNameID: name_id, sessionIndex: session_index }, { relayState: relay });
    asked.add(id);
    return context;
  },
  asked: async (message) => {
    const request = await provider().parseLogoutRequest(await identity(), "post", { body: message.fields });
    return { name: request.extract.nameID, indexes: [request.extract.sessionIndex ?? []].flat(), request };
  },
  answer: async (request, relay, ended) => {
    if (!ended) throw new Error("nobody by this name and index is signed in"); // samlify writes no other response than success
    return provider().createLogoutResponse(await identity(), request, "redirect", { relayState: relay }).context;
  },
  confirmed: async (message) => {
    const { extract } = await provider().parseLogoutResponse(await identity(), "post", { body: message.fields });
    if (!asked.delete(extract.response?.inResponseTo)) throw new Error("nobody asked for this response");
  },
});
