import { expect } from 'chai'
import {
  deleteClient,
  disableClient,
  enableClient,
} from '../../../src/domain/clients/block_client.ts'
import {
  isGeneratedClientSecret,
  matchesClientSecret,
} from '../../../src/domain/clients/client_secret.ts'
import { findClient, getClient, listClients } from '../../../src/domain/clients/client_store.ts'
import { type ClientToCreate, createClient } from '../../../src/domain/clients/create_client.ts'
import { rotateClientSecret } from '../../../src/domain/clients/rotate_client_secret.ts'
import { updateClient } from '../../../src/domain/clients/update_client.ts'
import { query } from '../../../src/platform/persistence/db.ts'
import {
  codeOf,
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  keyring,
  movableClock,
  statementsOf,
} from '../domain_database.ts'

const WEB: ClientToCreate = {
  name: 'Shop',
  preset: 'web',
  metadata: { redirect_uris: ['https://shop.example/cb'] },
}

describe('domain/clients', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  let db: DomainDatabase['db']
  const deps = () => ({ db, keyring, clock: movableClock(new Date()) })

  before(async () => {
    database = await domainDatabase()
    db = database.db
  })
  after(() => database?.close())

  it('creates a client with a secret that is nowhere stored', async () => {
    const { client, secret } = await createClient(deps(), WEB)
    expect(isGeneratedClientSecret(secret!)).to.equal(true)
    expect(await findClient(db, client.clientId)).to.deep.equal(client)
    const [dump] = await query<{ text: string }>(
      db,
      `SELECT string_agg(c::text || s::text, '') AS text FROM client c JOIN client_secret s USING (client_id)`,
    )
    expect(dump!.text).not.to.contain(secret)
    expect(dump!.text).not.to.contain(Buffer.from(secret!).toString('hex'))
    expect(await eventTypes(db, client.clientId)).to.deep.equal(['auth.client.created'])
  })

  it('reads a client with its secrets in one statement', async () => {
    const { client } = await createClient(deps(), WEB)
    expect(await statementsOf(() => findClient(db, client.clientId))).to.have.length(1)
  })

  it('makes no secret for a client that has none, and takes none', async () => {
    const spa: ClientToCreate = { ...WEB, preset: 'spa' }
    const { client, secret } = await createClient(deps(), spa)
    expect(secret).to.equal(undefined)
    expect(client.secrets).to.be.empty
    expect(await codeOf(() => createClient(deps(), { ...spa, secret: 'x'.repeat(32) }))).to.equal(
      'invalid_input',
    )
  })

  it('takes a given id and secret, and refuses ids and names that cannot be', async () => {
    const secret = 'a-secret-from-the-configuration'
    const { client } = await createClient(deps(), { ...WEB, clientId: 'shop', secret })
    expect(matchesClientSecret(keyring, client, secret, new Date())).to.equal(true)
    expect(await codeOf(() => createClient(deps(), { ...WEB, clientId: 'shop' }))).to.equal(
      'conflict',
    )
    for (const wrong of [
      { clientId: '' },
      { clientId: 'with space' },
      { clientId: 'é' },
      { clientId: 'x'.repeat(256) },
      { secret: 'short' },
      { name: '' },
      { name: '   ' },
      { name: 'turned \u202E around' },
      { name: 'two\nlines' },
      { name: 'x'.repeat(101) },
    ]) {
      const input = { ...WEB, ...wrong }
      expect(await codeOf(() => createClient(deps(), input)), JSON.stringify(wrong)).to.equal(
        'invalid_input',
      )
    }
  })

  it('does not ask the database for what cannot be an id', async () => {
    const asked = await statementsOf(async () => {
      for (const id of ['', 'é', 'a\u0000', 'x'.repeat(256), 'line\n']) {
        expect(await findClient(db, id)).to.equal(undefined)
      }
    })
    expect(asked).to.be.empty
  })

  it('compares ids byte for byte', async () => {
    await createClient(deps(), { ...WEB, clientId: 'Exact' })
    expect(await findClient(db, 'exact')).to.equal(undefined)
    expect(await findClient(db, 'Exact ')).to.equal(undefined)
  })

  it('lists clients page by page', async () => {
    const ids: string[] = []
    for (let after: string | undefined; ; ) {
      const page = await listClients(db, { after, limit: 2 })
      if (page.length === 0) break
      ids.push(...page.map(({ clientId }) => clientId))
      after = ids.at(-1)
    }
    expect(ids).to.include.members(['shop', 'Exact'])
    expect(new Set(ids).size).to.equal(ids.length)
  })

  it('changes single members and takes members away', async () => {
    const { client } = await createClient(deps(), {
      ...WEB,
      metadata: { ...WEB.metadata, tos_uri: 'https://shop.example/tos', default_max_age: 60 },
    })
    const { client: after, secret } = await updateClient(deps(), client.clientId, {
      name: 'New name',
      metadata: { tos_uri: null, default_max_age: 90 },
    })
    expect(after.name).to.equal('New name')
    expect(after.metadata).to.include({ default_max_age: 90 }).and.not.to.have.property('tos_uri')
    expect(secret).to.equal(undefined)
    expect(after.secrets).to.deep.equal(client.secrets)
    const bad = { metadata: { redirect_uris: [] } }
    expect(await codeOf(() => updateClient(deps(), client.clientId, bad))).to.equal('invalid_input')
    expect(await codeOf(() => updateClient(deps(), 'nobody', {}))).to.equal('not_found')
  })

  it('gives a secret to a client that begins to need one, and takes it when it ceases to', async () => {
    const { client } = await createClient(deps(), { ...WEB, preset: 'spa' })
    const change = (
      preset: 'spa' | 'web',
      token_endpoint_auth_method: 'none' | 'client_secret_post',
    ) => updateClient(deps(), client.clientId, { preset, metadata: { token_endpoint_auth_method } })
    const { client: confidential, secret } = await change('web', 'client_secret_post')
    expect(matchesClientSecret(keyring, confidential, secret!, new Date())).to.equal(true)
    expect((await change('spa', 'none')).client.secrets).to.be.empty
  })

  it('loses none of the changes made at once', async () => {
    const { client } = await createClient(deps(), WEB)
    await Promise.all([
      updateClient(deps(), client.clientId, { metadata: { default_max_age: 60 } }),
      updateClient(deps(), client.clientId, { metadata: { require_auth_time: true } }),
      updateClient(deps(), client.clientId, { name: 'Both' }),
    ])
    const after = await getClient(db, client.clientId)
    expect(after.name).to.equal('Both')
    expect(after.metadata).to.include({ default_max_age: 60, require_auth_time: true })
  })

  describe('rotating the secret', () => {
    it('lets the old one work for the overlap and no longer', async () => {
      const clock = movableClock(new Date())
      const { client, secret: old } = await createClient({ db, keyring, clock }, WEB)
      const { clientId } = client
      const { secret: fresh } = await rotateClientSecret({ db, keyring, clock }, clientId, {
        overlapS: 3600,
      })
      const works = async (secret: string) =>
        matchesClientSecret(keyring, await getClient(db, clientId), secret, clock.now())
      expect([await works(old!), await works(fresh)]).to.deep.equal([true, true])
      clock.advance(3599)
      expect(await works(old!)).to.equal(true)
      clock.advance(1)
      expect([await works(old!), await works(fresh)]).to.deep.equal([false, true])
      expect(await eventTypes(db, clientId)).to.include('auth.client.secret_rotated')
    })

    it('keeps two at most, and with no overlap one', async () => {
      const { client, secret: first } = await createClient(deps(), WEB)
      const { clientId } = client
      const { secret: second } = await rotateClientSecret(deps(), clientId, { overlapS: 60 })
      const { client: after, secret: third } = await rotateClientSecret(deps(), clientId, {
        overlapS: 60,
      })
      const matching = [first!, second, third].map((s) =>
        matchesClientSecret(keyring, after, s, new Date()),
      )
      expect(matching).to.deep.equal([false, true, true])
      const { client: last } = await rotateClientSecret(deps(), clientId, { overlapS: 0 })
      expect(last.secrets).to.have.length(1)
    })

    it('stays at two where ten rotate at once', async () => {
      const { client } = await createClient(deps(), WEB)
      const rotated = await Promise.all(
        Array.from({ length: 10 }, () =>
          rotateClientSecret(deps(), client.clientId, { overlapS: 60 }),
        ),
      )
      const after = await getClient(db, client.clientId)
      expect(after.secrets).to.have.length(2)
      expect(after.secrets.filter(({ expiresAt }) => expiresAt === null)).to.have.length(1)
      const working = rotated.filter(({ secret }) =>
        matchesClientSecret(keyring, after, secret, new Date()),
      )
      expect(working).to.have.length(2)
    })

    it('is refused for a client without secret, and for an overlap that is none', async () => {
      const { client } = await createClient(deps(), { ...WEB, preset: 'spa' })
      expect(
        await codeOf(() => rotateClientSecret(deps(), client.clientId, { overlapS: 0 })),
      ).to.equal('invalid_input')
      for (const overlapS of [-1, Number.NaN, Number.POSITIVE_INFINITY, 31 * 86_400]) {
        expect(await codeOf(() => rotateClientSecret(deps(), 'shop', { overlapS }))).to.equal(
          'invalid_input',
        )
      }
    })
  })

  it('disables, enables and deletes', async () => {
    const { client } = await createClient(deps(), WEB)
    const { clientId } = client
    const ended: string[] = []
    const endAccess = async (_tx: unknown, id: string) => void ended.push(id)
    expect((await disableClient(deps(), clientId, { endAccess })).status).to.equal('disabled')
    expect((await disableClient(deps(), clientId)).status).to.equal('disabled')
    expect((await enableClient(deps(), clientId)).status).to.equal('active')
    await deleteClient(deps(), clientId, { endAccess })
    expect(await findClient(db, clientId)).to.equal(undefined)
    expect(ended).to.deep.equal([clientId, clientId])
    expect(await eventTypes(db, clientId)).to.deep.equal([
      'auth.client.created',
      'auth.client.disabled',
      'auth.client.enabled',
      'auth.client.deleted',
    ])
    for (const work of [disableClient, enableClient, deleteClient]) {
      expect(await codeOf(() => work(deps(), clientId))).to.equal('not_found')
    }
  })

  describe('a secret', () => {
    it('carries a checksum that finds a slip', async () => {
      const { secret } = await createClient(deps(), WEB)
      const slip = secret!.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
      expect(isGeneratedClientSecret(slip)).to.equal(false)
      expect(isGeneratedClientSecret('acs_short')).to.equal(false)
    })

    it('matches itself alone', async () => {
      const { client, secret } = await createClient(deps(), WEB)
      for (const wrong of ['', `${secret} `, secret!.slice(1), 'x'.repeat(100_000)]) {
        expect(matchesClientSecret(keyring, client, wrong, new Date())).to.equal(false)
      }
    })
  })
})
