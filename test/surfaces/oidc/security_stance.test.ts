import { expect } from 'chai'
import Provider from 'oidc-provider'
import { effectiveConfiguration } from '../../../src/surfaces/oidc/internals.ts'
import { brokenStances } from '../../../src/surfaces/oidc/security_stance.ts'
import { type AuthCore, startAuthCore } from '../../support/authcore.ts'

const STRICT = { legacyClients: false, mutualTls: 'off' } as const

describe('surfaces/oidc/security_stance', function () {
  this.timeout(30_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore()
  })
  after(() => server?.stop())

  const ours = () => effectiveConfiguration(server.parts.runtime.provider())

  it('holds for the provider that serves', () => {
    expect(brokenStances(ours(), STRICT)).to.deep.equal([])
  })

  it('does not hold for an engine that is left to its defaults', () => {
    const provider = new Provider('https://op.example.test', { adapter: (() => ({})) as never })
    const broken = brokenStances(effectiveConfiguration(provider), STRICT)
    expect(broken).to.include.members([
      'the engine serves no pages of its own',
      'the code flow is the only one',
      'PKCE is required of every client',
      'a redirect URI is always sent',
      'no client authenticates with a secret that we could read',
      'nothing is signed or accepted with a shared secret or with none',
    ])
  })

  const changes: [string, Record<string, unknown>][] = [
    ['the code flow is the only one', { responseTypes: ['code', 'code id_token'] }],
    ['PKCE is required of every client', { pkce: { required: () => false } }],
    ['access tokens are not taken from the query', { acceptQueryParamAccessTokens: true }],
    [
      'nothing is encrypted with an old algorithm, and nothing encrypted is taken',
      { idTokenEncryptionAlgValues: ['RSA-OAEP'] },
    ],
    ['cookies are signed', { cookies: { keys: undefined } }],
    [
      'authorization codes live for a minute at most',
      { ttl: { AuthorizationCode: 600, Grant: 1 } },
    ],
    ['a grant outlives its refresh tokens', { ttl: { AuthorizationCode: 60 } }],
    ['what other servers answer is bounded', { fetchResponseBodyLimits: { jwks_uri: Infinity } }],
  ]
  for (const [name, change] of changes) {
    it(`notices when it no longer holds that ${name}`, () => {
      expect(brokenStances({ ...ours(), ...change } as never, STRICT)).to.include(name)
    })
  }
})
