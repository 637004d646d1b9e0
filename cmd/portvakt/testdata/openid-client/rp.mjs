// A relying party in openid-client. It writes one JSON object a line: the address where a person must sign in, and, once
// it has read the address of the callback from standard input, what the provider answered. Any refusal by the library ends
// it with a status of 1.
import * as client from 'openid-client'
import { createInterface } from 'node:readline'

const [issuer, id, secret, callback] = process.argv.slice(2)
const say = (o) => process.stdout.write(JSON.stringify(o) + '\n')

const config = await client.discovery(new URL(issuer), id, undefined, client.ClientSecretBasic(secret), {
  execute: [client.allowInsecureRequests], // http on this machine
})
const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const nonce = client.randomNonce()
const to = client.buildAuthorizationUrl(config, {
  redirect_uri: callback,
  scope: 'openid profile email offline_access organization access',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
})
say({ step: 'authorize', url: to.href })

let tokens

const commands = {
  async callback({ url }) {
    tokens = await client.authorizationCodeGrant(config, new URL(url), {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    })
    return { step: 'callback', claims: tokens.claims(), expires_in: tokens.expires_in }
  },
  async userinfo() {
    return { step: 'userinfo', claims: await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub) }
  },
  async introspect() {
    return { step: 'introspect', answer: await client.tokenIntrospection(config, tokens.access_token) }
  },
  async refresh() {
    const claims = tokens.claims()
    tokens = await client.refreshTokenGrant(config, tokens.refresh_token)
    return { step: 'refresh', claims: tokens.claims() ?? claims }
  },
  async revoke() {
    await client.tokenRevocation(config, tokens.refresh_token)
    return { step: 'revoke' }
  },
  async logout() {
    return { step: 'logout', url: client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token }).href }
  },
}

const lines = createInterface({ input: process.stdin })
for await (const line of lines) {
  const command = JSON.parse(line)
  try {
    say(await commands[command.do](command))
  } catch (e) {
    say({ step: command.do, error: e.error ?? e.code ?? String(e), status: e.status })
  }
}
