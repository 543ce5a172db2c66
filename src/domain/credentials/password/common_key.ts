import { sha256 } from '../../../core/secrets.ts'

/** Of fifty thousand entries, one in 10^14 other passwords shares a key with one of them. */
export function commonKey(folded: string): bigint {
  return sha256(folded).readBigUInt64BE()
}
