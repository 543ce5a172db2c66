import { randomInt } from 'node:crypto'
import { expect } from 'chai'
import {
  type CryptoKey,
  calculateJwkThumbprint,
  createRemoteJWKSet,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose'
import * as oidc from 'openid-client'
import { randomToken, sha256 } from '../../src/core/secrets.ts'
import { query } from '../../src/platform/persistence/db.ts'
import { type AuthCore, addClient, CALLBACK } from '../support/authcore.ts'
import {
  type Browser,
  browser,
  type Fields,
  type Reply,
  type SendOptions,
} from '../support/http.ts'
import type { SignedIn } from '../support/relying_party.ts'

/** What the tests of the specs say to the endpoints, with no library in between. */

export type TestClient = { clientId: string; secret?: string | undefined }

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** RFC 6749 §2.3.1: both parts are form-encoded. */
export function basic({ clientId, secret = '' }: TestClient): string {
  const encode = (text: string) => encodeURIComponent(text).replaceAll('%20', '+')
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(secret)}`).toString('base64')}`
}

/** A form to an endpoint of machines, from a client that says who it is as it is registered. */
export function post(
  { issuer }: AuthCore,
  path: string,
  client: TestClient | undefined,
  fields: Record<string, string | string[]>,
  options: SendOptions = {},
): Promise<Reply> {
  const named = client && client.secret === undefined ? { client_id: client.clientId } : {}
  const proven = client?.secret === undefined ? {} : { authorization: basic(client) }
  return browser().post(`${issuer}${path}`, { ...named, ...fields } as Fields, {
    ...options,
    headers: { accept: 'application/json', ...proven, ...options.headers },
  })
}

export type Tokens = {
  access_token: string
  refresh_token?: string
  id_token?: string
  token_type: string
  expires_in: number
  scope?: string
}

export function exchangeFields({ callback, checks }: Pick<SignedIn, 'callback' | 'checks'>) {
  return {
    grant_type: 'authorization_code',
    code: callback.searchParams.get('code') ?? '',
    redirect_uri: `${callback.origin}${callback.pathname}`,
    code_verifier: String(checks.pkceCodeVerifier),
  }
}

export function refreshFields(refreshToken: string) {
  return { grant_type: 'refresh_token', refresh_token: refreshToken }
}

export function refresh(
  server: AuthCore,
  client: TestClient,
  token: string,
  options?: SendOptions,
) {
  return post(server, '/token', client, refreshFields(token), options)
}

export async function introspect(
  server: AuthCore,
  client: TestClient,
  token: string,
  hint?: string,
): Promise<Record<string, unknown>> {
  const fields = { token, ...(hint ? { token_type_hint: hint } : {}) }
  const reply = await post(server, '/introspect', client, fields)
  expect(reply.status, reply.body).to.equal(200)
  return reply.json()
}

export function revoke(server: AuthCore, client: TestClient, token: string, hint?: string) {
  const fields = { token, ...(hint ? { token_type_hint: hint } : {}) }
  return post(server, '/revoke', client, fields)
}

export function userinfo({ issuer }: AuthCore, accessToken: string, options: SendOptions = {}) {
  const headers = { authorization: `Bearer ${accessToken}`, ...options.headers }
  return browser().get(`${issuer}/userinfo`, { ...options, headers })
}

/** An OAuth error: JSON, never stored, and with a description that names nothing of ours. */
export function expectError(reply: Reply, status: number, error: string): void {
  expect(reply.headers['content-type'], reply.body).to.match(/^application\/json/)
  expect(reply.json<{ error: string }>().error, reply.body).to.equal(error)
  expect(reply.status, reply.body).to.equal(status)
  expect(reply.headers['cache-control']).to.match(/no-store/)
  expect(reply.body).not.to.match(/node_modules|SELECT|\.ts:|\.js:/)
}

export function expectTokens(reply: Reply): Tokens {
  expect(reply.status, reply.body).to.equal(200)
  expect(reply.headers['cache-control']).to.match(/no-store/)
  return reply.json<Tokens>()
}

/** The parameters of a redirect to the client. */
export function answerAt(reply: Reply, redirectUri = CALLBACK): URLSearchParams {
  expect(reply.status, `${reply.url}: ${reply.text().slice(0, 300)}`).to.equal(303)
  expect(reply.location).to.satisfy((uri = '') => uri.startsWith(redirectUri))
  return new URL(reply.location!).searchParams
}

/** A page of ours that says no, and sends nobody anywhere. */
export function expectErrorPage(reply: Reply, status: number, error?: string): void {
  expect(reply.status, reply.url).to.equal(status)
  expect(reply.location, 'location').to.equal(undefined)
  expect(reply.headers['content-type']).to.match(/^text\/html/)
  expect(reply.headers['content-security-policy']).to.include("frame-ancestors 'none'")
  if (error !== undefined) expect(reply.body).to.include(`>${error}<`)
}

export type AuditEvent = { type: string; subject: string | null; data: Record<string, unknown> }

/** Every event so far, those that were only gathered included; the worker must not run. */
export async function eventsOf({ parts }: AuthCore, type?: string): Promise<AuditEvent[]> {
  await parts.recorder.flush()
  const events = await rows<AuditEvent>(
    parts.db,
    'SELECT type, subject, data FROM event_outbox ORDER BY id',
  )
  return type === undefined ? events : events.filter((event) => event.type === type)
}

/** The same where a worker runs: what it has taken to the trail already counts too. */
export async function eventsEver({ parts }: AuthCore, type: string): Promise<AuditEvent[]> {
  await parts.recorder.flush()
  return await rows<AuditEvent>(
    parts.db,
    `SELECT type, subject, data FROM audit_entry WHERE type = $1
      UNION ALL SELECT type, subject, data FROM event_outbox WHERE type = $1`,
    [type],
  )
}

/** Runs SQL of a test: to move time for a stored thing, or to look at what is stored. */
export const rows = query

/** An RSA-free key of a client, with what it signs. */
export type SigningParty = { jwk: JWK; thumbprint: string; privateKey: CryptoKey; alg: string }

export async function signingParty(alg = 'ES256'): Promise<SigningParty> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  return { jwk, thumbprint: await calculateJwkThumbprint(jwk), privateKey, alg }
}

export type ProofChanges = {
  header?: Record<string, unknown>
  claims?: Record<string, unknown>
  key?: CryptoKey
}

/** A DPoP proof (RFC 9449 §4.2); `changes` replace what it says, undefined takes it out. */
export async function dpopProof(
  party: SigningParty,
  method: string,
  uri: string,
  changes: ProofChanges & { accessToken?: string; nonce?: string } = {},
): Promise<string> {
  const { accessToken, nonce, header, claims, key = party.privateKey } = changes
  const payload = withoutUndefined({
    htm: method,
    htu: uri,
    jti: randomToken(),
    iat: Math.floor(Date.now() / 1000),
    ath: accessToken && sha256(accessToken).toString('base64url'),
    nonce,
    ...claims,
  })
  const protectedHeader = withoutUndefined({
    typ: 'dpop+jwt',
    alg: party.alg,
    jwk: party.jwk,
    ...header,
  })
  return await new SignJWT(payload as JWTPayload)
    .setProtectedHeader(protectedHeader as { alg: string })
    .sign(key)
}

/** A client assertion (RFC 7523 §3). */
export async function clientAssertion(
  { issuer }: AuthCore,
  clientId: string,
  party: SigningParty,
  { header, claims, key = party.privateKey }: ProofChanges = {},
): Promise<Record<string, string>> {
  const now = Math.floor(Date.now() / 1000)
  const payload = withoutUndefined({
    iss: clientId,
    sub: clientId,
    aud: issuer,
    jti: randomToken(),
    iat: now,
    exp: now + 60,
    ...claims,
  })
  const assertion = await new SignJWT(payload as JWTPayload)
    .setProtectedHeader(withoutUndefined({ alg: party.alg, ...header }) as { alg: string })
    .sign(key)
  return {
    client_id: clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  }
}

function withoutUndefined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Verified with nothing but what is published. */
export async function verifyWithJwks(
  { issuer }: AuthCore,
  token: string,
  options: Parameters<typeof jwtVerify>[2] = {},
) {
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  return await jwtVerify(token, keys, { issuer, ...options })
}

export type DeviceAuthorization = {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  expires_in: number
  interval?: number
}

export async function startDevice(
  server: AuthCore,
  client: TestClient,
  fields: Record<string, string> = {},
): Promise<DeviceAuthorization> {
  const reply = await post(server, '/device_authorization', client, { scope: 'openid', ...fields })
  expect(reply.status, reply.body).to.equal(200)
  return reply.json()
}

export function redeemDevice(
  server: AuthCore,
  client: TestClient,
  deviceCode: string,
  options?: SendOptions,
): Promise<Reply> {
  const fields = { grant_type: DEVICE_GRANT, device_code: deviceCode }
  return post(server, '/token', client, fields, options)
}

/** Types the code into the page; the page that asks whether it is the person's own comes back. */
export async function enterUserCode(
  { issuer }: AuthCore,
  person: Browser,
  userCode: string,
): Promise<Reply> {
  const page = await person.get(`${issuer}/device`)
  return await person.submit(page, { user_code: userCode }, { headers: fromSomewhere() })
}

/**
 * As if from an address of its own, so that what is limited per address does not add up over the
 * tests of a file. For servers with `BEHIND_PROXY`.
 */
export function fromSomewhere(): { 'x-forwarded-for': string } {
  const part = () => randomInt(1, 255)
  return { 'x-forwarded-for': `10.${part()}.${part()}.${part()}` }
}

export const BEHIND_PROXY = { AUTHCORE_TRUSTED_PROXIES: '127.0.0.1' }

/** A service with a secret and what it may have of the APIs. */
export function addService(
  server: AuthCore,
  metadata: NonNullable<Parameters<typeof addClient>[1]>['metadata'] = {},
) {
  return addClient(server, { preset: 'service', metadata })
}

/** A guard of APIs: it may look at everybody's tokens. */
export function addGuard(server: AuthCore) {
  return addService(server, { introspection: 'any' })
}

/** PKCE, as a client that makes its own requests needs it. */
async function pkce() {
  const verifier = oidc.randomPKCECodeVerifier()
  return { verifier, challenge: await oidc.calculatePKCECodeChallenge(verifier) }
}

/** An authorization request whose every parameter the test decides; undefined leaves one out. */
export async function authorizationUri(
  { issuer }: AuthCore,
  client: TestClient,
  parameters: Record<string, string | undefined> = {},
): Promise<string> {
  const { challenge } = await pkce()
  const all = withoutUndefined({
    client_id: client.clientId,
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid',
    state: 'state of the client',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...parameters,
  })
  return `${issuer}/authorize?${new URLSearchParams(all as Record<string, string>)}`
}
