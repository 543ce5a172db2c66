import { expect } from 'chai'
import { createLocalJWKSet, jwtVerify, SignJWT } from 'jose'
import { rotateSigningKeyNow } from '../../../src/platform/keys/rotate_signing_keys.ts'
import { signingParty } from '../../protocol/driver.ts'
import type { Reply } from '../../support/http.ts'
import { CALLBACK } from '../oidc/stage.ts'
import { answerOf, checkErrorPage, checkSuccess } from '../support/answer.ts'
import { checkMachineError } from '../support/checks/errors.ts'
import { fetchJwks } from '../support/checks/jwks.ts'
import { checkTokens } from '../support/checks/tokens.ts'
import { fetchUserInfo } from '../support/checks/userinfo.ts'
import { authorize, flow } from '../support/flow.ts'
import { letPass } from '../support/moved_time.ts'
import type { Notes } from '../support/outcome.ts'
import { authorizationRequest, type Parameters, redeem, refresh, visit } from '../support/party.ts'
import { type DynamicModule, type DynamicStage, type Joined, publicJwk } from './stage.ts'

/** The modules that only clients can be asked that register themselves. */

const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' }

const signedWithRs256: DynamicModule = async ({ join, notes }) => {
  const party = await join({ id_token_signed_response_alg: 'RS256' })
  // The flow compares alg with RS256 and looks for a kid.
  await flow({ ...party, idTokenAlg: 'RS256' }, notes)
}

const unsignedIdToken: DynamicModule = async ({ op, registrar, notes }) => {
  expect(op.metadata['id_token_signing_alg_values_supported']).not.to.include('none')
  const metadata = { redirect_uris: [CALLBACK], id_token_signed_response_alg: 'none' }
  checkNotRegistered(await registrar.ask(metadata), ['invalid_client_metadata'], notes)
  notes.skip('none is not in id_token_signing_alg_values_supported')
}

const signedUserInfo: DynamicModule = async ({ op, join, notes }) => {
  expect(op.metadata['userinfo_signing_alg_values_supported']).to.include('RS256')
  const party = await join({ userinfo_signed_response_alg: 'RS256' })
  const { request, answer } = await authorize(party, notes)
  const grant = { code: answer.parameters['code']!, verifier: request.verifier }
  const { access_token } = checkTokens(await redeem(party, grant), 'Bearer', notes)
  const reply = await fetchUserInfo(party, access_token)
  expect(reply.headers['content-type']).to.match(/^application\/jwt/)
  const keys = createLocalJWKSet(await fetchJwks(op))
  const currentDate = new Date(Date.now())
  const { payload } = await jwtVerify(reply.body, keys, { algorithms: ['RS256'], currentDate })
  expect(payload).not.to.have.property('nonce')
  expect(payload.sub).to.be.a('string')
  if (payload.iss !== op.issuer) notes.warn(`iss is ${payload.iss}`)
  if (payload.aud !== party.clientId) notes.warn(`aud is ${payload.aud}`)
}

/** A page and no redirect, for this request of a client with these addresses. */
const goesNowhere =
  (redirect_uris: string[], changes: Parameters): DynamicModule =>
  async ({ join, notes }) => {
    const party = await join({ redirect_uris })
    const { leaves, last } = await visit(party, authorizationRequest(party, changes).parameters)
    expect(leaves, 'redirected').to.equal(undefined)
    checkErrorPage(last, notes)
  }

const queryIsKept: DynamicModule = async ({ join, notes }) => {
  const party = await join({ redirect_uris: [`${CALLBACK}?foo=bar`] })
  const { answer } = await flow(party, notes)
  expect(answer.uri.searchParams.get('foo')).to.equal('bar')
}

const fragment: DynamicModule = async ({ registrar, notes }) => {
  const reply = await registrar.ask({ redirect_uris: [`${CALLBACK}#foobar`] })
  checkNotRegistered(reply, ['invalid_redirect_uri', 'invalid_client_metadata'], notes)
}

export function checkNotRegistered(reply: Reply, allowed: readonly string[], notes: Notes): void {
  checkMachineError(reply, allowed, notes)
  expect(reply.json()).not.to.have.property('client_id')
}

/** What the client says of itself is shown while a person signs in there for the first time. */
const shows =
  (member: string, form: string, markup: (uri: string) => string): DynamicModule =>
  async ({ join, notes }) => {
    const uri = `https://suite.example.test/${member}`
    const party = await join({ [member]: uri })
    const { parameters } = authorizationRequest(party, { prompt: 'consent' })
    const { last } = await visit(party, parameters, { stopsAt: form })
    expect(last.body).to.include(markup(uri))
    notes.review(`the page shows ${member}`)
  }

const link = (uri: string) => `href="${uri}"`

/** Keys that are nowhere but at an address of the suite. */
async function joinWithKeysAt({ host, join }: DynamicStage, path: string): Promise<Joined> {
  const party = await join({ jwks_uri: host.publish(path, { keys: [] }) })
  host.publish(path, { keys: [publicJwk(party.key)] })
  return party
}

const keysByAddress: DynamicModule = async (trial) => {
  await flow(await joinWithKeysAt(trial, '/jwks'), trial.notes)
}

const rotatesItsKey: DynamicModule = async (trial) => {
  const party = await joinWithKeysAt(trial, '/rotating')
  const { tokens } = await flow(party, trial.notes, { parameters: OFFLINE })
  const key = await signingParty('RS256')
  trial.host.publish('/rotating', { keys: [publicJwk(key)] })
  letPass(60)
  const credentials = { method: 'private_key_jwt', key } as const
  const reply = await refresh(party, tokens!.refresh_token!, { credentials })
  checkTokens(reply, 'Bearer', trial.notes)
}

const pairwise = (host: DynamicStage['host'], document: unknown) => ({
  subject_type: 'pairwise',
  redirect_uris: [CALLBACK],
  sector_identifier_uri: host.publish('/sector', document),
})

const sector: DynamicModule = async ({ host, join }) => {
  const { registered } = await join(pairwise(host, [CALLBACK]))
  expect(registered['subject_type']).to.equal('pairwise')
}

const sectorOfOthers: DynamicModule = async ({ host, registrar, notes }) => {
  const reply = await registrar.ask(pairwise(host, ['https://elsewhere.example.test/']))
  checkNotRegistered(reply, ['invalid_client_metadata'], notes)
}

const serverRotates: DynamicModule = async ({ op, notes }) => {
  const before = await fetchJwks(op)
  const { parts } = op.server
  await rotateSigningKeyNow(parts, 'RS256')
  await parts.runtime.refresh()
  const after = await fetchJwks(op)
  const kids = after.keys.map(({ kid }) => kid)
  expect(
    kids.some((kid) => !before.keys.some((key) => key.kid === kid)),
    'a new key',
  ).to.equal(true)
  const gone = before.keys.filter(({ kid }) => !kids.includes(kid))
  if (gone.length > 0) notes.warn(`gone: ${gone.map(({ kid }) => kid).join(', ')}`)
}

const byReference: DynamicModule = async ({ op, host, join, notes }) => {
  expect(op.metadata['request_uri_parameter_supported']).to.equal(true)
  expect(op.metadata['request_object_signing_alg_values_supported']).to.include('RS256')
  const request_uri = host.publish('/request.jwt', 'not yet')
  const party = await join({ request_uris: [request_uri], request_object_signing_alg: 'RS256' })
  const request = authorizationRequest(party)
  const object = await new SignJWT(request.parameters)
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer(party.clientId)
    .setAudience(op.issuer)
    .sign(party.key.privateKey)
  host.publish('/request.jwt', object)
  const { client_id, response_type, scope } = request.parameters
  const outside = { client_id, response_type, scope, request_uri } as Record<string, string>
  checkSuccess(party, request, answerOf(await visit(party, outside)), notes)
}

/** The suite fails a provider that takes no request_uri at all, before it skips. */
const unsignedByReference: DynamicModule = async ({ op, notes }) => {
  expect(op.metadata['request_uri_parameter_supported']).to.equal(true)
  expect(op.metadata['request_object_signing_alg_values_supported']).not.to.include('none')
  notes.skip('none is not in request_object_signing_alg_values_supported')
}

const issuerAsAudience: DynamicModule = async ({ op, party, notes }) => {
  const { request, answer } = await authorize(party, notes)
  const grant = { code: answer.parameters['code']!, verifier: request.verifier }
  const assertion = { claims: { aud: op.issuer } }
  checkTokens(await redeem(party, grant, { assertion }), 'Bearer', notes)
}

export const DYNAMIC: Record<string, DynamicModule> = {
  'oidcc-idtoken-rs256': signedWithRs256,
  'oidcc-idtoken-unsigned': unsignedIdToken,
  'oidcc-userinfo-rs256': signedUserInfo,
  'oidcc-ensure-redirect-uri-in-authorization-request': goesNowhere(
    [CALLBACK, `${CALLBACK}/second`],
    { redirect_uri: undefined },
  ),
  'oidcc-redirect-uri-query-OK': queryIsKept,
  'oidcc-redirect-uri-query-mismatch': goesNowhere([`${CALLBACK}?foo=bar`], {
    redirect_uri: `${CALLBACK}?foo=baz`,
  }),
  'oidcc-redirect-uri-query-added': goesNowhere([CALLBACK], {
    redirect_uri: `${CALLBACK}?foo=bar`,
  }),
  'oidcc-redirect-uri-regfrag': fragment,
  'oidcc-registration-logo-uri': shows('logo_uri', 'login-form', (uri) => `<img src="${uri}"`),
  'oidcc-registration-policy-uri': shows('policy_uri', 'consent-form', link),
  'oidcc-registration-tos-uri': shows('tos_uri', 'consent-form', link),
  'oidcc-registration-jwks-uri': keysByAddress,
  'oidcc-registration-sector-uri': sector,
  'oidcc-registration-sector-bad': sectorOfOthers,
  'oidcc-server-rotate-keys': serverRotates,
  'oidcc-refresh-token-rp-key-rotation': rotatesItsKey,
  'oidcc-request-uri-unsigned': unsignedByReference,
  'oidcc-request-uri-signed-rs256': byReference,
  'oidcc-ensure-client-assertion-with-iss-aud-succeeds': issuerAsAudience,
}
