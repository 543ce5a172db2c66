import { expect } from 'chai'
import {
  createResourceServer,
  type ResourceServerToCreate,
} from '../../../src/domain/clients/create_resource_server.ts'
import { deleteResourceServer } from '../../../src/domain/clients/delete_resource_server.ts'
import { createResourceServerCache } from '../../../src/domain/clients/resource_server_cache.ts'
import {
  findResourceServer,
  listResourceServers,
} from '../../../src/domain/clients/resource_server_store.ts'
import {
  codeOf,
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  movableClock,
  statementsOf,
} from '../domain_database.ts'

const ORDERS: ResourceServerToCreate = {
  identifier: 'https://api.example/orders',
  name: 'Orders',
  scopes: [{ name: 'orders:read', description: 'See your orders' }, { name: 'orders:write' }],
}

describe('domain/clients/resource_server', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  let db: DomainDatabase['db']
  const deps = () => ({ db, clock: movableClock() })

  before(async () => {
    database = await domainDatabase()
    db = database.db
  })
  after(() => database?.close())

  it('is created, found, listed and deleted', async () => {
    const created = await createResourceServer(deps(), ORDERS)
    expect(created).to.deep.include({
      ...ORDERS,
      accessTokenFormat: 'jwt',
      accessTokenTtlS: null,
      signingAlgorithm: 'ES256',
    })
    expect(await findResourceServer(db, ORDERS.identifier)).to.deep.equal(created)
    expect(await listResourceServers(db, { limit: 10 })).to.deep.equal([created])
    expect(await listResourceServers(db, { after: ORDERS.identifier, limit: 10 })).to.be.empty
    expect(await codeOf(() => createResourceServer(deps(), ORDERS))).to.equal('conflict')
    await deleteResourceServer({ db }, ORDERS.identifier)
    expect(await codeOf(() => deleteResourceServer({ db }, ORDERS.identifier))).to.equal(
      'not_found',
    )
    expect(await eventTypes(db, ORDERS.identifier)).to.deep.equal([
      'auth.resource_server.created',
      'auth.resource_server.deleted',
    ])
  })

  it('is cached as clients are', async () => {
    const identifier = 'urn:example:cached'
    await createResourceServer(deps(), { ...ORDERS, identifier, accessTokenTtlS: 120 })
    const cache = createResourceServerCache({ db })
    expect((await cache.find(identifier))?.accessTokenTtlS).to.equal(120)
    expect(await statementsOf(() => cache.find(identifier))).to.be.empty
    expect(await statementsOf(() => cache.find('no uri'))).to.be.empty
  })

  for (const [title, change] of [
    ['a fragment', { identifier: 'https://api.example/#a' }],
    ['a relative identifier', { identifier: '/orders' }],
    ['an identifier with spaces', { identifier: 'https://api.example/a b' }],
    ['a scope of the server itself', { scopes: [{ name: 'openid' }] }],
    ['a scope with a space', { scopes: [{ name: 'a b' }] }],
    ['a scope twice', { scopes: [{ name: 'a' }, { name: 'a' }] }],
    ['a life of a second', { accessTokenTtlS: 1 }],
    ['an empty name', { name: '' }],
  ] as [string, Partial<ResourceServerToCreate>][]) {
    it(`refuses ${title}`, async () => {
      expect(await codeOf(() => createResourceServer(deps(), { ...ORDERS, ...change }))).to.equal(
        'invalid_input',
      )
    })
  }
})
