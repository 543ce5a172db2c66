import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { DomainError } from '../../../src/core/errors.ts'
import { createKeyring, type Keyring } from '../../../src/platform/keys/keyring.ts'

const PLACE = 'client_secret:hash:42'
const OLD = { id: 'k1', key: randomBytes(32) }
const NEW = { id: 'key-2026', key: randomBytes(32) }
const hashKey = randomBytes(32)

describe('the keyring', () => {
  const ring = createKeyring({ encryptionKeys: [OLD], hashKey })

  function refusal(sealed: Uint8Array, { keys = ring, place = PLACE } = {}): DomainError {
    try {
      keys.open(sealed, place)
    } catch (error) {
      expect(error).to.be.instanceOf(DomainError)
      return error as DomainError
    }
    return expect.fail('it was expected to refuse')
  }

  const withKeys = (...encryptionKeys: (typeof OLD)[]): Keyring =>
    createKeyring({ encryptionKeys, hashKey })

  describe('seals values', () => {
    it('that open in their place again, whatever they are', () => {
      fc.assert(
        fc.property(fc.uint8Array(), fc.string({ unit: 'binary' }), (plain, place) => {
          expect(ring.open(ring.seal(plain, place), place).equals(plain)).to.equal(true)
        }),
      )
      expect(ring.open(ring.seal('Schlüssel \0 🔑', PLACE), PLACE).toString()).to.equal(
        'Schlüssel \0 🔑',
      )
    })

    it('with a nonce of their own each time', () => {
      expect(ring.seal('same', PLACE).equals(ring.seal('same', PLACE))).to.equal(false)
    })

    it('and tells under which key', () => {
      expect(ring.currentKeyId).to.equal('k1')
      expect(ring.seal('', PLACE).toString('latin1', 2, 4)).to.equal('k1')
    })
  })

  describe('refuses to open', () => {
    it('a value in another place', () => {
      const sealed = ring.seal('secret', PLACE)
      const error = refusal(sealed, { place: 'client_secret:hash:43' })
      expect(error.code).to.equal('internal')
      expect(error.debug).to.equal('client_secret:hash:43: authentication failed')
    })

    it('a value with any bit flipped', () => {
      const sealed = ring.seal('secret', PLACE)
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const changed = Buffer.from(sealed)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(refusal(changed).code, `bit ${bit}`).to.equal('internal')
      }
    })

    it('a value cut short anywhere, inside its tag too, or made longer', () => {
      const sealed = ring.seal('secret', PLACE)
      for (let length = 0; length < sealed.length; length++) {
        expect(refusal(sealed.subarray(0, length)).code, `${length} bytes`).to.equal('internal')
      }
      refusal(Buffer.concat([sealed, Buffer.alloc(1)]))
    })

    it('an empty value whose tag lost its end', () => {
      const sealed = ring.seal('', PLACE)
      expect(refusal(sealed.subarray(0, -1)).debug).to.equal(`${PLACE}: malformed`)
    })

    it('a value under a key it does not know, and tells the place to the log only', () => {
      const error = refusal(withKeys(NEW).seal('secret', PLACE))
      expect(error.debug).to.equal(`${PLACE}: unknown key-encryption key`)
      expect(error.message).to.equal('A sealed value cannot be read.')
      expect(error.hint).to.include('AUTHCORE_ENCRYPTION_KEYS').and.not.include(PLACE)
    })

    it('a value under another key of the same name', () => {
      const impostor = withKeys({ id: OLD.id, key: randomBytes(32) })
      refusal(impostor.seal('secret', PLACE))
    })

    it('noise', () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => void refusal(noise)))
    })
  })

  describe('with two keys', () => {
    it('seals with the first and opens what the second sealed', () => {
      const before = withKeys(OLD).seal('old', PLACE)
      const both = withKeys(NEW, OLD)
      expect(both.currentKeyId).to.equal('key-2026')
      expect(both.open(before, PLACE).toString()).to.equal('old')
      const after = both.seal('new', PLACE)
      expect(withKeys(NEW).open(after, PLACE).toString()).to.equal('new')
      refusal(after, { keys: withKeys(OLD) })
    })
  })

  it('needs a key', () => {
    expect(() => withKeys()).to.throw('a keyring needs an encryption key')
  })

  describe('hashes', () => {
    it('the same for the same, and otherwise for another purpose, value or key', () => {
      const other = createKeyring({ encryptionKeys: [OLD], hashKey: randomBytes(32) })
      const hashes = [
        ring.hash('code', 'a'),
        ring.hash('token', 'a'),
        ring.hash('code', 'b'),
        ring.hash('codea', ''),
        other.hash('code', 'a'),
      ].map((hash) => hash.toString('hex'))
      expect(new Set(hashes)).to.have.property('size', hashes.length)
      expect(ring.hash('code', 'a').toString('hex')).to.equal(hashes[0])
    })

    it('to keys of 256 bits, one per purpose', () => {
      expect(ring.derive('audit')).to.have.length(32)
      expect(ring.derive('audit').equals(ring.derive('audit'))).to.equal(true)
      expect(ring.derive('audit').equals(ring.derive('csrf'))).to.equal(false)
    })
  })
})
