/** Bytes that look like chance and follow from numbers, at a tenth of what a hash costs. */

const PLACES = [
  'account',
  'grant',
  'token',
  'session',
  'uid',
  'sid',
  'nonce',
  'entry',
  'phc',
] as const

/** @param n tells apart what one person has several of */
export function madeUpBytes(
  place: (typeof PLACES)[number],
  i: number,
  n = 0,
  sizeBytes = 32,
): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes)
  const salt = mix(PLACES.indexOf(place) + 1)
  let state = mix(mix(salt ^ i) ^ n)
  for (let at = 0; at < sizeBytes; at += 4) {
    state = (state + 0x9e3779b9) | 0
    // Two words that no other numbers have: chance alone meets itself among millions.
    const word = at === 8 ? mix(salt ^ n) : at === 12 ? mix(salt ^ i) : mix(state)
    for (let byte = 0; byte < 4 && at + byte < sizeBytes; byte++) {
      bytes[at + byte] = (word >>> (8 * byte)) & 0xff
    }
  }
  return bytes
}

/** The finaliser of MurmurHash3, which spreads every bit over all of them. */
function mix(word: number): number {
  let mixed = word
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

export function madeUpSecret(...of: Parameters<typeof madeUpBytes>): string {
  return madeUpBytes(...of).toString('base64url')
}

/** A UUID of version 7, as if it was made at that time. */
export function madeUpId(ms: number, ...of: Parameters<typeof madeUpBytes>): string {
  const bytes = madeUpBytes(...of).subarray(0, 16)
  bytes.writeUIntBE(ms, 0, 6)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
