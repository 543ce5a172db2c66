import { argon2Scheme } from './argon2.ts'
import { bcryptScheme } from './bcrypt.ts'
import { firebaseScheme } from './firebase.ts'
import { ldapScheme } from './ldap.ts'
import { pbkdf2Scheme } from './pbkdf2.ts'
import { type Engines, idOf, malformed, type Reading, type Scheme } from './scheme.ts'
import { scryptScheme } from './scrypt.ts'

/**
 * Hashes that other systems made of passwords that nobody can tell us: read once, when an account is
 * imported, into one textual form per scheme; verified at sign-in until the first right password,
 * which is then hashed as ours. This folder knows what they look like, what they cost, and how they
 * are computed; all but the trivial ones are computed off the main thread.
 */

const SCHEMES: readonly Scheme[] = [
  bcryptScheme,
  argon2Scheme,
  scryptScheme,
  firebaseScheme,
  pbkdf2Scheme,
  ldapScheme,
]

const byId = new Map(SCHEMES.flatMap((scheme) => scheme.ids.map((id) => [id, scheme] as const)))

/** Longer than any hash with the parameters that are accepted. */
const HASH_TEXT_MAX = 1_024

/**
 * Reads a hash as another system wrote it: a PHC string or modular crypt, passlib, Django, Werkzeug,
 * or LDAP with its scheme in braces.
 *
 * @returns the form in which it is kept, or why it cannot be: parameters that would make each try to
 *   sign in a burden are refused here, because nobody is asked about them later
 */
export function readForeignHash(text: string): Reading {
  const hash = text.trim()
  if (hash.length > HASH_TEXT_MAX) return malformed
  for (const scheme of SCHEMES) {
    const reading = scheme.read(hash)
    if (reading) return reading
  }
  return { kind: 'refused', reason: 'unknown_hash' }
}

/** @param stored of `readForeignHash`; any other text matches nothing */
export async function verifyForeignHash(
  stored: string,
  password: string,
  engines: Engines,
): Promise<boolean> {
  return (await byId.get(idOf(stored))?.verify(stored, password, engines)) ?? false
}

/** True where computing it takes no time at all: whoever verifies it must add some. */
export function isFastHash(stored: string): boolean {
  return ldapScheme.ids.includes(idOf(stored))
}
