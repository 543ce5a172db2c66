import { expect } from 'chai'
import { planConfig } from '../../certification/plans/plan_config.ts'
import { bySettings, type Planned, plannedFor } from '../../certification/plans/planned.ts'
import { unknownSettings } from '../../certification/product/environment.ts'
import { makeCredentials, publicJwks } from '../../certification/seeding/credentials.ts'
import type { SeededClient } from '../../certification/seeding/seed_clients.ts'
import { clientsOf } from '../../certification/tables/clients.ts'
import { PROFILE_NAMES } from '../../certification/tables/profiles.ts'
import { publicJwkFault } from '../../src/domain/clients/client_jwks.ts'
import { parseClientMetadata } from '../../src/domain/clients/parse_client_metadata.ts'
import { available } from '../support/openssl.ts'
import { requires } from '../support/skip.ts'

const all = plannedFor(PROFILE_NAMES, { aliasPrefix: 'authcore', oneAlias: false })

describe('the plans of a certification', () => {
  it('have names of their own, and aliases that the suite accepts', () => {
    expect(all).to.have.length(18)
    expect(new Set(all.map(({ key }) => key)).size).to.equal(all.length)
    expect(new Set(all.map(({ alias }) => alias)).size).to.equal(all.length)
    for (const { alias } of all) expect(alias).to.match(/^[A-Za-z0-9_-]{1,60}$/)
  })

  it('name each way to authenticate with each way to bind tokens', () => {
    const keys = all.filter(({ profile }) => profile === 'fapi2-sp').map(({ key }) => key)
    expect(keys).to.deep.equal([
      'fapi2-sp-privatekeyjwt-dpop',
      'fapi2-sp-privatekeyjwt-mtls',
      'fapi2-sp-mtls-dpop',
      'fapi2-sp-mtls-mtls',
    ])
  })

  it('share a server only where they want the same settings', () => {
    const groups = bySettings(all).map((plans) => plans.map(({ profile }) => profile))
    expect(groups.flat()).to.have.length(all.length)
    const alike = ['basic', 'formpost-basic', 'rp-logout', 'backchannel', 'implicit', 'hybrid']
    expect(groups).to.deep.include(alike)
    expect(groups).to.deep.include(['frontchannel'])
  })

  it('want settings that there are', () => {
    for (const { key, definition } of all) {
      expect(unknownSettings(definition.settings), key).to.deep.equal([])
    }
  })

  for (const { definition, variant, key } of all) {
    it(`have two clients or none, which the server takes as they are: ${key}`, async function () {
      requires(this, available())
      const rows = clientsOf(definition.clients, variant)
      const members = rows.map(({ member }) => member).filter((name) => /^client2?$/.test(name))
      const registersItself = /dynamic|config|3rdparty/.test(key)
      expect(members).to.deep.equal(registersItself ? [] : ['client', 'client2'])
      for (const row of rows) {
        const jwks = publicJwks(await makeCredentials(row, row.member), row.proves)
        const uri = 'https://suite.example/callback'
        const logout = Object.fromEntries(
          ['backchannel', 'frontchannel'].flatMap((channel) =>
            `${channel}_logout_session_required` in row.metadata
              ? [[`${channel}_logout_uri`, uri]]
              : [],
          ),
        )
        const written = { redirect_uris: [uri], ...(jwks ? { jwks } : {}), ...logout }
        parseClientMetadata({ ...written, ...row.metadata }, row.kind)
      }
    })
  }
})

describe('the configuration of a FAPI 2.0 plan', () => {
  const places = {
    op: 'https://op.example',
    suite: 'https://suite.example',
    alias: 'a',
    login: 'ada@example.com',
    password: 'secret',
  }

  before(function () {
    requires(this, available())
  })

  async function configOf(key: string) {
    const planned = all.find((each) => each.key === key) as Planned
    const rows = clientsOf(planned.definition.clients, planned.variant)
    const clients = await Promise.all(
      rows.map(async (row): Promise<SeededClient> => {
        const credentials = await makeCredentials(row, `${key}-${row.member}`)
        return { row, clientId: row.member, scope: 'openid', credentials }
      }),
    )
    return { clients, config: planConfig(planned, clients, places) }
  }

  it('hands the suite private keys and the server their public halves', async () => {
    const { clients, config } = await configOf('fapi2-sp-privatekeyjwt-dpop')
    const { jwks, dpop_signing_alg } = config['client'] as Record<string, { keys: object[] }>
    expect(jwks?.keys[0]).to.include.keys('d', 'p', 'q', 'kid').and.include({ alg: 'PS256' })
    expect(dpop_signing_alg).to.equal('ES256')
    expect(config).to.not.have.any.keys('mtls', 'mtls2')
    expect(config['resource']).to.deep.equal({ resourceUrl: 'https://op.example/userinfo' })
    for (const { credentials } of clients) {
      const { keys } = publicJwks(credentials, 'key')!
      expect(keys).to.have.length(1)
      expect(publicJwkFault(keys[0] as Record<string, unknown>)).to.equal(undefined)
      expect(keys[0]).to.not.have.any.keys('d', 'p', 'q', 'dp', 'dq', 'qi')
    }
    const [one, two] = clients.map(({ credentials }) => credentials.jwks?.keys[0]?.n)
    expect(one).to.not.equal(two)
  })

  it('has a certificate for each client that shows one, which is its own key', async () => {
    const { clients, config } = await configOf('fapi2-ms-mtls-mtls')
    expect(config['mtls']).to.have.all.keys('cert', 'key')
    expect(config['mtls2']).to.have.all.keys('cert', 'key').and.not.deep.equal(config['mtls'])
    expect(config['client']).to.not.have.property('dpop_signing_alg')
    const [{ row, credentials }] = clients as [SeededClient]
    const { keys } = publicJwks(credentials, row.proves)!
    expect(keys).to.have.length(2)
    const x5c = credentials.certificate!.cert.replace(/-----[^-]+-----|\s/g, '')
    expect(keys[1]).to.deep.include({ x5c: [x5c], kty: 'RSA' })
    expect(row.metadata).to.deep.include({
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      tls_client_certificate_bound_access_tokens: true,
      require_signed_request_object: true,
    })
  })

  it('binds to a certificate also what a key authenticates', async () => {
    const { clients, config } = await configOf('fapi2-sp-privatekeyjwt-mtls')
    expect(config).to.include.keys('mtls', 'mtls2')
    const { keys } = publicJwks(clients[0]!.credentials, clients[0]!.row.proves)!
    expect(keys).to.have.length(1)
  })
})
