import { expect } from 'chai'
import fc from 'fast-check'
import { BerFault, elements, messageLength } from '../../../../src/domain/federation/ldap/ber.ts'
import { firstText, textsOf, withoutLarge } from '../../../../src/domain/federation/ldap/entry.ts'
import { readMessage } from '../../../../src/domain/federation/ldap/message.ts'
import { type Asked, entry, result } from '../../../support/ldap_script.ts'

const ASKED: Asked = { id: 7, operation: 'search', base: '', filter: '' }

describe('an answer of a directory (RFC 4511)', () => {
  it('is read: an entry', () => {
    const bytes = entry(ASKED, 'cn=a', {
      'Mail;lang-de': ['x@y', 'z@y'],
      photo: Buffer.from([0xff]),
    })
    const { id, answer } = readMessage(bytes)
    if (answer.kind !== 'entry') throw new Error(answer.kind)
    expect([id, answer.entry.dn]).to.deep.equal([7, 'cn=a'])
    expect(textsOf(answer.entry, 'mail')).to.deep.equal(['x@y', 'z@y'])
    expect(textsOf(answer.entry, 'photo')).to.deep.equal([])
  })

  it('is read: a result with a control', () => {
    const bytes = result({ ...ASKED, operation: 'bind', dn: '', password: '' }, 49, {
      diagnostic: 'no',
      policyError: 1,
    })
    const { answer } = readMessage(bytes)
    if (answer.kind !== 'result') throw new Error(answer.kind)
    expect([answer.result.code, answer.result.diagnostic]).to.deep.equal([49, 'no'])
    expect(answer.result.policyError).to.equal(1)
  })

  it('has no text in overlong UTF-8, nor with NUL', () => {
    const bytes = entry(ASKED, 'cn=a', { uid: Buffer.from([0xc0, 0xaa]), cn: 'a\0b' })
    const { answer } = readMessage(bytes)
    if (answer.kind !== 'entry') throw new Error(answer.kind)
    expect(firstText(answer.entry, 'uid')).to.equal(undefined)
    expect(firstText(answer.entry, 'cn')).to.equal(undefined)
  })

  it('leaves out what is large, and keeps the rest', () => {
    const groups = Array.from({ length: 6000 }, (_, i) => `cn=${i}`)
    const bytes = entry(ASKED, 'cn=a', { uid: ['x'.repeat(300), 'a'], memberOf: groups })
    const { answer } = readMessage(bytes)
    if (answer.kind !== 'entry') throw new Error(answer.kind)
    const small = withoutLarge(answer.entry, 256)
    expect(textsOf(small, 'uid')).to.deep.equal(['a'])
    expect(textsOf(small, 'memberOf')).to.deep.equal(groups.slice(0, 5000))
  })

  it('is read or refused, and never read for ever, whatever bytes of it are changed', () => {
    const answers = [
      entry(ASKED, 'cn=a,dc=b', { mail: ['a@b', 'c@d'], cn: 'x' }),
      result(ASKED, 49, { diagnostic: 'no', policyError: 1 }),
    ]
    fc.assert(
      fc.property(fc.nat(1), fc.nat(120), fc.nat(255), fc.nat(120), (which, at, byte, end) => {
        const changed = Buffer.from(answers[which]!.subarray(0, end))
        if (at < changed.length) changed[at] = byte
        try {
          readMessage(changed)
        } catch (error) {
          expect(error).to.be.instanceOf(BerFault)
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('has no element that ends outside of it, or without a head', () => {
    for (const bytes of [[4, 3, 0x61], [4], [4, 0x82, 1], [4, 1, 0x61, 4]]) {
      expect(() => elements(Buffer.from(bytes)), bytes.join()).to.throw(BerFault)
    }
    expect(elements(Buffer.from([4, 1, 0x61]))).to.have.length(1)
  })

  it('has a length that is known from its head', () => {
    expect(messageLength(Buffer.from([0x30]))).to.equal(undefined)
    expect(messageLength(Buffer.from([0x30, 0x82, 0x01]))).to.equal(undefined)
    expect(messageLength(Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]))).to.equal(0x8000_0005)
    for (const head of [
      [0x30, 0x80],
      [0x30, 0x85],
      [0x48, 0x54],
    ]) {
      expect(() => messageLength(Buffer.from(head))).to.throw(BerFault)
    }
  })
})
