import { expect } from 'chai'
import type { Browser } from '../../support/http.ts'
import { type Answer, answerOf, checkSuccess } from './answer.ts'
import { STANDARD_CLAIMS } from './checks/claims.ts'
import { checkIdToken, type Expected, type IdToken } from './checks/id_token.ts'
import { checkTokens, type Tokens } from './checks/tokens.ts'
import { checkUserInfo, fetchUserInfo } from './checks/userinfo.ts'
import type { Notes } from './outcome.ts'
import {
  type AuthorizationRequest,
  authorizationRequest,
  hasCode,
  type Parameters,
  type Party,
  redeem,
  type Visit,
  visit,
} from './party.ts'
import type { Journey } from './stand_in.ts'

/** A whole sign-in of the party's flow, with every check that the suite makes in every module. */
export type Flow = {
  browser: Browser
  request: AuthorizationRequest
  journey: Journey
  answer: Answer
  /** Of the token endpoint; undefined in the implicit flow. */
  tokens: Tokens | undefined
  /** The ID token that counts, and its claims: the one of the token endpoint where there is one. */
  idToken: string
  claims: IdToken
  /** Of the token endpoint, else from the front; undefined for `id_token` alone. */
  accessToken: string | undefined
}

export type FlowOptions = Visit & {
  parameters?: Parameters
  /** Claims that the ID token may hold because they are asked for there. */
  mayHold?: readonly string[]
}

export async function authorize(party: Party, notes: Notes, options: FlowOptions = {}) {
  const { parameters, mayHold: _, browser = party.op.newBrowser(), ...conduct } = options
  const request = authorizationRequest(party, parameters)
  const journey = await visit(party, request.parameters, { browser, ...conduct })
  const answer = answerOf(journey)
  checkSuccess(party, request, answer, notes)
  return { browser, request, journey, answer }
}

export async function flow(party: Party, notes: Notes, options: FlowOptions = {}): Promise<Flow> {
  const authorized = await authorize(party, notes, options)
  const { request, answer } = authorized
  const mayHold = options.mayHold ?? claimsOfIdToken(party)
  const { nonce } = request.parameters
  const inFront = await frontIdToken(party, answer, { nonce, mayHold }, notes)
  const tokens = hasCode(party) ? await exchange(party, authorized, notes) : undefined
  const fromEndpoint = tokens && (await endpointIdToken(party, tokens, { nonce, mayHold }, notes))
  const claims = (fromEndpoint ?? inFront)!
  if (inFront) expect([inFront['iss'], inFront.sub]).to.deep.equal([claims['iss'], claims.sub])
  const accessToken = tokens?.access_token ?? answer.parameters['access_token']
  if (accessToken) checkUserInfo(await fetchUserInfo(party, accessToken), claims.sub)
  const idToken = tokens?.id_token ?? answer.parameters['id_token']!
  return { ...authorized, tokens, idToken, claims, accessToken }
}

/** Core §5.4: without an access token the claims of the scopes are in the ID token. */
function claimsOfIdToken({ responseType }: Party): readonly string[] {
  return responseType === 'id_token' ? STANDARD_CLAIMS : []
}

type Asked = Pick<Expected, 'nonce' | 'mayHold'>

async function frontIdToken(party: Party, { parameters }: Answer, asked: Asked, notes: Notes) {
  const { id_token, code, access_token: accessToken } = parameters
  if (id_token === undefined) return undefined
  return await checkIdToken(party, id_token, { ...asked, inFront: true, code, accessToken }, notes)
}

async function endpointIdToken(party: Party, tokens: Tokens, asked: Asked, notes: Notes) {
  const expected = { ...asked, accessToken: tokens.access_token }
  return await checkIdToken(party, tokens.id_token!, expected, notes)
}

async function exchange(
  party: Party,
  { request, answer }: { request: AuthorizationRequest; answer: Answer },
  notes: Notes,
): Promise<Tokens> {
  const { redirect_uri = party.redirectUri } = request.parameters
  const code = answer.parameters['code']!
  const reply = await redeem(party, { code, verifier: request.verifier, redirect_uri })
  const tokens = checkTokens(reply, 'Bearer', notes)
  expect(tokens.id_token, 'id_token').to.be.a('string')
  return tokens
}
