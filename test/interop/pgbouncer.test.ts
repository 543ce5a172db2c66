import { expect } from 'chai'
import { disableClient } from '../../src/domain/clients/block_client.ts'
import { openDb } from '../../src/platform/persistence/db.ts'
import { migrateUp, migrationStatus } from '../../src/platform/persistence/migrate.ts'
import { expectError, expectTokens, post } from '../protocol/driver.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  startAuthCore,
} from '../support/authcore.ts'
import { eventually } from '../support/eventually.ts'
import * as pgbouncer from '../support/pgbouncer.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { relyingParty, signIn } from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'

/** As far as docs/OPERATIONS.md goes: a session is lent out for as long as the server wants it. */
describe('Behind PgBouncer, with a pool of sessions', function () {
  this.timeout(120_000)
  let database: TestDatabase
  let pool: pgbouncer.PgBouncer
  let server: AuthCore | undefined

  before(async function () {
    requires(this, pgbouncer.available())
    database = await testDatabase({ migrated: false })
    pool = await pgbouncer.startPgBouncer(database.connection)
  })
  after(async () => {
    await server?.stop()
    await pool?.stop()
    await database?.drop()
  })

  it('the schema is made under its lock', async () => {
    const db = openDb({
      connection: { connectionString: pool.url },
      poolMax: 2,
      timeoutMs: 60_000,
    })
    try {
      await migrateUp(db)
      expect(await migrationStatus(db)).to.deep.include({ pending: [], unknown: [] })
    } finally {
      await db.destroy()
    }
  })

  it('people sign in, jobs are done, and changes are heard', async () => {
    const env = { DATABASE_URL: pool.url, AUTHCORE_DATABASE_TIMEOUT: '60s' }
    server = await startAuthCore({ env, worker: true })
    const ada = await addPerson(server)
    await addApi(server)
    const { tokens } = await signIn(
      server,
      await relyingParty(server, await addClient(server)),
      ada,
    )
    expect(tokens.access_token).to.be.a('string')

    const service = await addClient(server, {
      preset: 'service',
      metadata: { resource_scopes: { [API]: ['read'] } },
    })
    const fields = { grant_type: 'client_credentials', resource: API }
    expectTokens(await post(server, '/token', service, fields))
    const heard: unknown[] = []
    server.parts.changes.subscribe(({ topic }) => heard.push(topic))
    await disableClient(server.parts, service.clientId)
    await eventually(() => expect(heard).to.include('client'))
    expectError(await post(server, '/token', service, fields), 401, 'invalid_client')
  })
})
