import { expect } from 'chai'
import { SignJWT } from 'jose'
import { randomToken } from '../../../src/core/secrets.ts'
import type { ClientMetadataInput } from '../../../src/domain/clients/client_metadata.ts'
import { CIBA_GRANT } from '../../../src/domain/clients/client_metadata.ts'
import { signingParty } from '../../protocol/driver.ts'
import { API } from '../../support/authcore.ts'
import { checkMachineError } from '../support/checks/errors.ts'
import { checkTokens } from '../support/checks/tokens.ts'
import { authorize, flow } from '../support/flow.ts'
import { machinePost, type Party, redeem, tokenRequest } from '../support/party.ts'
import { type Exercise, STRICT, type Stage } from './exercise.ts'

/** Tokens for other tokens, for assertions, and for a nod on another device. */

const RESOURCES = { resource_scopes: { [API]: ['read'] } }

/** RFC 8693: a service that was called with a person's token calls on in their name. */
export const tokenExchange: Exercise = async (grant_type, { party, register }) => {
  const { request, answer } = await authorize(party, STRICT, {
    parameters: { scope: 'openid read', resource: API },
  })
  const code = answer.parameters['code']!
  const grant = { code, verifier: request.verifier, resource: API }
  const { access_token } = checkTokens(await redeem(party, grant), 'Bearer', STRICT)
  const metadata = { grant_types: ['client_credentials', grant_type], ...RESOURCES }
  const service = await register(metadata as ClientMetadataInput, 'service')
  const reply = await tokenRequest(service, {
    grant_type,
    subject_token: access_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    resource: API,
    scope: 'read',
  })
  expect(reply.status, reply.body).to.equal(200)
  expect(reply.json()).to.include.all.keys('access_token', 'issued_token_type', 'token_type')
}

const ISSUER = 'https://issuer.example.test'

/** RFC 7523 §2.1: an issuer that the client's registration names vouches for a person. */
export const jwtBearer: Exercise = async (grant_type, { op, register }) => {
  const { jwk, alg, privateKey } = await signingParty()
  const metadata = {
    grant_types: [grant_type],
    assertion_issuers: [{ issuer: ISSUER, subject: 'account_id', jwks: { keys: [jwk] } }],
    ...RESOURCES,
  }
  const party = await register(metadata as unknown as ClientMetadataInput, 'service')
  const now = Math.floor(Date.now() / 1000)
  const assertion = await new SignJWT({ jti: randomToken() })
    .setProtectedHeader({ alg })
    .setIssuer(ISSUER)
    .setSubject(op.alice.id)
    .setAudience(op.issuer)
    .setIssuedAt(now)
    .setExpirationTime(now + 60)
    .sign(privateKey)
  const fields = { grant_type, assertion, resource: API, scope: 'read' }
  checkTokens(await tokenRequest(party, fields), 'Bearer', STRICT)
}

const POLLING: ClientMetadataInput = {
  grant_types: ['authorization_code', CIBA_GRANT],
  backchannel_token_delivery_mode: 'poll',
}

/** CIBA: somebody is asked on the device where they are signed in already. */
async function askedElsewhere(
  { op, register }: Stage,
  metadata: ClientMetadataInput = {},
  fields: Record<string, string> = {},
): Promise<{ party: Party; auth_req_id: string; approve(): Promise<void> }> {
  const party = await register({ ...POLLING, ...metadata })
  const { browser } = await flow(party, STRICT)
  const binding_message = randomToken().slice(0, 8)
  const uri = op.metadata['backchannel_authentication_endpoint'] as string
  const hints = { scope: 'openid', login_hint: op.alice.email, binding_message }
  const reply = await machinePost(party, uri, { ...hints, ...fields })
  expect(reply.status, reply.body).to.equal(200)
  return {
    party,
    auth_req_id: reply.json<{ auth_req_id: string }>().auth_req_id,
    async approve() {
      const page = await browser.get('/ciba')
      const [, index] = new RegExp(`id="binding-message-(\\d+)"><bdi>${binding_message}<`).exec(
        page.body,
      )!
      const form = ({ id }: { id: string }) => id === `answer-${index}`
      const done = await browser.submit(page, {}, { form, button: `approve-${index}` })
      expect(done.body).to.include('id="approval-outcome"')
    },
  }
}

const redeemed = ({ party, auth_req_id }: { party: Party; auth_req_id: string }) =>
  tokenRequest(party, { grant_type: CIBA_GRANT, auth_req_id })

export const polled: Exercise = async (_, stage) => {
  const asked = await askedElsewhere(stage)
  checkMachineError(await redeemed(asked), ['authorization_pending'], STRICT)
  await asked.approve()
  checkTokens(await redeemed(asked), 'Bearer', STRICT)
}

/** CIBA Core §10.2 */
export const pinged: Exercise = async (_, stage) => {
  const { host } = stage
  const client_notification_token = randomToken()
  const asked = await askedElsewhere(
    stage,
    {
      backchannel_token_delivery_mode: 'ping',
      backchannel_client_notification_endpoint: `${host.uri}/ping`,
    },
    { client_notification_token },
  )
  await asked.approve()
  const arrived = await host.next()
  expect(arrived.headers.authorization).to.equal(`Bearer ${client_notification_token}`)
  expect(JSON.parse(arrived.body)).to.deep.equal({ auth_req_id: asked.auth_req_id })
  checkTokens(await redeemed(asked), 'Bearer', STRICT)
}

/** CIBA Core §7.1: a code that nobody would check is not taken in silence. */
export const refusesUserCode: Exercise = async (_, { op, register }) => {
  const party = await register(POLLING)
  const uri = op.metadata['backchannel_authentication_endpoint'] as string
  const fields = { scope: 'openid', login_hint: op.alice.email, user_code: '1234' }
  checkMachineError(await machinePost(party, uri, fields), ['invalid_request'], STRICT)
}

/** CIBA Core §7.1.1: everything in the object, which lives for a moment and is used once. */
export const signedAtCiba: Exercise = async (alg, { op, register }) => {
  const { jwk, privateKey } = await signingParty(alg)
  const party = await register({
    ...POLLING,
    jwks: { keys: [{ ...jwk, alg, use: 'sig' }] },
    backchannel_authentication_request_signing_alg: alg,
  } as ClientMetadataInput)
  const now = Math.floor(Date.now() / 1000)
  const request = await new SignJWT({ scope: 'openid', login_hint: op.alice.email })
    .setProtectedHeader({ alg })
    .setIssuer(party.clientId)
    .setAudience(op.issuer)
    .setJti(randomToken())
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + 60)
    .sign(privateKey)
  const uri = op.metadata['backchannel_authentication_endpoint'] as string
  const reply = await machinePost(party, uri, { request })
  expect(reply.status, reply.body).to.equal(200)
  // A person is asked a few times in a while only.
  await op.server.parts.limits.reset('ciba_account', op.alice.id)
}
