import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { Notes } from '../outcome.ts'
import type { Party } from '../party.ts'
import { checkClaimTypes, checkSub, STANDARD_CLAIMS } from './claims.ts'
import { fetchJwks } from './jwks.ts'

export type IdToken = Record<string, unknown> & { sub: string }

export type Expected = {
  nonce: string | undefined
  /** The ID token came through the browser: the hashes are required (Core §3.2.2.9, §3.3.2.11). */
  inFront?: boolean
  code?: string | undefined
  accessToken?: string | undefined
  /** Claims that may be in it because they were asked for there. */
  mayHold?: readonly string[]
}

const CLOCK_S = 300

/** Verified from the published keys alone, with all that the suite holds against every ID token. */
export async function checkIdToken(
  party: Party,
  idToken: string,
  expected: Expected,
  notes: Notes,
): Promise<IdToken> {
  const keys = createLocalJWKSet(await fetchJwks(party.op))
  const { payload, protectedHeader } = await jwtVerify(idToken, keys, {
    issuer: party.op.issuer,
    algorithms: [party.idTokenAlg],
    currentDate: new Date(Date.now()),
  })
  expect(protectedHeader.kid, 'kid').to.be.a('string')
  const claims = payload as IdToken
  expect([claims['aud']].flat(), 'aud').to.deep.equal([party.clientId])
  if ('azp' in claims) expect(claims['azp']).to.equal(party.clientId)
  checkSub(claims.sub)
  checkTimes(claims)
  expect(claims['nonce'], 'nonce').to.equal(expected.nonce)
  if ('acr' in claims) expect(claims['acr']).to.be.a('string').that.is.not.empty
  checkHashes(claims, protectedHeader.alg, expected)
  checkClaimTypes(claims)
  warnOfUnasked(claims, expected, notes)
  return claims
}

function checkTimes({ iat, exp, auth_time }: IdToken): void {
  const now = Date.now() / 1000
  expect(iat, 'iat')
    .to.be.a('number')
    .within(now - CLOCK_S, now + CLOCK_S)
  expect(exp, 'exp').to.be.a('number').above(now)
  if (auth_time === undefined) return
  expect(auth_time, 'auth_time')
    .to.be.a('number')
    .within(now - 366 * 86_400, now + CLOCK_S)
}

function checkHashes(claims: IdToken, alg: string, { inFront, code, accessToken }: Expected): void {
  const pairs = [
    ['at_hash', accessToken],
    ['c_hash', code],
  ] as const
  for (const [name, value] of pairs) {
    if (value === undefined || (!inFront && !(name in claims))) continue
    expect(claims[name], name).to.equal(leftHalf(value, alg))
  }
}

/** Core §3.3.2.11: the left half of the hash that belongs to the signature's algorithm. */
function leftHalf(value: string, alg: string): string {
  const hash = createHash(alg === 'EdDSA' ? 'sha512' : `sha${alg.slice(-3)}`)
  const digest = hash.update(value).digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}

function warnOfUnasked(claims: IdToken, { mayHold = [] }: Expected, notes: Notes): void {
  const unasked = STANDARD_CLAIMS.filter((name) => name in claims && !mayHold.includes(name))
  if (unasked.length > 0) notes.warn(`not asked for in the ID token: ${unasked.join(', ')}`)
}
