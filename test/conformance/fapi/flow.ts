import { expect } from 'chai'
import type { ProofChanges } from '../../protocol/driver.ts'
import type { Browser, Reply } from '../../support/http.ts'
import { type Answer, checkSuccess } from '../support/answer.ts'
import { checkEntropy } from '../support/checks/entropy.ts'
import { checkMachineError } from '../support/checks/errors.ts'
import { checkIdToken, type IdToken } from '../support/checks/id_token.ts'
import { checkTokens, type Tokens } from '../support/checks/tokens.ts'
import type { Notes } from '../support/outcome.ts'
import {
  type AuthorizationRequest,
  authorizationRequest,
  type Deviation,
  endpointOf,
  machinePost,
  type Parameters,
  redeem,
  type Visit,
  visit,
} from '../support/party.ts'
import type { Journey } from '../support/stand_in.ts'
import { type Use, useToken } from './resource.ts'
import { checkRefused, openedAnswer, requestObject } from './signed_messages.ts'
import type { FapiParty, FapiTrial } from './stage.ts'

/** The flow of FAPI 2.0: push, visit, redeem with a proof, use with a proof. */

export type Options = Visit & {
  parameters?: Parameters
  /** What is done otherwise at the PAR endpoint, at the token endpoint, and at the resource. */
  atPar?: PushDeviation
  atToken?: Deviation
  atUse?: Use
  /** Beside client_id and request_uri, in the browser's address. */
  outside?: Record<string, string>
}

export function fapiRequest(party: FapiParty, changes: Parameters = {}): AuthorizationRequest {
  const plain = party.openid ? {} : { nonce: undefined }
  return authorizationRequest(party, { ...party.always, ...plain, ...changes })
}

/** `object` changes the signed object, `form` what stands beside it. */
export type PushDeviation = Deviation & { object?: ProofChanges; form?: Record<string, string> }

export async function push(
  party: FapiParty,
  request: AuthorizationRequest,
  { object, form, ...deviation }: PushDeviation = {},
): Promise<Reply> {
  const uri = endpointOf(party, 'pushed_authorization_request_endpoint')
  const fields = party.signs
    ? { request: await requestObject(party, request, object) }
    : request.parameters
  return await machinePost(party, uri, { ...fields, ...form }, deviation)
}

/** RFC 9126 §2.2, and a name that nobody guesses. */
export function checkPushed(reply: Reply): { request_uri: string; expires_in: number } {
  expect(reply.status, reply.body).to.equal(201)
  expect(reply.headers['content-type']).to.match(/^application\/json(;|$)/)
  const pushed = reply.json<{ request_uri: string; expires_in: number }>()
  checkEntropy('request_uri', pushed.request_uri, 128)
  expect(pushed.expires_in).to.be.a('number').within(5, 599)
  return pushed
}

export async function pushed(
  party: FapiParty,
  changes: Parameters = {},
  deviation?: PushDeviation,
): Promise<{ request: AuthorizationRequest; request_uri: string; expires_in: number }> {
  const request = fapiRequest(party, changes)
  return { request, ...checkPushed(await push(party, request, deviation)) }
}

/** With nothing in the address but who asks, and the name of what was pushed. */
export function visitPushed(
  { op, ...party }: FapiParty,
  request_uri: string,
  { outside = {}, ...options }: Visit & { outside?: Record<string, string> } = {},
): Promise<Journey> {
  return visit({ op, ...party }, { client_id: party.clientId, request_uri, ...outside }, options)
}

export type Authorized = { request: AuthorizationRequest; answer: Answer; browser: Browser }

export async function authorize(
  party: FapiParty,
  notes: Notes,
  { parameters, atPar, atToken: _token, atUse: _use, ...options }: Options = {},
): Promise<Authorized> {
  const { browser = party.op.newBrowser() } = options
  const { request, request_uri } = await pushed(party, parameters, atPar)
  const journey = await visitPushed(party, request_uri, { ...options, browser })
  const answer = await openedAnswer(party, journey, notes)
  checkSuccess(party, request, answer, notes)
  // RFC 9207, which FAPI 2.0 §5.3.2.2 requires.
  expect(answer.parameters['iss']).to.equal(party.op.issuer)
  return { request, answer, browser }
}

export type Granted = Authorized & { tokens: Tokens; idToken: IdToken | undefined }

export async function flow(
  { resource, notes }: Pick<FapiTrial, 'resource' | 'notes'>,
  party: FapiParty,
  options: Options = {},
): Promise<Granted> {
  const authorized = await authorize(party, notes, options)
  const reply = await redeemAt(party, authorized, options.atToken)
  const tokens = checkTokens(reply, tokenTypeOf(party), notes)
  const idToken = await idTokenOf(party, authorized, tokens, notes)
  checkUsed(await useToken(resource, party, tokens.access_token, options.atUse))
  return { ...authorized, tokens, idToken }
}

export function tokenTypeOf({ dpop }: FapiParty): 'DPoP' | 'Bearer' {
  return dpop ? 'DPoP' : 'Bearer'
}

/** Without what the tokens are bound to. */
export function unbound({ dpop }: FapiParty): Deviation {
  return dpop ? { dpop: undefined } : { certificate: undefined }
}

/** With its client_id alone. */
export function anonymous({ credentials }: FapiParty): Deviation {
  const byCertificate = credentials.method.endsWith('tls_client_auth')
  return { credentials: undefined, ...(byCertificate ? { certificate: undefined } : {}) }
}

export function redeemAt(
  party: FapiParty,
  { request, answer }: Authorized,
  deviation?: Deviation,
): Promise<Reply> {
  const code = answer.parameters['code']!
  return redeem(party, { code, verifier: request.verifier }, deviation)
}

async function idTokenOf(
  party: FapiParty,
  { request, answer }: Authorized,
  tokens: Tokens,
  notes: Notes,
): Promise<IdToken | undefined> {
  if (!party.openid) {
    expect(tokens, 'plain OAuth').not.to.have.property('id_token')
    return undefined
  }
  const expected = {
    nonce: request.parameters['nonce'],
    accessToken: tokens.access_token,
    code: answer.parameters['code'],
    mayHold: mayHold(request),
  }
  return await checkIdToken(party, tokens.id_token!, expected, notes)
}

/** Claims asked for by the claims parameter to be in the ID token. */
function mayHold({ parameters }: AuthorizationRequest): string[] {
  const { id_token = {} } = JSON.parse(parameters['claims'] ?? '{}') as { id_token?: object }
  return Object.keys(id_token)
}

/** FAPI 2.0 §5.3.4: the resource server answers, with a Date header. */
export function checkUsed(reply: Reply): void {
  expect(reply.status, reply.body).to.be.oneOf([200, 201])
  expect(Date.parse(String(reply.headers.date)), 'Date')
    .to.be.a('number')
    .above(0)
}

/**
 * Where it is refused is up to the server: when it is pushed, at the client's address, or on a page of
 * its own.
 */
export async function checkRefusedSomewhere(
  { party, notes }: Pick<FapiTrial, 'party' | 'notes'>,
  request: AuthorizationRequest,
  allowed: readonly string[],
  deviation?: PushDeviation,
): Promise<void> {
  const reply = await push(party, request, deviation)
  if (reply.status !== 201) {
    checkMachineError(reply, allowed, notes)
    return
  }
  const journey = await visitPushed(party, checkPushed(reply).request_uri)
  await checkRefused(party, request, journey, allowed, notes)
}
