import { expect } from 'chai'
import { DomainError } from '../../../src/core/errors.ts'
import { createLogger } from '../../../src/platform/observability/logger.ts'
import { prettyStream } from '../../../src/platform/observability/pretty_stream.ts'

describe('platform/observability/logger', () => {
  let text = ''
  const log = createLogger(
    { logLevel: 'debug', logPretty: false },
    {
      write: (line) => {
        text += line
      },
    },
  )
  const last = () => JSON.parse(text.trim().split('\n').at(-1)!)

  beforeEach(() => {
    text = ''
  })

  it('writes a sentence, fields, an ISO time and the level by name', () => {
    log.info({ 'account.id': 'a1', duration_ms: 3 }, 'password sign-in refused')
    expect(last()).to.include({
      level: 'info',
      msg: 'password sign-in refused',
      'account.id': 'a1',
      duration_ms: 3,
    })
    expect(last().time).to.match(/^\d{4}-\d\d-\d\dT/)
  })

  const canary = 'c4nary-4711'

  for (const name of [
    'password',
    'newPassword',
    'client_secret',
    'access_token',
    'refreshToken',
    'id-token',
    'Authorization',
    'cookie',
    'set-cookie',
    'code',
    'code_verifier',
    'client_assertion',
    'otp',
    'user_code',
    'private_key',
    'body',
  ]) {
    it(`never prints ${name}, at any depth`, () => {
      log.info({ [name]: canary })
      log.info({ a: { b: [{ [name]: canary }] } })
      log.info({ a: { [name]: { inner: canary } } })
      log.child({ [name]: canary }).info('x')
      log.error({ err: Object.assign(new Error('x'), { [name]: canary }) }, 'x')
      expect(text).to.not.include(canary)
      expect(text).to.include('[redacted]')
    })
  }

  it('never prints what looks like a secret under any name or in the sentence', () => {
    const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjNG5hcnkifQ.c4nary-4711'
    log.info({ note: `got ${jwt} today` }, `token ${jwt}`)
    log.info({ url: `https://a.example/cb?code=${canary}&state=1` })
    log.info({ header: `Bearer ${canary}` })
    log.info({ database: `postgres://user:${canary}@host/db` })
    log.info('login with %s', `password=${canary}`)
    log.error(new Error(`POST failed: token=${canary}`))
    log.error({ err: new Error(`Basic ${canary}`) })
    log.error({ err: new Error('x', { cause: new Error(`client_secret=${canary}`) }) }, 'y')
    log.error({ problem: { inner: new Error(`Bearer ${canary}`) } }, 'y')
    expect(text).to.not.include('4711')
  })

  it('prints an error with its code, debug text and causes, and nothing else it carries', () => {
    const cause = Object.assign(new TypeError('below'), { detail: 'Key (email)=(x)' })
    log.error({ err: new DomainError('unavailable', 'Later.', { debug: 'pool', cause }) }, 'failed')
    const { err } = last()
    expect(err).to.include({ type: 'DomainError', code: 'unavailable', debug: 'pool' })
    expect(err.cause).to.include({ type: 'TypeError', message: 'below' })
    expect(text).to.not.include('Key (email)')
  })

  it('survives what cannot be printed', () => {
    const loop: Record<string, unknown> = { big: 'x' }
    loop['loop'] = loop
    log.info({ loop, bytes: Buffer.alloc(4), map: new Map([[1, 2]]) })
    expect(last()).to.include({ bytes: '[4 bytes]', map: '[1 entries]' })
  })

  it('keeps words that only sound secret', () => {
    log.info({ token_type: 'DPoP', grant_type: 'authorization_code', csrf: true })
    expect(last()).to.include({ token_type: 'DPoP', grant_type: 'authorization_code', csrf: true })
  })

  it('writes one readable line that cannot be forged', () => {
    let out = ''
    const pretty = createLogger(
      { logLevel: 'info', logPretty: true },
      prettyStream({ write: (line) => (out += line) }),
    )
    pretty.warn({ path: '/a', note: 'two\nlines' }, 'first\n00:00 ERROR second')
    expect(out.split('\n')).to.have.length(2)
    expect(out).to.match(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}first\\n00:00 ERROR second/)
    expect(out).to.include('path=/a')
  })
})
