/**
 * The one form of a password before it is hashed: NFC and nothing else (RFC 8265 §4, OpaqueString
 * without its mapping of spaces), so that a keyboard that composes letters and one that does not
 * type the same password. Case, spaces and every other character stay, and nothing is cut off.
 */

export const PASSWORD_MAX_CODE_POINTS = 256
const PASSWORD_MAX_BYTES = 1024

export type PasswordFault = 'too_long' | 'unreadable'
export type PasswordText = { kind: 'ok'; text: string } | { kind: 'refused'; fault: PasswordFault }

/** Costs at most one pass over 1 kB, however long the input is. */
export function passwordText(password: string): PasswordText {
  // A string has at least as many UTF-8 bytes as UTF-16 units.
  if (password.length > PASSWORD_MAX_BYTES) return { kind: 'refused', fault: 'too_long' }
  if (!password.isWellFormed() || password.includes('\0')) {
    return { kind: 'refused', fault: 'unreadable' }
  }
  const text = password.normalize('NFC')
  return [...text].length > PASSWORD_MAX_CODE_POINTS || Buffer.byteLength(text) > PASSWORD_MAX_BYTES
    ? { kind: 'refused', fault: 'too_long' }
    : { kind: 'ok', text }
}
