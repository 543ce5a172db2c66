import { expect } from 'chai'
import fc from 'fast-check'
import { z } from 'zod'
import { durationS, flag, integer, list } from '../../../src/platform/config/setting.ts'
import {
  cidr,
  cssColor,
  hostPort,
  key256,
  namedKey,
  pageUrl,
  webhookSecret,
  webOrigin,
  webUrl,
} from '../../../src/platform/config/values.ts'
import { addressMatcher } from '../../../src/web/client_ip.ts'

/** Text of the environment becomes a value that the program can trust, or a sentence; never a throw. */
describe('platform/config/values, whatever the text', () => {
  const near = (pieces: readonly string[]) =>
    fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join(''))
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.webUrl(),
    fc.ipV4(),
    fc.ipV6(),
  )

  it('is read without an error of the program, whichever setting it is for', () => {
    const schemas: z.ZodType[] = [
      ...[cidr, webOrigin, hostPort, key256, namedKey, cssColor, webUrl, pageUrl, webhookSecret],
      ...[durationS(1, 3_600), integer(0, 10), flag, list(z.string())],
    ]
    fc.assert(
      fc.property(fc.constantFrom(...schemas), text, (schema, value) => {
        const { success, error } = schema.safeParse(value)
        if (!success) expect(error.issues.every(({ message }) => message !== '')).to.equal(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it('is an issuer in one spelling, which reads as itself', () => {
    const origin = near([
      'https://',
      'http://',
      'a.example',
      'A.EXAMPLE',
      ':443',
      ':80',
      '/',
      '?',
      '#',
      '@',
      'x',
    ])
    fc.assert(
      fc.property(fc.oneof(origin, fc.webUrl()), (value) => {
        const { success, data } = webOrigin.safeParse(value)
        if (!success) return
        expect(new URL(data).origin).to.equal(data)
        expect(webOrigin.parse(data)).to.equal(data)
        expect(data).to.match(/^https?:\/\/[^/?#@]+$/)
      }),
      { numRuns: 500 },
    )
  })

  it('is a range that the matcher of addresses understands', () => {
    const range = fc.oneof(
      fc.tuple(fc.ipV4(), fc.integer({ min: -1, max: 40 })).map(([ip, bits]) => `${ip}/${bits}`),
      fc.tuple(fc.ipV6(), fc.integer({ min: -1, max: 140 })).map(([ip, bits]) => `${ip}/${bits}`),
      fc.ipV4Extended(),
      near(['10', '.', '0', '/', '8', '::', 'f', '%eth0']),
    )
    fc.assert(
      fc.property(range, (value) => {
        if (cidr.safeParse(value).success) expect(addressMatcher([value])('x')).to.equal(false)
      }),
      { numRuns: 500 },
    )
  })

  it('is a number within its bounds, or a duration', () => {
    const digits = near(['0', '1', '7', '9', '-', '.', 'e', 's', 'h', ' ', '0x'])
    fc.assert(
      fc.property(digits, (value) => {
        const whole = integer(2, 200).safeParse(value)
        if (whole.success)
          expect(whole.data).to.satisfy((n: number) => n >= 2 && n <= 200 && n % 1 === 0)
        const seconds = durationS(5, 3_600).safeParse(value)
        if (seconds.success) expect(seconds.data).to.be.within(5, 3_600)
      }),
      { numRuns: 500 },
    )
  })

  it('is a list without empty parts and without spaces around them', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\t'), maxLength: 4 })
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const wanted = parts.map((each) => each.trim()).filter((each) => each !== '')
        expect(list(z.string()).parse(parts.join(','))).to.deep.equal(wanted)
      }),
    )
  })
})
