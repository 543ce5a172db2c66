import { writeFileSync } from 'node:fs'
import { dictionary } from '@zxcvbn-ts/language-common'
import { commonKey } from '../src/domain/credentials/password/common_key.ts'
import { LONG_COMMON_PASSWORDS } from '../src/domain/credentials/password/long_common_passwords.ts'

/** `node scripts/common_passwords.ts`: writes the file that `common_passwords.ts` reads. */

/** Each common password once, as its sorted big-endian key. */
export function commonPasswordsFile(): Buffer {
  const words = [...dictionary['passwords-common'], ...LONG_COMMON_PASSWORDS]
  const keys = new BigUint64Array(new Set(words.map((word) => commonKey(word.toLowerCase()))))
  const file = Buffer.alloc(keys.length * 8)
  keys.sort().forEach((key, i) => {
    file.writeBigUInt64BE(key, i * 8)
  })
  return file
}

if (import.meta.main) {
  const target = '../src/domain/credentials/password/common_passwords.bin'
  writeFileSync(new URL(target, import.meta.url), commonPasswordsFile())
}
