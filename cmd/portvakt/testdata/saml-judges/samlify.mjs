// A service provider made of samlify.
import * as samlify from "samlify";
import { acs, certificate, config, entityID, form, key, metadata, serve } from "./serve.mjs";

// samlify wants a validator of schemas and has none; the tests validate every message themselves.
samlify.setSchemaValidator({ validate: async () => "left to the tests" });

const post = samlify.Constants.namespace.binding.post;
const asked = new Set();

// samlify signs its requests only where the metadata wants all requests signed, and refuses metadata that differs from its
// own settings; ours takes both, so the application says that it signs.
const signing = (xml) => xml.replace(/ WantAuthnRequestsSigned="[^"]*"/, "").replace(/<(\w+:)?IDPSSODescriptor/, '$& WantAuthnRequestsSigned="true"');

const identity = async (encrypted = false) =>
  samlify.IdentityProvider({ metadata: signing(await metadata()), isAssertionEncrypted: encrypted });

const provider = () =>
  samlify.ServiceProvider({
    entityID,
    authnRequestsSigned: true,
    wantAssertionsSigned: true,
    wantMessageSigned: true,
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
});
