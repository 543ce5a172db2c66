import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { commonPasswordsFile } from '../../../../scripts/common_passwords.ts'
import { createBreachService } from '../../../../src/domain/credentials/password/breach_service.ts'
import {
  assertAcceptablePassword,
  createPasswordPolicy,
} from '../../../../src/domain/credentials/password/password_policy.ts'
import { codeOf } from '../../domain_database.ts'

const context = ['ada.lovelace', 'ada@example.com', 'AuthCore', 'al']

describe('domain/credentials/password/password_policy', () => {
  const alone = createPasswordPolicy()
  const withFactor = createPasswordPolicy({ minLength: 8 })

  for (const [password, expected] of [
    ['7 chars', { reason: 'too_short', min: 8 }],
    ['8 chars!', undefined],
    ['', { reason: 'too_short', min: 8 }],
    ['😀😁😂😃😄😅😆', { reason: 'too_short', min: 8 }],
    ['😀😁😂😃😄😅😆😇', undefined],
    ['e\u0301a\u0301'.repeat(3), { reason: 'too_short', min: 8 }],
    ['a'.repeat(255).concat('b'), undefined],
    ['a'.repeat(256).concat('b'), { reason: 'too_long', max: 256 }],
    ['x'.repeat(1_000_000), { reason: 'too_long', max: 256 }],
    ['with\0nul here', { reason: 'unreadable' }],
    ['half a pair \ud800', { reason: 'unreadable' }],
    ['my Ada.Lovelace 99', { reason: 'context' }],
    ['ADA@EXAMPLE.COM', { reason: 'context' }],
    ['I like authcore a lot', { reason: 'context' }],
    ['ａｕｔｈｃｏｒｅ for me', { reason: 'context' }],
    ['all alright, al', undefined],
    ['password1', { reason: 'common' }],
    ['PassWord1', { reason: 'common' }],
    ['password1 ', undefined],
    ['my password1 is longer', undefined],
    [' '.repeat(8), { reason: 'common' }],
    ['aaaaaaaaaaaa', { reason: 'common' }],
    ['2024202420242', { reason: 'common' }],
    ['monkeymonkeymonkey', { reason: 'common' }],
    ['wisptulipwisptulip', undefined],
  ] as const) {
    const title = `${expected ? `refuses as ${expected.reason}` : 'accepts'} ${JSON.stringify(password.slice(0, 30))}`
    it(`${title} (${password.length})`, async () => {
      expect(await withFactor.check(password, context)).to.deep.equal(
        expected ? { kind: 'refused', ...expected } : { kind: 'acceptable' },
      )
    })
  }

  it('asks for 15 code points where the password is alone', async () => {
    expect(await alone.check('fourteen chars', [])).to.deep.equal({
      kind: 'refused',
      reason: 'too_short',
      min: 15,
    })
    expect(await alone.check('fifteen letters', [])).to.deep.equal({ kind: 'acceptable' })
  })

  for (const password of [
    '123456789012345',
    'qwertyuiopasdfghjkl',
    'CorrectHorseBatteryStaple',
    '1qaz2wsx3edc4rfv',
    'abcdefghijklmnopqrstuvwxyz',
    'passwordpassword',
    'mailcreated5240',
  ]) {
    it(`knows ${password}, long as it is`, async () => {
      expect(await alone.check(password, [])).to.include({ reason: 'common' })
    })
  }

  it('keeps the list of the dictionary it is made of', () => {
    const file = new URL(
      '../../../../src/domain/credentials/password/common_passwords.bin',
      import.meta.url,
    )
    const made = commonPasswordsFile()
    expect(made.length).to.be.above(300_000)
    expect(readFileSync(file).equals(made), 'node scripts/common_passwords.ts').to.equal(true)
  })

  it('throws for those who can only give up', async () => {
    expect(await codeOf(() => assertAcceptablePassword('too short', []))).to.equal('invalid_input')
    expect(await codeOf(() => assertAcceptablePassword('long enough it is', []))).to.equal(
      'nothing was thrown',
    )
  })
})

describe('domain/credentials/password/breach_service', () => {
  const KNOWN = 'known from a breach'
  const digest = createHash('sha1').update(KNOWN).digest('hex').toUpperCase()
  const outcomes: string[] = []
  const warnings: string[] = []
  const asked: { url: string; headers?: unknown }[] = []
  let answer: () => { status: number; body: string }

  const policy = createPasswordPolicy({
    breaches: createBreachService({
      url: 'https://breaches.test/range',
      request: async (input) => {
        asked.push(input)
        const { status, body } = answer()
        return { status, headers: new Headers(), body: Buffer.from(body) }
      },
      log: { warn: (_, message) => void warnings.push(message) },
      onOutcome: (outcome) => outcomes.push(outcome),
    }),
  })

  beforeEach(() => {
    for (const list of [outcomes, warnings, asked]) list.length = 0
  })

  it('sends five digits of the SHA-1 with padding asked for, and finds the rest', async () => {
    answer = () => ({ status: 200, body: `${'0'.repeat(35)}:3\r\n${digest.slice(5)}:12\r\n` })
    expect(await policy.check(KNOWN, [])).to.deep.equal({ kind: 'refused', reason: 'breached' })
    expect(asked).to.have.length(1)
    expect(asked[0]!.url).to.equal(`https://breaches.test/range/${digest.slice(0, 5)}`)
    expect(asked[0]!.headers).to.include({ 'add-padding': 'true' })
    expect(JSON.stringify(asked)).not.to.contain(digest.slice(5)).and.not.contain(KNOWN)
    expect(outcomes).to.deep.equal(['breached'])
  })

  it('takes padding and other suffixes for nothing', async () => {
    answer = () => ({ status: 200, body: `${digest.slice(5)}:0\n${digest.slice(6)}:9` })
    expect(await policy.check(KNOWN, [])).to.deep.equal({ kind: 'acceptable' })
    expect(outcomes).to.deep.equal(['unknown'])
  })

  it('is not asked about what is refused anyway', async () => {
    answer = () => ({ status: 200, body: '' })
    await policy.check('too short', [])
    await policy.check('passwordpassword', [])
    expect(asked).to.deep.equal([])
  })

  for (const [title, failing] of [
    ['is away', unreachable],
    ['has an error', () => ({ status: 503, body: '' })],
  ] as const) {
    it(`lets the password pass where the service ${title}, and says so without it`, async () => {
      answer = failing
      expect(await policy.check(KNOWN, [])).to.deep.equal({ kind: 'acceptable' })
      expect(outcomes).to.deep.equal(['failed'])
      expect(warnings).to.have.length(1)
      expect(warnings[0]).not.to.contain(KNOWN)
    })
  }
})

function unreachable(): never {
  throw new Error('ECONNREFUSED')
}
