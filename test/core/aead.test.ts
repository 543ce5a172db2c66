import { createSecretKey, randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { decrypt, encrypt, OVERHEAD_BYTES } from '../../src/core/aead.ts'

describe('core/aead', () => {
  const key = createSecretKey(randomBytes(32))

  it('opens what it has encrypted, text or bytes, and never writes the same twice', () => {
    for (const plain of ['', 'Zo\u00eb', randomBytes(100)]) {
      const sealed = encrypt(key, plain, 'here')
      expect(sealed).to.have.length(Buffer.byteLength(plain) + OVERHEAD_BYTES)
      expect(decrypt(key, sealed, 'here').equals(Buffer.from(plain))).to.equal(true)
      expect(encrypt(key, plain, 'here').equals(sealed)).to.equal(false)
    }
  })

  it('opens nothing under another key, at another place, changed or cut short', () => {
    const sealed = encrypt(key, 'a secret', 'here')
    const changed = Buffer.from(sealed)
    changed[OVERHEAD_BYTES]! ^= 1
    for (const attempt of [
      () => decrypt(createSecretKey(randomBytes(32)), sealed, 'here'),
      () => decrypt(key, sealed, 'there'),
      () => decrypt(key, sealed),
      () => decrypt(key, changed, 'here'),
      () => decrypt(key, sealed.subarray(0, OVERHEAD_BYTES - 1), 'here'),
    ]) {
      expect(attempt).to.throw()
    }
  })
})
