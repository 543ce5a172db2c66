import { expect } from 'chai'
import { answerOf, checkErrorPage, checkRefused, checkSuccess } from '../support/answer.ts'
import { flow } from '../support/flow.ts'
import type { Parameters } from '../support/party.ts'
import { authorizationRequest, visit } from '../support/party.ts'
import type { Module } from '../support/plan.ts'
import type { OidcStage } from './stage.ts'

/** The flow itself, with everything that may be added to the request without changing it. */

type OidcModule = Module<OidcStage>

/** The whole flow with these parameters, in a browser that nobody signed in with. */
const succeedsWith =
  (parameters: Parameters): OidcModule =>
  async ({ party, notes }) => {
    const { journey } = await flow(party, notes, { parameters })
    expect(journey.seen).to.include('login-form')
  }

const acrValues: OidcModule = async ({ op, party, notes }) => {
  const supported = op.metadata['acr_values_supported'] as string[]
  expect(supported).to.be.an('array').that.is.not.empty
  const { claims } = await flow(party, notes, { parameters: { acr_values: supported.join(' ') } })
  if (!supported.includes(String(claims['acr']))) notes.warn(`acr is ${claims['acr']}`)
}

const otherOrder: OidcModule = async ({ party, notes }) => {
  const request = authorizationRequest(party, {
    scope: party.scope.split(' ').reverse().join(' '),
  })
  const reordered = Object.fromEntries(Object.entries(request.parameters).reverse())
  const journey = await visit(party, reordered)
  checkSuccess(party, request, answerOf(journey), notes)
  await flow(party, notes, { parameters: { scope: request.parameters['scope'] } })
}

const byPost: OidcModule = async ({ party, notes }) => {
  const request = authorizationRequest(party)
  const journey = await visit(party, request.parameters, { method: 'POST' })
  if (journey.leaves) return checkSuccess(party, request, answerOf(journey), notes)
  expect(journey.last.status).to.be.within(400, 499)
  notes.warn(`an authorization request by POST is answered with ${journey.last.status}`)
}

const secretInBody: OidcModule = async ({ op, register, notes }) => {
  expect(op.metadata['token_endpoint_auth_methods_supported']).to.include('client_secret_post')
  await flow(await register({ token_endpoint_auth_method: 'client_secret_post' }), notes)
}

const withoutResponseType: OidcModule = async ({ party, notes }) => {
  const request = authorizationRequest(party, {
    response_type: undefined,
    response_mode: undefined,
  })
  const journey = await visit(party, request.parameters)
  checkRefused(party, request, journey, ['unsupported_response_type', 'invalid_request'], notes)
}

const withoutNonceFails: OidcModule = async ({ party, notes }) => {
  const request = authorizationRequest(party, { nonce: undefined })
  checkRefused(party, request, await visit(party, request.parameters), ['invalid_request'], notes)
}

const foreignRedirectUri: OidcModule = async ({ party, notes }) => {
  const request = authorizationRequest(party, { redirect_uri: `${party.redirectUri}/foo` })
  const { leaves, last } = await visit(party, request.parameters)
  expect(leaves, 'redirected').to.equal(undefined)
  checkErrorPage(last, notes)
}

const pkce: OidcModule = async ({ op, party, notes }) => {
  expect(op.metadata['code_challenge_methods_supported']).to.include('S256')
  const { request } = await flow({ ...party, pkce: true }, notes)
  expect(request.parameters['code_challenge_method']).to.equal('S256')
}

export const HAPPY_FLOW: Record<string, OidcModule> = {
  'oidcc-server': succeedsWith({}),
  'oidcc-ensure-request-without-nonce-succeeds-for-code-flow': succeedsWith({ nonce: undefined }),
  'oidcc-display-page': succeedsWith({ display: 'page' }),
  'oidcc-display-popup': succeedsWith({ display: 'popup' }),
  'oidcc-ensure-request-with-unknown-parameter-succeeds': succeedsWith({ extra: 'foobar' }),
  'oidcc-login-hint': succeedsWith({ login_hint: 'buffy@localhost' }),
  'oidcc-ui-locales': succeedsWith({ ui_locales: 'se' }),
  'oidcc-claims-locales': succeedsWith({ claims_locales: 'se' }),
  'oidcc-ensure-request-with-acr-values-succeeds': acrValues,
  'oidcc-alternate-happy-flow': otherOrder,
  'oidcc-ensure-post-request-succeeds': byPost,
  'oidcc-server-client-secret-post': secretInBody,
  'oidcc-response-type-missing': withoutResponseType,
  'oidcc-ensure-request-without-nonce-fails': withoutNonceFails,
  'oidcc-ensure-registered-redirect-uri': foreignRedirectUri,
  'oidcc-ensure-request-with-valid-pkce-succeeds': pkce,
}
