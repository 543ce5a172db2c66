import { expect } from 'chai'
import { ConfigError } from '../../../src/platform/config/config_error.ts'
import { type EnvironmentVariables, loadConfig } from '../../../src/platform/config/load_config.ts'

const LISTENER: EnvironmentVariables = {
  AUTHCORE_MTLS: 'listener',
  AUTHCORE_MTLS_ORIGIN: 'https://mtls.example.com',
  AUTHCORE_MTLS_CERT_FILE: '/cert.pem',
  AUTHCORE_MTLS_KEY_FILE: '/key.pem',
}
const PROXY: EnvironmentVariables = {
  AUTHCORE_MTLS: 'proxy',
  AUTHCORE_TRUSTED_PROXIES: '10.0.0.5',
}

function faultsOf(env: EnvironmentVariables): string[] {
  try {
    loadConfig({ ISSUER: 'https://login.example.com', ...env })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.faults.every(({ remedy }) => remedy.length > 10)).to.equal(true)
    return error.faults.map(({ key }) => key)
  }
  return []
}

describe('the settings of mutual TLS', () => {
  it('are off, and needed for nothing then', () => {
    expect(loadConfig({}).protocols.mutualTls).to.equal('off')
  })

  it('are complete with what each mode needs', () => {
    expect(faultsOf(LISTENER)).to.deep.equal([])
    expect(faultsOf(PROXY)).to.deep.equal([])
    expect(faultsOf({ ...PROXY, AUTHCORE_MTLS_ORIGIN: 'https://mtls.example.com' })).to.be.empty
    expect(loadConfig({ ...PROXY, AUTHCORE_MTLS_HEADER: 'X-Cert' }).mutualTls.header).to.equal(
      'x-cert',
    )
  })

  const CONTRADICTIONS: [string, EnvironmentVariables, string[]][] = [
    [
      'a listener without its address and files',
      { AUTHCORE_MTLS: 'listener' },
      ['AUTHCORE_MTLS_ORIGIN', 'AUTHCORE_MTLS_CERT_FILE', 'AUTHCORE_MTLS_KEY_FILE'],
    ],
    [
      'files of a listener behind a proxy',
      { ...LISTENER, ...PROXY },
      ['AUTHCORE_MTLS_CERT_FILE', 'AUTHCORE_MTLS_KEY_FILE'],
    ],
    [
      'a verdict of a proxy at a listener',
      { ...LISTENER, AUTHCORE_MTLS_VERIFIED_HEADER: 'X-Client-Verify' },
      ['AUTHCORE_MTLS_VERIFIED_HEADER'],
    ],
    ['authorities for nobody', { AUTHCORE_MTLS_CA_FILE: '/ca.pem' }, ['AUTHCORE_MTLS']],
    [
      'an origin without TLS',
      { ...LISTENER, AUTHCORE_MTLS_ORIGIN: 'http://mtls.example.com' },
      ['AUTHCORE_MTLS_ORIGIN'],
    ],
    [
      'the issuer as the origin',
      { ...LISTENER, AUTHCORE_MTLS_ORIGIN: 'https://login.example.com' },
      ['AUTHCORE_MTLS_ORIGIN'],
    ],
    ['a proxy that is not named', { AUTHCORE_MTLS: 'proxy' }, ['AUTHCORE_TRUSTED_PROXIES']],
    [
      'everybody as a proxy',
      { ...PROXY, AUTHCORE_TRUSTED_PROXIES: '0.0.0.0/0' },
      ['AUTHCORE_TRUSTED_PROXIES'],
    ],
    [
      'two who verify',
      {
        ...PROXY,
        AUTHCORE_MTLS_CA_FILE: '/ca.pem',
        AUTHCORE_MTLS_VERIFIED_HEADER: 'X-Client-Verify',
      },
      ['AUTHCORE_MTLS_VERIFIED_HEADER'],
    ],
    [
      'one header for two things',
      { ...PROXY, AUTHCORE_MTLS_VERIFIED_HEADER: 'Client-Cert' },
      ['AUTHCORE_MTLS_VERIFIED_HEADER'],
    ],
    ['one port for two', { ...LISTENER, AUTHCORE_MTLS_PORT: '5001' }, ['AUTHCORE_MTLS_PORT']],
  ]
  for (const [title, env, keys] of CONTRADICTIONS) {
    it(`refuse ${title}`, () => {
      expect(faultsOf(env)).to.deep.equal(keys)
    })
  }
})
