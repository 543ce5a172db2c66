import { createHash } from 'node:crypto'
import { equalsInConstantTime } from '../../../../core/secrets.ts'
import { fromBase64 } from '../encoded.ts'
import { formatPhc, malformed, ok, parsePhc, type Scheme } from './scheme.ts'

/**
 * One round of SHA over password and salt, as directories keep it (RFC 3112 and after): `{SSHA}`,
 * `{SSHA512}`, and `{SHA}` without a salt. Whoever steals such hashes guesses billions a second, so
 * they should not live longer than it takes people to sign in.
 */

const DIGEST_BYTES: Readonly<Record<string, number>> = {
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
}

export const ldapScheme: Scheme = {
  ids: Object.keys(DIGEST_BYTES).map((digest) => `ldap-${digest}`),
  read(text) {
    const [, salted, size = '1', encoded] = /^\{(S)?SHA(\d{3})?\}(.*)$/i.exec(text) ?? []
    if (encoded === undefined) return undefined
    const bytes = fromBase64(encoded)
    const digestBytes = DIGEST_BYTES[`sha${size}`]
    if (!bytes || !digestBytes) return malformed
    const [hash, salt] = [bytes.subarray(0, digestBytes), bytes.subarray(digestBytes)]
    if (hash.length < digestBytes || salt.length > 128) return malformed
    if (salt.length > 0 !== (salted !== undefined)) return malformed
    return ok(formatPhc({ id: `ldap-sha${size}`, params: {}, salt, hash }))
  },
  async verify(stored, password) {
    const phc = parsePhc(stored)
    if (!phc) return false
    const digest = createHash(phc.id.replace('ldap-', ''))
    return equalsInConstantTime(digest.update(password).update(phc.salt).digest(), phc.hash)
  },
}
