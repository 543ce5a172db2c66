/** Bytes and numbers as they stand in a hash. */

/** Base64 with or without its padding, of either alphabet, and passlib's with `.` for `+`. */
export function fromBase64(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/._-]*={0,2}$/.test(text)) return undefined
  const bytes = Buffer.from(text.replaceAll('.', '+'), 'base64')
  return bytes.length === Math.floor((text.replace(/=+$/, '').length * 3) / 4) ? bytes : undefined
}

export function toBase64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

export function fromHex(text: string): Buffer | undefined {
  return /^(?:[0-9a-fA-F]{2})+$/.test(text) ? Buffer.from(text, 'hex') : undefined
}

/** A whole number from one upwards, as it stands in a hash; NaN for any other text. */
export function count(text: string | undefined): number {
  return /^[1-9]\d{0,9}$/.test(text ?? '') ? Number(text) : Number.NaN
}
