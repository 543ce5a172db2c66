import { createHash } from 'node:crypto'
import { randomToken } from '../../../src/core/secrets.ts'
import {
  clientAssertion,
  dpopProof,
  type ProofChanges,
  type SigningParty,
} from '../../protocol/driver.ts'
import type { Issued } from '../../support/certificates.ts'
import type { Browser, Fields, Reply, SendOptions } from '../../support/http.ts'
import type { Endpoint, Op } from './op.ts'
import { type Conduct, type Journey, walk } from './stand_in.ts'

/** The relying party that the suite plays: one client, as it is registered, and what it sends. */
export type Party = {
  op: Op
  clientId: string
  credentials: Credentials
  redirectUri: string
  responseType: string
  responseMode: string | undefined
  scope: string
  /** Sends PKCE with every request, as all clients have to that are not of old. */
  pkce: boolean
  /** Which `alg` its ID tokens must have. */
  idTokenAlg: string
  /** Sender-constrained by this key (RFC 9449). */
  dpop?: SigningParty | undefined
  /** Shown wherever there is an endpoint that asks for one (RFC 8705 §5). */
  certificate?: Issued | undefined
}

export type Credentials =
  | { method: 'client_secret_basic' | 'client_secret_post'; secret: string }
  | { method: 'private_key_jwt'; key: SigningParty }
  | { method: 'tls_client_auth' | 'self_signed_tls_client_auth' | 'none' }

export type Parameters = Record<string, string | undefined>

/** An authorization request; `parameters` are what goes out, undefined was left out. */
export type AuthorizationRequest = {
  parameters: Record<string, string>
  verifier: string | undefined
}

/** With state and nonce; `changes` add, replace or, with undefined, take out. */
export function authorizationRequest(party: Party, changes: Parameters = {}): AuthorizationRequest {
  const verifier = party.pkce && hasCode(party) ? randomToken() : undefined
  const all: Parameters = {
    client_id: party.clientId,
    redirect_uri: party.redirectUri,
    scope: party.scope,
    state: randomToken(),
    nonce: randomToken(),
    response_type: party.responseType,
    response_mode: party.responseMode,
    ...(verifier ? { code_challenge: challengeOf(verifier), code_challenge_method: 'S256' } : {}),
    ...changes,
  }
  return { parameters: withoutUndefined(all), verifier }
}

function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

export function withoutUndefined(fields: Parameters): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

export function hasCode({ responseType }: Pick<Party, 'responseType'>): boolean {
  return responseType.split(' ').includes('code')
}

/** `token`: an access token comes back in front; `id_token`: an ID token does. */
export function hasInFront({ responseType }: Pick<Party, 'responseType'>, what: string): boolean {
  return responseType.split(' ').includes(what)
}

export type Visit = Partial<Conduct> & { browser?: Browser; method?: 'GET' | 'POST' }

/** Sends the browser to the authorization endpoint and lets the person do what comes. */
export async function visit(
  { op }: Party,
  parameters: Record<string, string>,
  { browser = op.newBrowser(), method = 'GET', ...conduct }: Visit = {},
): Promise<Journey> {
  const uri = op.metadata.authorization_endpoint
  const start =
    method === 'GET'
      ? await browser.get(`${uri}?${new URLSearchParams(parameters)}`)
      : await browser.post(uri, parameters)
  return await walk(
    { browser, issuer: op.issuer, conduct: { person: op.alice, ...conduct } },
    start,
  )
}

/** RFC 8705 §5: who has a certificate uses the aliases. */
export function endpointOf({ op, certificate }: Party, name: Endpoint): string {
  const alias = certificate && op.metadata.mtls_endpoint_aliases?.[name]
  return alias ?? op.metadata[name]
}

/** What a client may do otherwise than it should, in a request to an endpoint of machines. */
export type Deviation = {
  /** Instead of its own; undefined: says nothing about who it is but its client_id. */
  credentials?: Credentials | undefined
  assertion?: ProofChanges
  /** undefined: sends no proof though its tokens are bound. */
  dpop?: SigningParty | undefined
  /** undefined: shows none. */
  certificate?: Issued | undefined
  proof?: ProofChanges & { accessToken?: string }
  headers?: SendOptions['headers']
}

/** A form to the token, PAR or another endpoint, with the client's authentication and proof. */
export async function machinePost(
  party: Party,
  uri: string,
  fields: Fields,
  deviation: Deviation = {},
): Promise<Reply> {
  const attempt = async (nonce?: string) => {
    const credentials = 'credentials' in deviation ? deviation.credentials : party.credentials
    const who = await authentication(party, credentials, deviation.assertion)
    const dpop = 'dpop' in deviation ? deviation.dpop : party.dpop
    const proof = dpop
      ? {
          dpop: await dpopProof(dpop, 'POST', uri, {
            ...deviation.proof,
            ...(nonce ? { nonce } : {}),
          }),
        }
      : {}
    const certificate = 'certificate' in deviation ? deviation.certificate : party.certificate
    return await party.op
      .newBrowser(certificate)
      .post(
        uri,
        { ...who.fields, ...(fields as Record<string, string>) },
        { headers: { accept: 'application/json', ...who.headers, ...proof, ...deviation.headers } },
      )
  }
  const reply = await attempt()
  // RFC 9449 §8: the suite starts again with the nonce it was given, at every endpoint.
  return asksForNonce(reply) ? await attempt(String(reply.headers['dpop-nonce'])) : reply
}

function asksForNonce(reply: Reply): boolean {
  return reply.status >= 400 && reply.body.includes('"use_dpop_nonce"')
}

async function authentication(
  { op, clientId }: Party,
  credentials: Credentials | undefined,
  changes: ProofChanges = {},
): Promise<{ fields: Record<string, string>; headers: Record<string, string> }> {
  switch (credentials?.method) {
    case 'client_secret_basic': {
      const pair = [clientId, credentials.secret].map(encodeURIComponent).join(':')
      const authorization = `Basic ${Buffer.from(pair).toString('base64')}`
      return { fields: {}, headers: { authorization } }
    }
    case 'client_secret_post':
      return { fields: { client_id: clientId, client_secret: credentials.secret }, headers: {} }
    case 'private_key_jwt': {
      const fields = await clientAssertion(op.server, clientId, credentials.key, changes)
      return { fields, headers: {} }
    }
    default:
      return { fields: { client_id: clientId }, headers: {} }
  }
}

export function tokenRequest(
  party: Party,
  fields: Parameters,
  deviation?: Deviation,
): Promise<Reply> {
  return machinePost(
    party,
    endpointOf(party, 'token_endpoint'),
    withoutUndefined(fields),
    deviation,
  )
}

/** The code for tokens; `changes` as in an authorization request. */
export function redeem(
  party: Party,
  { code, verifier, ...changes }: { code: string; verifier: string | undefined } & Parameters,
  deviation?: Deviation,
): Promise<Reply> {
  const fields = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: party.redirectUri,
    code_verifier: verifier,
    ...changes,
  }
  return tokenRequest(party, fields, deviation)
}

export function refresh(party: Party, refreshToken: string, deviation?: Deviation) {
  return tokenRequest(
    party,
    { grant_type: 'refresh_token', refresh_token: refreshToken },
    deviation,
  )
}
