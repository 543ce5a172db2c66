import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { ConfigError } from '../../../src/platform/config/config_error.ts'
import {
  configurationReference,
  effectiveConfig,
} from '../../../src/platform/config/describe_config.ts'
import { type EnvironmentVariables, loadConfig } from '../../../src/platform/config/load_config.ts'
import { withSecrets } from '../../../src/platform/config/own_secrets.ts'

const KEYS = [
  'q7m1yC3xkU0H2o9rV5pTzL8wGdNbSfJhQeAiXcYuWvE=',
  '3nZfK8sYb1LwRjX5gQpM0tUoVhCkD7iEaHxS2yB9vGc=',
  'Wd4TgHk9ZpQxNrV7bLmYs2CfJ0uEoIa6KtXy1RwB5Ms=',
]

const PRODUCTION: EnvironmentVariables = {
  NODE_ENV: 'production',
  ISSUER: 'https://login.example.com',
  DATABASE_URL: 'postgres://db/authcore',
  AUTHCORE_ENCRYPTION_KEYS: `k1:${KEYS[0]}`,
  AUTHCORE_HASH_KEY: KEYS[1],
  AUTHCORE_COOKIE_KEYS: KEYS[2],
}

function faultsOf(env: EnvironmentVariables): Record<string, string> {
  try {
    loadConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return Object.fromEntries(error.faults.map(({ key, problem }) => [key, problem]))
  }
  return {}
}

describe('platform/config', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'authcore-config-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('needs nothing outside production', () => {
    const config = loadConfig({})
    expect(config.server.issuer).to.equal('http://localhost:5001')
    expect(config.demo.enabled).to.equal(true)
    expect(config.tokens.authorizationCodeS).to.equal(60)
  })

  it('derives the default issuer from the port', () => {
    expect(loadConfig({ PORT: '6001' }).server.issuer).to.equal('http://localhost:6001')
  })

  it('accepts a complete production configuration without a demonstration', () => {
    const config = loadConfig(PRODUCTION)
    expect(config.environment).to.equal('production')
    expect(config.demo.enabled).to.equal(false)
  })

  it('refuses production without its safeguards, all faults in one message', () => {
    const faults = faultsOf({ NODE_ENV: 'production', ISSUER: 'http://login.example.com' })
    expect(faults).to.have.all.keys(
      'ISSUER',
      'DATABASE_URL',
      'AUTHCORE_ENCRYPTION_KEYS',
      'AUTHCORE_HASH_KEY',
      'AUTHCORE_COOKIE_KEYS',
    )
  })

  it('refuses the demonstration in production', () => {
    expect(faultsOf({ ...PRODUCTION, AUTHCORE_DEMO: 'true' })).to.have.all.keys('AUTHCORE_DEMO')
    expect(faultsOf({ ...PRODUCTION, DEMO_PASSWORD: 'correct horse' })).to.have.all.keys(
      'DEMO_PASSWORD, DEMO_CLIENT_SECRET',
    )
  })

  it('refuses unknown AUTHCORE_* variables, bad values and contradictions together', () => {
    const faults = faultsOf({
      AUTHCORE_TYPO: '1',
      PORT: 'abc',
      AUTHCORE_TTL_AUTHORIZATION_CODE: '10m',
    })
    expect(faults).to.have.all.keys('AUTHCORE_TYPO', 'PORT', 'AUTHCORE_TTL_AUTHORIZATION_CODE')
    expect(
      faultsOf({
        AUTHCORE_TTL_REFRESH_TOKEN_IDLE: '30d',
        AUTHCORE_TTL_REFRESH_TOKEN_ABSOLUTE: '7d',
      }),
    ).to.have.all.keys('AUTHCORE_TTL_REFRESH_TOKEN_IDLE')
  })

  it('wants fifteen characters of a password that stands alone, and eight beside a factor', () => {
    const least = (env: EnvironmentVariables) => loadConfig(env).passwords.minLength
    expect(least({})).to.equal(15)
    expect(least({ AUTHCORE_MFA: 'required' })).to.equal(8)
    expect(least({ AUTHCORE_MFA: 'phishing_resistant' })).to.equal(8)
    expect(least({ AUTHCORE_MFA: 'required', AUTHCORE_PASSWORD_MIN_LENGTH: '12' })).to.equal(12)
    for (const mfa of ['never', 'when_enrolled']) {
      const env = { AUTHCORE_MFA: mfa, AUTHCORE_PASSWORD_MIN_LENGTH: '14' }
      expect(faultsOf(env), mfa).to.have.property('AUTHCORE_PASSWORD_MIN_LENGTH')
    }
  })

  it('refuses to ask for a factor by places that no file tells', () => {
    const file = { AUTHCORE_GEO_DATABASE: '/var/lib/places.mmdb' }
    for (const name of ['AUTHCORE_RISK_NEW_COUNTRY', 'AUTHCORE_RISK_TRAVEL']) {
      expect(faultsOf({ [name]: 'factor' })).to.have.all.keys(name)
      expect(faultsOf({ [name]: 'factor', ...file })).to.deep.equal({})
      expect(faultsOf({ [name]: 'notify' })).to.deep.equal({})
    }
  })

  it('refuses a policy on authenticators that nobody would look at, or that believes nobody', () => {
    const direct = { AUTHCORE_PASSKEY_ATTESTATION: 'direct' }
    const file = { AUTHCORE_PASSKEY_METADATA: '/var/lib/blob.jwt' }
    const list = { AUTHCORE_PASSKEY_AUTHENTICATORS: 'EE882879-721c-4913-9775-3dfcce97072a' }
    const root = { AUTHCORE_PASSKEY_METADATA_ROOT: '/etc/root.pem' }
    for (const alone of [file, list, root]) {
      expect(faultsOf(alone)).to.have.all.keys(...Object.keys(alone))
      expect(faultsOf({ ...direct, ...file, ...alone })).to.deep.equal({})
    }
    expect(faultsOf(direct)).to.have.all.keys('AUTHCORE_PASSKEY_METADATA')
    expect(faultsOf({ ...direct, ...list })).to.have.all.keys('AUTHCORE_PASSKEY_METADATA')
    const wrong = { ...direct, ...file, AUTHCORE_PASSKEY_AUTHENTICATORS: 'yubikey' }
    expect(faultsOf(wrong)).to.have.all.keys('AUTHCORE_PASSKEY_AUTHENTICATORS')
  })

  it('refuses the hook of a legacy system without its secret, the other way round, and unusable ones', () => {
    const hook = { AUTHCORE_LEGACY_SIGN_IN_HOOK: 'https://old.example.com/sign-in' }
    const secret = { AUTHCORE_LEGACY_SIGN_IN_HOOK_SECRET: `whsec_${KEYS[0]}` }
    const both = 'AUTHCORE_LEGACY_SIGN_IN_HOOK, AUTHCORE_LEGACY_SIGN_IN_HOOK_SECRET'
    expect(faultsOf({ ...hook, ...secret })).to.deep.equal({})
    expect(faultsOf(hook)).to.have.all.keys(both)
    expect(faultsOf(secret)).to.have.all.keys(both)
    for (const [name, value] of [
      ['AUTHCORE_LEGACY_SIGN_IN_HOOK', 'ldap://old.example.com'],
      ['AUTHCORE_LEGACY_SIGN_IN_HOOK', 'https://us:pass@old.example.com'],
      ['AUTHCORE_LEGACY_SIGN_IN_HOOK_SECRET', 'whsec_c2hvcnQ='],
    ] as const) {
      expect(faultsOf({ ...hook, ...secret, [name]: value }), value).to.have.all.keys(name)
    }
  })

  it('refuses steps against inactive accounts that do not come one after the other', () => {
    const [warn, disable, remove] = ['WARN', 'DISABLE', 'DELETE'].map(
      (step) => `AUTHCORE_INACTIVE_${step}_DAYS`,
    ) as [string, string, string]
    for (const env of [
      {},
      { [warn]: '300', [disable]: '365', [remove]: '730' },
      { [warn]: '300', [disable]: '0', [remove]: '730' },
      { [disable]: '365', [remove]: '3650' },
      { [warn]: '300' },
      { [remove]: '1' },
    ]) {
      expect(faultsOf(env), JSON.stringify(env)).to.deep.equal({})
    }
    expect(loadConfig({}).signIn).to.include({ inactiveWarnDays: 0, inactiveDeleteDays: 0 })
    for (const [env, key, problem] of [
      [
        { [warn]: '365', [disable]: '365' },
        warn,
        `is 365, which is not less than ${disable} (365)`,
      ],
      [{ [warn]: '80', [remove]: '30' }, warn, `is 80, which is not less than ${remove} (30)`],
      [{ [disable]: '9', [remove]: '8' }, disable, `is 9, which is not less than ${remove} (8)`],
    ] as const) {
      expect(faultsOf(env)).to.deep.equal({ [key]: problem })
    }
    for (const days of ['-1', '3651', '1.5', 'soon']) {
      expect(faultsOf({ [remove]: days }), days).to.have.all.keys(remove)
    }
  })

  it('takes the terms with their version, by https or from this machine, and refuses half of it', () => {
    const uri = { AUTHCORE_TERMS_URI: 'https://www.example.com/terms#use' }
    const version = { AUTHCORE_TERMS_VERSION: '2026-11' }
    const both = 'AUTHCORE_TERMS_URI, AUTHCORE_TERMS_VERSION'
    expect(faultsOf({ ...uri, ...version })).to.deep.equal({})
    expect(faultsOf({ ...PRODUCTION, ...uri, ...version })).to.deep.equal({})
    expect(faultsOf(uri)).to.have.all.keys(both)
    expect(faultsOf(version)).to.have.all.keys(both)
    const here = { ...version, AUTHCORE_TERMS_URI: 'http://localhost:8080/terms' }
    expect(faultsOf(here)).to.deep.equal({})
    expect(faultsOf({ ...PRODUCTION, ...here })).to.have.all.keys('AUTHCORE_TERMS_URI')
    for (const [name, value] of [
      ['AUTHCORE_TERMS_URI', 'http://www.example.com/terms'],
      ['AUTHCORE_TERMS_URI', 'ftp://localhost/terms'],
      ['AUTHCORE_TERMS_URI', 'https://us:pass@www.example.com/terms'],
      ['AUTHCORE_TERMS_URI', '/terms'],
      ['AUTHCORE_TERMS_VERSION', 'x'.repeat(41)],
      ['AUTHCORE_TERMS_VERSION', 'a\nb'],
    ] as const) {
      expect(faultsOf({ ...uri, ...version, [name]: value }), value).to.have.all.keys(name)
    }
  })

  it('takes the claims that people are asked for, each once, and no others', () => {
    const ask = (AUTHCORE_PROFILE_ASK: string) => faultsOf({ AUTHCORE_PROFILE_ASK })
    expect(ask('given_name, birthdate?, address')).to.deep.equal({})
    for (const text of ['email', 'phone_number', 'given_name??', 'badge', 'name,name?']) {
      expect(ask(text), text).to.have.all.keys('AUTHCORE_PROFILE_ASK')
    }
  })

  it('refuses weak keys and one key for two purposes', () => {
    const weak = Buffer.alloc(32, 7).toString('base64')
    expect(faultsOf({ AUTHCORE_HASH_KEY: weak })['AUTHCORE_HASH_KEY']).to.match(/weak/)
    expect(faultsOf({ AUTHCORE_HASH_KEY: 'c2hvcnQ=' })['AUTHCORE_HASH_KEY']).to.match(/32 bytes/)
    expect(faultsOf({ ...PRODUCTION, AUTHCORE_COOKIE_KEYS: KEYS[1] })).to.have.all.keys(
      'AUTHCORE_HASH_KEY',
    )
  })

  it('never repeats a secret in a fault', () => {
    try {
      loadConfig({ AUTHCORE_HASH_KEY: 'hunter2hunter2', AUTHCORE_COOKIE_KEYS: 'hunter2' })
      expect.fail('the configuration was accepted')
    } catch (error) {
      expect((error as Error).message).not.to.contain('hunter2')
    }
  })

  it('refuses an issuer with a path, a query or credentials', () => {
    for (const issuer of [
      'https://a.example/x',
      'https://a.example/?q',
      'https://u@a.example',
      'a',
    ]) {
      expect(faultsOf({ ISSUER: issuer }), issuer).to.have.all.keys('ISSUER')
    }
  })

  it('reads a secret from the file its *_FILE variable names', () => {
    const path = join(dir, 'hash_key')
    writeFileSync(path, `${KEYS[0]}\n`)
    const config = loadConfig({ AUTHCORE_HASH_KEY_FILE: path })
    expect(config.security.hashKey).to.deep.equal(Buffer.from(KEYS[0]!, 'base64'))
    expect(faultsOf({ AUTHCORE_HASH_KEY_FILE: path, AUTHCORE_HASH_KEY: KEYS[1] })).to.have.all.keys(
      'AUTHCORE_HASH_KEY',
    )
    expect(faultsOf({ AUTHCORE_HASH_KEY_FILE: join(dir, 'none') })).to.have.all.keys(
      'AUTHCORE_HASH_KEY_FILE',
    )
  })

  it('reads a file by section, and lets the environment win', () => {
    const path = join(dir, 'authcore.yaml')
    writeFileSync(path, 'server:\n  port: 7001\n  logLevel: warn\ntokens:\n  accessTokenS: 5m\n')
    const config = loadConfig({ AUTHCORE_CONFIG: path, PORT: '7002' })
    expect(config.server.port).to.equal(7002)
    expect(config.server.logLevel).to.equal('warn')
    expect(config.tokens.accessTokenS).to.equal(300)
  })

  it('refuses unknown keys in the file', () => {
    const path = join(dir, 'authcore.yaml')
    writeFileSync(path, 'server:\n  prot: 7001\nserverr: {}\n')
    expect(faultsOf({ AUTHCORE_CONFIG: path })).to.have.all.keys('server.prot', 'serverr')
  })

  it('makes its secrets once, readable by the owner only, and never replaces a damaged file', () => {
    const config = loadConfig({ AUTHCORE_DATA_DIR: dir })
    const first = withSecrets(config)
    expect(statSync(join(dir, 'secrets.json')).mode & 0o777).to.equal(0o600)
    expect(withSecrets(config).security).to.deep.equal(first.security)
    writeFileSync(join(dir, 'secrets.json'), '{}')
    expect(() => withSecrets(config)).to.throw(ConfigError, 'backup')
  })

  it('prints the effective configuration without a secret', () => {
    const printed = JSON.stringify(effectiveConfig(loadConfig(PRODUCTION)))
    for (const key of KEYS) expect(printed).not.to.contain(key)
    expect(printed).to.contain('[redacted]')
    expect(printed).to.contain('https://login.example.com')
  })

  it('has a reference page that is not stale', () => {
    expect(readFileSync('docs/CONFIGURATION.md', 'utf8')).to.equal(configurationReference())
  })
})
