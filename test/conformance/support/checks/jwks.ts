import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { expect } from 'chai'
import type { JSONWebKeySet } from 'jose'
import type { Op } from '../op.ts'

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const MIN_BITS: Record<string, number> = { RSA: 2048, EC: 224 }
const EC_BITS: Record<string, number> = { 'P-256': 256, 'P-384': 384, 'P-521': 521 }

/** The key set: public, usable, long enough, every key with a `kid` of its own. */
export async function fetchJwks(op: Op): Promise<JSONWebKeySet> {
  const reply = await op.newBrowser().get(op.metadata.jwks_uri)
  expect(reply.status).to.equal(200)
  const jwks = reply.json<JSONWebKeySet>()
  expect(jwks.keys).to.be.an('array').that.is.not.empty
  for (const key of jwks.keys) checkKey(key as Record<string, unknown>)
  const kids = jwks.keys.map(({ kid }) => kid)
  expect(new Set(kids).size, 'distinct kids').to.equal(kids.length)
  return jwks
}

function checkKey(key: Record<string, unknown>): void {
  expect(key['kid'], 'kid').to.be.a('string').that.is.not.empty
  expect(key['kty']).to.be.oneOf(['RSA', 'EC', 'OKP'])
  expect(key).not.to.have.any.keys(...PRIVATE)
  const { asymmetricKeyDetails } = createPublicKey({ key: key as JsonWebKey, format: 'jwk' })
  const bits = asymmetricKeyDetails?.modulusLength ?? EC_BITS[String(key['crv'])] ?? 256
  expect(bits, 'bits').to.be.at.least(MIN_BITS[String(key['kty'])] ?? 0)
}
