import { createHmac } from 'node:crypto'
import { expect } from 'chai'
import { exportJWK } from 'jose'
import { randomToken, sha256 } from '../../../src/core/secrets.ts'
import {
  dpopProof,
  type ProofChanges,
  type SigningParty,
  signingParty,
} from '../../protocol/driver.ts'
import type { Reply } from '../../support/http.ts'
import { checkErrorText, checkMachineError } from '../support/checks/errors.ts'
import { authorize, checkUsed, fapiRequest, flow, push, redeemAt, tokenTypeOf } from './flow.ts'
import { type Use, useToken } from './resource.ts'
import type { FapiModule, FapiParty, FapiTrial } from './stage.ts'

/** DPoP (RFC 9449): proofs that are taken, codes bound to keys, and what is no proof. */

const TOKEN_ERRORS = ['invalid_request', 'invalid_grant', 'invalid_dpop_proof']

/** The same change of the proof at PAR, token endpoint and resource. */
const takesProofs =
  (changes: (now: number) => ProofChanges): FapiModule =>
  async (trial) => {
    const proof = changes(Math.floor(Date.now() / 1000))
    await flow(trial, trial.party, { atPar: { proof }, atToken: { proof }, atUse: { proof } })
  }

/** These modules are asked of clients with DPoP only. */
function keyOf({ dpop }: FapiParty): SigningParty {
  if (!dpop) throw new Error('this client has no key for proofs')
  return dpop
}

const mismatchAtPar: FapiModule = async ({ party, second, notes }) => {
  const request = fapiRequest(party, { dpop_jkt: keyOf(second).thumbprint })
  const errors = ['invalid_request', 'invalid_dpop_proof']
  checkMachineError(await push(party, request), errors, notes)
}

const otherKeyAtToken: FapiModule = async ({ party, second, notes }) => {
  const authorized = await authorize(party, notes)
  const reply = await redeemAt(party, authorized, { dpop: keyOf(second) })
  checkMachineError(reply, TOKEN_ERRORS, notes)
}

const otherJktAtToken: FapiModule = async ({ party, second, notes }) => {
  const parameters = { dpop_jkt: keyOf(second).thumbprint }
  const authorized = await authorize(party, notes, { parameters, atPar: { dpop: undefined } })
  checkMachineError(await redeemAt(party, authorized), TOKEN_ERRORS, notes)
}

const boundByProof: FapiModule = async (trial) => {
  await flow(trial, trial.party)
}

const boundByJkt: FapiModule = async (trial) => {
  const parameters = { dpop_jkt: keyOf(trial.party).thumbprint }
  await flow(trial, trial.party, { parameters, atPar: { dpop: undefined } })
}

const schemeInAnyCase: FapiModule = async (trial) => {
  const { party, resource } = trial
  const { tokens } = await flow(trial, party)
  for (const scheme of SPELLINGS[tokenTypeOf(party)]) {
    checkUsed(await useToken(resource, party, tokens.access_token, { scheme }))
  }
}

const SPELLINGS = { DPoP: ['dpop', 'DPOP', 'dPoP'], Bearer: ['bearer', 'BEARER', 'bEaReR'] }

type Probe = { title: string; use: Use }

/** Each of these is refused, by itself. */
async function refusedProbes({ party, second, resource }: FapiTrial, token: string) {
  const { uri } = resource
  const now = Math.floor(Date.now() / 1000)
  const own = () => dpopProof(keyOf(party), 'GET', uri, { accessToken: token })
  const raw = (dpop: string | string[]): Use => ({ key: undefined, headers: { dpop } })
  const without = (name: string): Probe[] => [
    { title: `no ${name}`, use: { proof: { claims: { [name]: undefined } } } },
  ]
  const other = await signingParty('ES256')
  const withPrivate = { ...(await exportJWK(keyOf(party).privateKey)) }
  const [head, body] = (await own()).split('.')
  const probes: Probe[] = [
    { title: 'two proofs', use: raw([await own(), await own()]) },
    { title: 'no JWT', use: raw('not a JWT') },
    { title: 'two parts', use: raw(`${head}.${body}`) },
    { title: 'empty', use: raw('') },
    { title: 'a signature of somebody else', use: { proof: { key: other.privateKey } } },
    { title: 'no signature', use: raw(`${head}.${body}.`) },
    { title: 'no proof', use: { key: undefined } },
    { title: 'Bearer', use: { scheme: 'Bearer' } },
    { title: 'Bearer without proof', use: { scheme: 'Bearer', key: undefined } },
    { title: 'the key of another client', use: { key: keyOf(second) } },
    { title: 'no typ', use: { proof: { header: { typ: undefined } } } },
    { title: 'typ JWT', use: { proof: { header: { typ: 'JWT' } } } },
    { title: 'no jwk', use: { proof: { header: { jwk: undefined } } } },
    { title: 'a private key in jwk', use: { proof: { header: { jwk: withPrivate } } } },
    { title: 'RS256', use: { key: await signingParty('RS256') } },
    { title: 'alg none', use: raw(forged(keyOf(party).jwk, 'none', uri, token)) },
    { title: 'HS256', use: raw(forged(keyOf(party).jwk, 'HS256', uri, token)) },
    ...['jti', 'htm', 'htu', 'iat', 'ath'].flatMap(without),
    { title: 'htm POST', use: { proof: { claims: { htm: 'POST' } } } },
    { title: 'htm get', use: { proof: { claims: { htm: 'get' } } } },
    { title: 'htu elsewhere', use: { proof: { claims: { htu: 'https://elsewhere.test/' } } } },
    { title: 'htu another path', use: { proof: { claims: { htu: `${uri}/more` } } } },
    { title: 'htu no URL', use: { proof: { claims: { htu: 'userinfo' } } } },
    { title: 'iat an hour ago', use: { proof: { claims: { iat: now - 3600 } } } },
    { title: 'iat in an hour', use: { proof: { claims: { iat: now + 3600 } } } },
    { title: 'iat a word', use: { proof: { claims: { iat: 'now' } } } },
    {
      title: 'ath of another token',
      use: { proof: { claims: { ath: sha256('another').toString('base64url') } } },
    },
    { title: 'ath wrong', use: { proof: { claims: { ath: randomToken() } } } },
  ]
  return probes
}

/** A proof of the client's own key that only claims to be signed, or is with a shared secret. */
function forged(jwk: object, alg: 'none' | 'HS256', uri: string, accessToken: string): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const claims = {
    htm: 'GET',
    htu: uri,
    jti: randomToken(),
    iat: Math.floor(Date.now() / 1000),
    ath: sha256(accessToken).toString('base64url'),
  }
  const signed = `${encode({ typ: 'dpop+jwt', alg, jwk })}.${encode(claims)}`
  if (alg === 'none') return `${signed}.`
  const signature = createHmac('sha256', JSON.stringify(jwk)).update(signed).digest('base64url')
  return `${signed}.${signature}`
}

const negatives: FapiModule = async (trial) => {
  const { party, resource, notes } = trial
  if (!party.openid) return notes.skip('the resource is no endpoint of the server')
  const { tokens } = await flow(trial, party)
  const token = tokens.access_token
  for (const { title, use } of await refusedProbes(trial, token)) {
    checkProbeRefused(title, await useToken(resource, party, token, use), trial)
  }
  await takenProbes(trial, token)
  await replayed(trial, token)
}

function checkProbeRefused(title: string, reply: Reply, { notes }: FapiTrial): void {
  expect(reply.status, `${title}: ${reply.body}`).to.be.oneOf([400, 401])
  const challenge = String(reply.headers['www-authenticate'] ?? '')
  if (reply.status === 401) expect(challenge, title).to.match(/DPoP/)
  if (reply.body) checkErrorText(reply.json(), notes)
}

/** What a proof may have besides, and how its address may be written. */
async function takenProbes({ party, resource }: FapiTrial, token: string): Promise<void> {
  const { uri } = resource
  const url = new URL(uri)
  for (const claims of [
    { htu: `${uri}?a=query` },
    { htu: `${uri}#a-fragment` },
    { htu: uri.replace(url.hostname, url.hostname.toUpperCase()).replace('https', 'HTTPS') },
    { unknown: 'claim' },
  ]) {
    checkUsed(await useToken(resource, party, token, { proof: { claims } }))
  }
}

async function replayed({ party, resource, notes }: FapiTrial, token: string): Promise<void> {
  const proof = await dpopProof(keyOf(party), 'GET', resource.uri, { accessToken: token })
  const use = { key: undefined, headers: { dpop: proof } }
  checkUsed(await useToken(resource, party, token, use))
  const { status } = await useToken(resource, party, token, use)
  if (status === 200) notes.warn('a proof is taken twice')
  else expect(status).to.be.oneOf([400, 401])
}

export const DPOP: Record<string, FapiModule> = {
  'access-token-type-header-case-sensitivity': schemeInAnyCase,
  'check-dpop-proof-nbf-exp': takesProofs((now) => ({ claims: { nbf: now - 5, exp: now + 60 } })),
  'ensure-dpopproof-with-iat-10seconds-before-succeeds': takesProofs((now) => ({
    claims: { iat: now - 10 },
  })),
  'ensure-dpopproof-with-iat-10seconds-after-succeeds': takesProofs((now) => ({
    claims: { iat: now + 8 },
  })),
  'ensure-mismatched-dpop-jkt-fails': mismatchAtPar,
  'ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt': otherKeyAtToken,
  'ensure-token-endpoint-fails-with-mismatched-dpop-jkt': otherJktAtToken,
  'ensure-dpopproof-at-par-endpoint-binding-success': boundByProof,
  'ensure-dpop-auth-code-binding-success': boundByJkt,
  'dpop-negative-tests': negatives,
}
