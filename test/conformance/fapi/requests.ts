import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { checkErrorAnswer } from '../support/answer.ts'
import { checkUserInfo } from '../support/checks/userinfo.ts'
import type { Notes } from '../support/outcome.ts'
import { type Parameters, visit } from '../support/party.ts'
import type { Journey } from '../support/stand_in.ts'
import {
  checkRefusedSomewhere,
  checkUsed,
  fapiRequest,
  flow,
  pushed,
  redeemAt,
  visitPushed,
} from './flow.ts'
import { useToken } from './resource.ts'
import { checkRefused, openedAnswer } from './signed_messages.ts'
import type { FapiModule, FapiParty, FapiTrial } from './stage.ts'
import { checkTls } from './tls.ts'

/** The authorization request: what may be in it, what must, and what comes back. */

const REFUSED = ['invalid_request', 'invalid_request_object']
const ELSEWHERE = 'https://suite.example.test/test/a/authcore/elsewhere'

const happyFlow: FapiModule = async (trial) => {
  const { party, second, resource } = trial
  const state = randomBytes(96).toString('base64url')
  expect(state).to.have.length(128)
  const { tokens } = await flow(trial, party, { parameters: { state } })
  await acceptsOddHeaders(trial, tokens.access_token)
  const query = new URLSearchParams({ access_token: tokens.access_token })
  const inQuery = await party.op.newBrowser(party.certificate).get(`${resource.uri}?${query}`)
  expect(inQuery.status, 'access token in the query').to.be.within(400, 499)
  // The second client binds its code with dpop_jkt alone, and its address has a query of its own.
  const nonce = randomBytes(32).toString('base64url')
  const parameters = {
    ...(second.openid ? { nonce } : {}),
    ...(second.dpop ? { dpop_jkt: second.dpop.thumbprint } : {}),
  }
  await flow(trial, second, { parameters, atPar: { dpop: undefined } })
  // Our own TLS is where client certificates are asked for; the rest is the operator's proxy.
  const { mutualTls } = trial.op
  if (mutualTls) await checkTls(mutualTls.origin, mutualTls.ca)
}

async function acceptsOddHeaders({ party, resource }: FapiTrial, accessToken: string) {
  for (const headers of [
    { accept: 'application/json;charset=UTF-8, */*;q=0.1' },
    { 'x-fapi-customer-ip-address': '198.51.100.119' },
    { 'x-fapi-interaction-id': crypto.randomUUID() },
  ]) {
    checkUsed(await useToken(resource, party, accessToken, { headers }))
  }
}

const personRefuses: FapiModule = async ({ party, second, notes }) => {
  for (const [client, cancelsAt] of [
    [party, 'login-form'],
    [second, 'consent-form'],
  ] as const) {
    const { request, request_uri } = await pushed(client, { prompt: 'consent' })
    const journey = await visitPushed(client, request_uri, { cancelsAt })
    expect(journey.seen.at(-1)).to.equal(cancelsAt)
    const answer = await openedAnswer(client, journey, notes)
    checkErrorAnswer(client, request, answer, ['access_denied'], notes)
  }
}

const succeedsWith =
  (parametersOf: (scope: string) => Parameters): FapiModule =>
  async (trial) => {
    const { party } = trial
    const parameters = parametersOf(party.scope)
    const { answer, idToken } = await flow(trial, party, { parameters })
    expect(answer.parameters).not.to.have.property('s_hash')
    if (idToken) expect(idToken).not.to.have.property('s_hash')
  }

/** OpenID Connect Core §5.5: asked for by name, in both places. */
const identityClaims: FapiModule = async (trial) => {
  const { op, party, resource, notes } = trial
  if (!party.openid) return notes.skip('no claims without OpenID Connect')
  expect(op.metadata['claims_parameter_supported']).to.equal(true)
  const names = op.metadata['claims_supported'] as string[]
  const wanted = Object.fromEntries([...names, 'unknown_claim'].map((name) => [name, null]))
  const parameters = { claims: JSON.stringify({ id_token: wanted, userinfo: wanted }) }
  const { tokens, idToken } = await flow(trial, party, { parameters })
  const about = checkUserInfo(await useToken(resource, party, tokens.access_token), idToken!.sub)
  const missing = names.filter((name) => !(name in idToken!) && !(name in about))
  if (missing.length > 0) notes.warn(`missing: ${missing.join(', ')}`)
}

/** What stands outside of what was pushed: ignored, or refused. */
const differsOutside =
  (name: 'state' | 'nonce'): FapiModule =>
  async ({ party, notes }) => {
    const { request, request_uri } = await pushed(party)
    const outside = { [name]: 'the one that counts for nothing' }
    const journey = await visitPushed(party, request_uri, { outside })
    const answer = await successOf(party, journey, notes)
    if (!answer) return await checkRefused(party, request, journey, ['invalid_request'], notes)
    expect(answer.parameters['state'], 'state as it was pushed').to.equal(
      request.parameters['state'],
    )
    const reply = await redeemAt(party, { request, answer, browser: party.op.newBrowser() })
    expect(reply.status, reply.body).to.equal(200)
  }

const stateOutsideOnly: FapiModule = async ({ party, notes }) => {
  const { request, request_uri } = await pushed(party, { state: undefined })
  const journey = await visitPushed(party, request_uri, { outside: { state: 'from outside' } })
  const answer = await successOf(party, journey, notes)
  if (!answer) return await checkRefused(party, request, journey, ['invalid_request'], notes)
  expect(answer.parameters).not.to.have.any.keys('state', 's_hash')
}

/** The answer with a code in it; undefined where it was refused, on a page or with an error. */
async function successOf(party: FapiParty, journey: Journey, notes: Notes) {
  const answer = journey.leaves && (await openedAnswer(party, journey, notes))
  return answer?.parameters['code'] === undefined ? undefined : answer
}

/** 384 characters are kept as they are, or refused: never cut. */
const long =
  (name: 'state' | 'nonce'): FapiModule =>
  async (trial) => {
    if (name === 'nonce' && !trial.party.openid) return trial.notes.skip('no ID token, no nonce')
    const parameters = { [name]: randomBytes(288).toString('base64url') }
    expect(parameters[name]).to.have.length(384)
    // The flow compares both with what was sent.
    await flow(trial, trial.party, { parameters })
  }

const refusedWith =
  (changes: Parameters, allowed: readonly string[] = REFUSED): FapiModule =>
  (trial) =>
    checkRefusedSomewhere(trial, fapiRequest(trial.party, changes), allowed)

const withoutPar: FapiModule = async ({ party, notes }) => {
  const request = fapiRequest(party)
  const journey = await visit(party, request.parameters)
  await checkRefused(party, request, journey, ['invalid_request'], notes)
}

const UNSUPPORTED = ['unsupported_response_type', 'unauthorized_client', 'invalid_request']

export const REQUESTS: Record<string, FapiModule> = {
  'happy-flow': happyFlow,
  'user-rejects-authentication': personRefuses,
  'ensure-authorization-request-without-state-success': succeedsWith(() => ({ state: undefined })),
  'ensure-authorization-request-without-nonce-success': succeedsWith(() => ({ nonce: undefined })),
  'ensure-authorization-request-with-64-char-nonce-success': succeedsWith(() => ({
    nonce: randomBytes(48).toString('base64url'),
  })),
  'ensure-other-scope-order-succeeds': succeedsWith((scope) => ({
    scope: scope.split(' ').reverse().join(' '),
  })),
  'test-claims-parameter-identity-claims': identityClaims,
  'ensure-different-nonce-inside-and-outside-request-object': differsOutside('nonce'),
  'ensure-different-state-inside-and-outside-request-object': differsOutside('state'),
  'ensure-authorization-request-with-long-nonce': long('nonce'),
  'ensure-authorization-request-with-long-state': long('state'),
  'state-only-outside-request-object-not-used': stateOutsideOnly,
  'ensure-request-object-without-redirect-uri-fails': refusedWith({ redirect_uri: undefined }),
  'ensure-redirect-uri-in-authorization-request': refusedWith({ redirect_uri: undefined }),
  'plain-fapi-tolerate-unregistered-redirect-uri': refusedWith({ redirect_uri: ELSEWHERE }),
  'ensure-unsigned-authorization-request-without-using-par-fails': withoutPar,
  'ensure-response-type-code-idtoken-fails': refusedWith(
    { response_type: 'code id_token' },
    UNSUPPORTED,
  ),
  'ensure-response-type-token-fails': refusedWith({ response_type: 'token' }, UNSUPPORTED),
  'par-ensure-pkce-required': refusedWith({
    code_challenge: undefined,
    code_challenge_method: undefined,
  }),
  'par-plain-pkce-rejected': refusedWith({ code_challenge_method: 'plain' }),
}
