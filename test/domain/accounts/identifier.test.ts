import { expect } from 'chai'
import fc from 'fast-check'
import {
  canonicalEmail,
  canonicalPhone,
  canonicalUsername,
  classifyIdentifier,
  maskedPhone,
} from '../../../src/domain/accounts/identifier.ts'
import { isReservedUsername } from '../../../src/domain/accounts/reserved_usernames.ts'

describe('domain/accounts/identifier', () => {
  describe('the canonical e-mail address', () => {
    for (const [text, canonical] of [
      ['Ada@Example.COM', 'ada@example.com'],
      ['  ada@example.com  ', 'ada@example.com'],
      ['ada@bücher.example', 'ada@xn--bcher-kva.example'],
      ['ada@xn--BCHER-kva.example', 'ada@xn--bcher-kva.example'],
      ['re\u0301mi@example.com', 'rémi@example.com'],
      ['\u212Aelvin@example.com', 'kelvin@example.com'],
      ['ΟΔΥΣΣΕΥΣ@example.com', 'οδυσσευσ@example.com'],
      ['οδυσσευς@example.com', 'οδυσσευσ@example.com'],
      ["o'neil+tag@example.com", "o'neil+tag@example.com"],
      [`${'a'.repeat(64)}@example.com`, `${'a'.repeat(64)}@example.com`],
    ] as const) {
      it(`of ${JSON.stringify(text)} is ${canonical}`, () => {
        expect(canonicalEmail(text)).to.equal(canonical)
      })
    }

    for (const [one, other] of [
      ['strasse@example.com', 'straße@example.com'],
      ['ada@example.com', 'аda@example.com'],
      ['i@example.com', 'ı@example.com'],
      ['I@example.com', 'İ@example.com'],
      ['a.da@example.com', 'ada@example.com'],
      ['ada+tag@example.com', 'ada@example.com'],
      ['ada@strasse.example', 'ada@straße.example'],
    ] as const) {
      it(`differs for ${one} and ${other}`, () => {
        expect(canonicalEmail(one)).to.be.a('string')
        expect(canonicalEmail(other)).to.be.a('string')
        expect(canonicalEmail(one)).not.to.equal(canonicalEmail(other))
      })
    }

    for (const text of [
      '',
      '@',
      'a@',
      '@example.com',
      'ada',
      'ada@localhost',
      'a@b@example.com',
      '"ada"@example.com',
      '"victim@example.com"@evil.example',
      'ada(comment)@example.com',
      'ada@example.com(comment)',
      '@relay.example:ada@example.com',
      'Ada <ada@example.com>',
      '<ada@example.com>',
      'victim@example.com,evil@example.com',
      'victim@example.com;x@y.example',
      'victim@example.com\nevil@example.com',
      'ada@example.com\r\nBcc: x@example.com',
      'ada@example.com\r\n',
      '=?utf-8?q?ada?=@example.com',
      '=?utf-8?q?victim=40example.com=2c?=@evil.example',
      'ada@example.com\u0000',
      'ada\uFF20example.com',
      'ａｄａ@example.com',
      'ﬁn@example.com',
      'a\u200Bda@example.com',
      'a\u202Eda@example.com',
      'ada@exam\u200Dple.com',
      'a\u00ADda@example.com',
      'ada @example.com',
      '.ada@example.com',
      'ada.@example.com',
      'a..da@example.com',
      'ada@example.com.',
      'ada@.example.com',
      'ada@example..com',
      'ada@-example.com',
      'ada@[127.0.0.1]',
      'ada@127.0.0.1',
      'ada@127.1',
      'ada@example.1',
      'ada@exam_ple.com',
      'ada@ex%61mple.com',
      'ada@example.com/x',
      'ada@example.com:25',
      'ada@xn--.example',
      'ada@example\u3002com',
      '\ud800@example.com',
      'ada\u{E0061}@example.com',
      `${'a'.repeat(65)}@example.com`,
      `${'é'.repeat(33)}@example.com`,
      `${'a'.repeat(60)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(20)}.example`,
      `ada@${'a'.repeat(100_000)}.example`,
      ' '.repeat(100_000),
    ]) {
      it(`does not exist for ${JSON.stringify(text.slice(0, 60))}`, () => {
        expect(canonicalEmail(text)).to.equal(undefined)
      })
    }
  })

  describe('the canonical username', () => {
    for (const [text, canonical] of [
      ['Ada', 'ada'],
      [' ada_l-99 ', 'ada_l-99'],
      ['Ünal', 'ünal'],
      ['Иван', 'иван'],
      ['山田太郎', '山田太郎'],
      ['नमस्ते', 'नमस्ते'],
    ] as const) {
      it(`of ${JSON.stringify(text)} is ${canonical}`, () => {
        expect(canonicalUsername(text)).to.equal(canonical)
      })
    }

    for (const text of [
      'ab',
      'a'.repeat(65),
      'a b',
      '.ada',
      'ada.',
      '-ada',
      'ad\u202Ea',
      'ad\u200Ba',
      'a\u0000da',
      'ad\ta',
      'аdmin',
      'pаypal',
      'ａｄａ',
      'ada!',
      'a/b',
      '../ada',
      'a\u0301\u0301\u0301\u0301da',
      '\u3164\u3164\u3164',
      '😀😀😀',
      'ada\n',
    ]) {
      it(`does not exist for ${JSON.stringify(text.slice(0, 40))}`, () => {
        expect(canonicalUsername(text)).to.equal(undefined)
      })
    }
  })

  describe('the canonical telephone number', () => {
    for (const [text, canonical, country] of [
      ['+49 30 123456', '+4930123456'],
      ['  +49 (0)171 1234567 ', '+491711234567'],
      ['0049-171-1234567', '+491711234567'],
      ['+1 (213) 373-4253', '+12133734253'],
      ['+٤٩١٧١١٢٣٤٥٦٧', '+491711234567'],
      ['0171 1234567', '+491711234567', 'DE'],
      ['+33 6 12 34 56 78', '+33612345678', 'DE'],
      ['(213) 373-4253', '+12133734253', 'US'],
    ] as const) {
      it(`of ${text}${country ? ` in ${country}` : ''} is ${canonical}`, () => {
        expect(canonicalPhone(text, country)).to.equal(canonical)
        expect(canonicalPhone(canonical)).to.equal(canonical)
      })
    }

    for (const text of [
      '',
      '+',
      '0171 1234567',
      '+49',
      '+999 123456789',
      '+49 171 1234567 ext. 5',
      '+49 171 1234567;ext=5',
      'tel:+491711234567',
      'call +491711234567 now',
      '+1-800-FLOWERS',
      '＋４９１７１１２３４５６７',
      '+4917112345678901234567890',
      '+49171123\u202e4567',
    ]) {
      it(`does not exist for ${JSON.stringify(text)}`, () => {
        expect(canonicalPhone(text)).to.equal(undefined)
      })
    }

    it('is shown by its ends to whom it is not told', () => {
      expect(maskedPhone('+491711234567')).to.equal('+49…67')
    })
  })

  it('tells a number by its plus sign, and by its country where one is told', () => {
    const phone = { kind: 'phone', canonical: '+491711234567' }
    const username = { kind: 'username', canonical: '01711234567' }
    expect(classifyIdentifier('+49 171 1234567')).to.deep.equal(phone)
    expect(classifyIdentifier('01711234567', 'DE')).to.deep.equal(phone)
    expect(classifyIdentifier('01711234567')).to.deep.equal(username)
    expect(classifyIdentifier('4711', 'DE')).to.deep.equal({ kind: 'username', canonical: '4711' })
    expect(classifyIdentifier('+49 1')).to.equal(undefined)
  })

  it('is its own canonical form', () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(text, text, (local, rest) => {
        for (const form of [`${local}@example.com`, `${local}@${rest}.example`]) {
          const email = canonicalEmail(form)
          if (email !== undefined) expect(canonicalEmail(email)).to.equal(email)
        }
        const username = canonicalUsername(`x${local}`) ?? canonicalUsername(local)
        if (username !== undefined) expect(canonicalUsername(username)).to.equal(username)
      }),
      { numRuns: 5_000 },
    )
  })

  it('has no case, for every letter there is', () => {
    for (let point = 0x80; point < 0x20000; point += 1) {
      if (point >= 0xd800 && point <= 0xdfff) continue
      const text = `x${String.fromCodePoint(point)}y@example.com`
      const canonical = canonicalEmail(text)
      if (canonical === undefined) continue
      expect(canonicalEmail(canonical), text).to.equal(canonical)
      expect(canonicalEmail(text.normalize('NFD')), text).to.equal(canonical)
    }
  })

  it('tells an address from a username by the at sign', () => {
    expect(classifyIdentifier('Ada@Example.com')).to.deep.equal({
      kind: 'email',
      canonical: 'ada@example.com',
    })
    expect(classifyIdentifier('Ada')).to.deep.equal({ kind: 'username', canonical: 'ada' })
    expect(classifyIdentifier('a b')).to.equal(undefined)
  })

  for (const name of ['admin', 'adm1n', 'ad.min', 'rооt', 'r00t', 'Support', 'supp0rt', 'àdmin']) {
    it(`reserves ${name}`, () => {
      expect(isReservedUsername(canonicalUsername(name) ?? name)).to.equal(true)
    })
  }

  it('does not reserve ordinary names', () => {
    for (const name of ['ada', 'administration', 'rooted', 'иван']) {
      expect(isReservedUsername(name)).to.equal(false)
    }
  })
})
