import { createSecretKey } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { formatDurationS, parseDurationS } from '../../src/core/duration.ts'
import { isId, newId } from '../../src/core/ids.ts'
import {
  equalsInConstantTime,
  hmacSha256,
  randomToken,
  readableSecret,
} from '../../src/core/secrets.ts'
import { parsedJson, textOf, withoutUndefined } from '../../src/core/unknown.ts'

describe('core/ids', () => {
  it('writes UUIDs of version 7 that sort by time', () => {
    const early = newId(1_700_000_000_000)
    const late = newId(1_700_000_000_001)
    expect(isId(early)).to.equal(true)
    expect(early[14]).to.equal('7')
    expect(early < late).to.equal(true)
  })

  it('knows one textual form only', () => {
    expect(isId(newId().toUpperCase())).to.equal(false)
    expect(isId(`{${newId()}}`)).to.equal(false)
  })
})

describe('core/secrets', () => {
  it('makes tokens of 256 bits', () => {
    expect(Buffer.from(randomToken(), 'base64url')).to.have.length(32)
    expect(randomToken()).not.to.equal(randomToken())
  })

  it('makes readable secrets without look-alikes', () => {
    expect(readableSecret()).to.match(/^[a-hj-km-np-z2-9]{4}(-[a-hj-km-np-z2-9]{4}){4}$/)
  })

  it('does not confuse the borders between the parts of a MAC', () => {
    const key = createSecretKey(Buffer.alloc(32, 1))
    expect(hmacSha256(key, 'ab', 'c').equals(hmacSha256(key, 'a', 'bc'))).to.equal(false)
  })

  it('compares values of different lengths', () => {
    expect(equalsInConstantTime('a', 'a')).to.equal(true)
    expect(equalsInConstantTime('a', 'ab')).to.equal(false)
  })
})

describe('core/duration', () => {
  it('reads and writes durations', () => {
    expect(parseDurationS('15m')).to.equal(900)
    expect(parseDurationS('90')).to.equal(90)
    expect(parseDurationS('1.5h')).to.equal(undefined)
    expect(parseDurationS('-1s')).to.equal(undefined)
    expect(formatDurationS(900)).to.equal('15m')
    expect(formatDurationS(86_400)).to.equal('1d')
    expect(formatDurationS(61)).to.equal('61s')
  })
})

describe('core/unknown', () => {
  it('reads what may be anything', () => {
    expect(parsedJson('{"a":1}')).to.deep.equal({ a: 1 })
    expect(parsedJson('{')).to.equal(undefined)
    expect(textOf('')).to.equal('')
    expect(textOf(1)).to.equal(undefined)
    expect(withoutUndefined({ a: undefined, b: null })).to.deep.equal({ b: null })
  })
})

describe('core/duration, whatever it is given', () => {
  it('reads back every number of seconds that it writes', () => {
    fc.assert(
      fc.property(fc.nat(999_999_999), (seconds) => {
        expect(parseDurationS(formatDurationS(seconds))).to.equal(seconds)
      }),
    )
  })

  it('reads a number with its unit and nothing else', () => {
    const unit = fc.constantFrom('', 's', 'm', 'h', 'd')
    const space = fc.constantFrom('', ' ', '\t')
    fc.assert(
      fc.property(fc.nat(999_999_999), unit, space, space, (count, unit, before, after) => {
        const times = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 }[unit]!
        expect(parseDurationS(`${before}${count}${unit}${after}`)).to.equal(count * times)
      }),
    )
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'019smhd-+.e_x '), maxLength: 8 }),
        (text) => {
          const isDuration = /^[019]{1,9}[smhd]?$/.test(text.trim())
          expect(parseDurationS(text) !== undefined).to.equal(isDuration)
        },
      ),
    )
  })
})
