import { generateKeyPairSync } from 'node:crypto'
import { expect } from 'chai'
import { ConfigError } from '../../../src/platform/config/config_error.ts'
import { effectiveConfig } from '../../../src/platform/config/describe_config.ts'
import { type EnvironmentVariables, loadConfig } from '../../../src/platform/config/load_config.ts'

const MAIL: EnvironmentVariables = {
  AUTHCORE_SMTP_URL: 'smtp://mailer:p%2Css%40word@mail.example.com:587',
  AUTHCORE_MAIL_FROM: 'Example <login@example.com>',
}

const SMS: EnvironmentVariables = {
  AUTHCORE_SMS_TRANSPORTS: 'hook',
  AUTHCORE_SMS_HOOK_URL: 'https://sms.example.com/',
  AUTHCORE_SMS_HOOK_SECRET: `whsec_${Buffer.alloc(32, 'sms').toString('base64')}`,
}

const PRODUCTION: EnvironmentVariables = { NODE_ENV: 'production' }

function faultsOf(env: EnvironmentVariables): string {
  try {
    loadConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.faults.map(({ key, problem }) => `${key} ${problem}`).join('\n')
  }
  return ''
}

describe('the settings of messages', () => {
  it('are needed for nothing, and complete with a mail server and a sender', () => {
    expect(loadConfig({}).messaging).to.include({ smtpTls: 'required', retentionS: 30 * 86_400 })
    expect(faultsOf(MAIL)).to.equal('')
  })

  it('let people sign up by number with SMS alone', () => {
    const signUp = { AUTHCORE_SIGN_UP: 'open', AUTHCORE_SIGN_UP_BY: 'phone' }
    expect(faultsOf({ ...PRODUCTION, ...SMS, ...signUp })).not.to.include('SIGN_UP')
  })

  it('take several mail servers in their order', () => {
    const urls = 'smtps://a@one.example.com, smtp://two.example.com:25'
    const { messaging } = loadConfig({ ...MAIL, AUTHCORE_SMTP_URL: urls })
    expect(messaging.smtpUrls).to.deep.equal(urls.split(', '))
  })

  const WRONG: [why: string, env: EnvironmentVariables, fault: string][] = [
    ['no sender', { ...MAIL, AUTHCORE_MAIL_FROM: '' }, 'AUTHCORE_MAIL_FROM is missing'],
    [
      'two senders',
      { ...MAIL, AUTHCORE_MAIL_FROM: 'a@example.com, b@example.com' },
      'must be an address',
    ],
    [
      'a sender with a second line',
      { ...MAIL, AUTHCORE_MAIL_FROM: 'a\r\nBcc: x <a@example.com>' },
      'must be an address',
    ],
    [
      'sign-ups by number without SMS',
      { ...PRODUCTION, ...MAIL, AUTHCORE_SIGN_UP: 'open', AUTHCORE_SIGN_UP_BY: 'email_or_phone' },
      'AUTHCORE_SIGN_UP_BY is email_or_phone, and there is no way to send the SMS',
    ],
    [
      'sign-ups by either without mail',
      { ...PRODUCTION, ...SMS, AUTHCORE_SIGN_UP: 'open', AUTHCORE_SIGN_UP_BY: 'email_or_phone' },
      'AUTHCORE_SIGN_UP is open, and there is no way to send the mail',
    ],
    [
      'numbers of a mail domain',
      { AUTHCORE_SIGN_UP_BY: 'phone', AUTHCORE_SIGN_UP_DOMAINS: 'example.com' },
      'AUTHCORE_SIGN_UP_DOMAINS names mail domains while AUTHCORE_SIGN_UP_BY is phone',
    ],
    [
      'another scheme',
      { ...MAIL, AUTHCORE_SMTP_URL: 'https://mail.example.com' },
      'must be smtp://',
    ],
    [
      'options in the URL',
      { ...MAIL, AUTHCORE_SMTP_URL: 'smtp://mail.example.com?tls=no' },
      'must be smtp://',
    ],
    ['a password in the clear', { ...MAIL, AUTHCORE_SMTP_TLS: 'off' }, 'would be read on the way'],
    ['half of DKIM', { ...MAIL, AUTHCORE_DKIM_DOMAIN: 'example.com' }, 'are not all there'],
    ['DKIM without mail', { AUTHCORE_DKIM_DOMAIN: 'example.com' }, 'without AUTHCORE_SMTP_URL'],
    [
      'a hook without its secret',
      { AUTHCORE_SMS_TRANSPORTS: 'hook', AUTHCORE_SMS_HOOK_URL: 'https://sms.example.com' },
      'AUTHCORE_SMS_HOOK_SECRET is missing',
    ],
    [
      'a hook with a short secret',
      { AUTHCORE_SMS_HOOK_SECRET: 'whsec_c2hvcnQ=' },
      'must be whsec_',
    ],
    [
      'Twilio without anything',
      { AUTHCORE_SMS_TRANSPORTS: 'twilio' },
      'AUTHCORE_TWILIO_ACCOUNT_SID and AUTHCORE_TWILIO_AUTH_TOKEN and AUTHCORE_SMS_FROM are missing',
    ],
    [
      'a provider that we do not have',
      { AUTHCORE_SMS_TRANSPORTS: 'pigeon' },
      'AUTHCORE_SMS_TRANSPORTS',
    ],
  ]
  for (const [why, env, fault] of WRONG) {
    it(`are refused with ${why}`, () => expect(faultsOf(env)).to.contain(fault))
  }

  it('let the password off where the way is TLS from the beginning', () => {
    const AUTHCORE_SMTP_URL = 'smtps://mailer:secret@mail.example.com'
    expect(faultsOf({ ...MAIL, AUTHCORE_SMTP_URL, AUTHCORE_SMTP_TLS: 'off' })).to.equal('')
  })

  it('take the key of SendGrid and the topic of Amazon SES, and nothing that is neither', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const key = publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
    const good = {
      AUTHCORE_SENDGRID_WEBHOOK_KEY: key,
      AUTHCORE_SES_TOPIC_ARN: 'arn:aws:sns:eu-central-1:123456789012:mail',
    }
    expect(faultsOf(good)).to.equal('')
    const other = generateKeyPairSync('ed25519').publicKey
    for (const bad of ['x', other.export({ format: 'der', type: 'spki' }).toString('base64')]) {
      expect(faultsOf({ AUTHCORE_SENDGRID_WEBHOOK_KEY: bad })).to.contain('P-256')
    }
    for (const bad of ['mail', 'arn:aws:sns:evil.example/:123456789012:mail']) {
      expect(faultsOf({ AUTHCORE_SES_TOPIC_ARN: bad }), bad).to.contain('must be a topic')
    }
  })

  it('are printed without their secrets', () => {
    const printed = JSON.stringify(effectiveConfig(loadConfig(MAIL)))
    expect(printed).to.contain('login@example.com').and.not.to.contain('p%2Css')
  })
})
