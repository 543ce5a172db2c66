import { expect } from 'chai'
import type { Reply } from '../../support/http.ts'
import { checkEntropy } from './checks/entropy.ts'
import { checkErrorText } from './checks/errors.ts'
import type { Notes } from './outcome.ts'
import { type AuthorizationRequest, hasCode, hasInFront, type Party } from './party.ts'
import type { Journey } from './stand_in.ts'

/** The authorization response at the client's address, however it was brought there. */
export type Answer = {
  delivery: 'query' | 'fragment' | 'form_post'
  uri: URL
  parameters: Record<string, string>
}

/** @throws AssertionError where the browser stayed with us */
export function answerOf({ leaves, last }: Journey): Answer {
  if (!leaves) {
    throw new Error(`never came back: ${last.status} ${last.url}: ${last.text().slice(0, 300)}`)
  }
  const { uri, posted } = leaves
  if (posted) return { delivery: 'form_post', uri, parameters: Object.fromEntries(posted) }
  return uri.hash === ''
    ? { delivery: 'query', uri, parameters: Object.fromEntries(uri.searchParams) }
    : {
        delivery: 'fragment',
        uri,
        parameters: Object.fromEntries(new URLSearchParams(uri.hash.slice(1))),
      }
}

/** Everything that holds of every successful response. */
export function checkSuccess(
  party: Party,
  request: AuthorizationRequest,
  answer: Answer,
  notes: Notes,
): void {
  const { parameters } = answer
  expect(parameters, 'an answer and no error').not.to.have.property('error')
  checkWay(party, request, answer)
  checkWhoAnswers(party, request, answer)
  expect('code' in parameters, 'code').to.equal(hasCode(party))
  expect('id_token' in parameters, 'id_token').to.equal(hasInFront(party, 'id_token'))
  expect('access_token' in parameters, 'access_token').to.equal(hasInFront(party, 'token'))
  if (parameters['code']) checkEntropy('code', parameters['code'], 96)
  if (parameters['access_token']) checkFrontToken(parameters, notes)
}

function checkFrontToken(parameters: Record<string, string>, notes: Notes): void {
  expect(parameters['token_type']?.toLowerCase()).to.equal('bearer')
  checkEntropy('access_token', parameters['access_token']!, 96)
  if (parameters['expires_in'] === undefined) notes.warn('no expires_in beside the access token')
}

/** Query for code, fragment for the others, or a POST, with nothing of it in the address. */
function checkWay(party: Party, request: AuthorizationRequest, { delivery, uri }: Answer): void {
  const byItself = party.responseType === 'code' ? 'query' : 'fragment'
  const { response_mode: asked } = request.parameters
  // `jwt` is the default way of the response type, as one parameter.
  expect(delivery).to.equal(asked === undefined || asked === 'jwt' ? byItself : asked)
  if (delivery !== 'query') {
    expect([...uri.searchParams.keys()]).not.to.include.members(['code'])
    expect(uri.searchParams.has('error'), 'error in the query').to.equal(false)
  }
}

/** state and iss (RFC 9207), and the client's own query parameters kept. */
function checkWhoAnswers(
  { op, redirectUri }: Party,
  request: AuthorizationRequest,
  { uri, parameters }: Answer,
): void {
  const sentTo = new URL(request.parameters['redirect_uri'] ?? redirectUri)
  expect(uri.origin + uri.pathname).to.equal(sentTo.origin + sentTo.pathname)
  for (const [name, value] of sentTo.searchParams) {
    expect(uri.searchParams.get(name), `${name} of the redirect_uri`).to.equal(value)
  }
  expect(parameters['state'], 'state').to.equal(request.parameters['state'])
  // RFC 9207 §2.3: an ID token in the response says it already.
  const isTold = 'iss' in parameters || !('id_token' in parameters)
  if (op.metadata['authorization_response_iss_parameter_supported'] === true && isTold) {
    expect(parameters['iss'], 'iss').to.equal(op.issuer)
  }
}

const OF_ERRORS = new Set(['error', 'error_description', 'error_uri', 'state', 'iss'])

/** An error that goes to the client: one of `allowed`, state kept, no code, nothing unknown. */
export function checkErrorAnswer(
  party: Party,
  request: AuthorizationRequest,
  answer: Answer,
  allowed: readonly string[],
  notes: Notes,
): void {
  const { parameters } = answer
  expect(parameters['error'], parameters['error_description']).to.be.oneOf([...allowed])
  expect(parameters).not.to.have.any.keys('code', 'id_token', 'access_token')
  checkWhoAnswers(party, request, answer)
  checkErrorText(parameters, notes)
  const ours = new Set([...OF_ERRORS, ...new URL(party.redirectUri).searchParams.keys()])
  const unknown = Object.keys(parameters).filter((name) => !ours.has(name))
  if (unknown.length > 0) notes.warn(`unknown parameters beside the error: ${unknown.join(', ')}`)
}

/** A page of ours that says no: no redirect, a 4xx, and it names the problem. */
export function checkErrorPage(page: Reply, notes: Notes): void {
  expect(page.location, 'redirected').to.equal(undefined)
  expect(page.headers['content-type']).to.match(/^text\/html/)
  expect(page.status, page.text().slice(0, 300)).to.be.within(400, 499)
  expect(page.body).to.include('id="oauth-error"')
  notes.review(`error page: ${page.text().slice(0, 200)}`)
}

/** Where the suite takes both: an error at the client or a page that a human looks at. */
export function checkRefused(
  party: Party,
  request: AuthorizationRequest,
  journey: Journey,
  allowed: readonly string[],
  notes: Notes,
): void {
  if (!journey.leaves) checkErrorPage(journey.last, notes)
  else checkErrorAnswer(party, request, answerOf(journey), allowed, notes)
}
