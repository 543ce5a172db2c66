import { expect } from 'chai'
import pg from 'pg'
import { createAuditSink } from '../../../src/domain/audit/audit_trail.ts'
import { loadConfig } from '../../../src/platform/config/load_config.ts'
import { withSecrets } from '../../../src/platform/config/own_secrets.ts'
import { relayBatch } from '../../../src/platform/events/relay.ts'
import { createKeyring } from '../../../src/platform/keys/keyring.ts'
import { openDb } from '../../../src/platform/persistence/db.ts'
import { type Deployment, deployment } from './run_cli.ts'

describe('authcore audit', function () {
  this.timeout(120_000)
  let place: Deployment
  let db: pg.Client
  before(async () => {
    place = await deployment()
    db = new pg.Client(place.database.connection)
    await db.connect()
  })
  after(async () => {
    await db?.end()
    await place?.close()
  })

  /** What a worker does. */
  async function deliver(): Promise<void> {
    const config = withSecrets(loadConfig(place.env))
    const pool = openDb({ connection: place.database.connection, poolMax: 2, timeoutMs: 10_000 })
    try {
      const sink = createAuditSink(createKeyring(config.security))
      while ((await relayBatch(pool, [sink])) > 0);
    } finally {
      await pool.destroy()
    }
  }

  it('lists the end of the trail and proves that it is intact', async () => {
    await place.run('client create --name A --preset service --id a')
    await place.run('client create --name B --preset service --id b')
    await place.run('client disable b')
    await deliver()
    const all = (await place.run('audit list --json')).json().entries
    expect(all.map((entry: { type: string }) => entry.type)).to.deep.equal([
      'auth.client.created',
      'auth.client.created',
      'auth.client.disabled',
    ])
    const last = (await place.run('audit list --subject b --limit 1 --json')).json().entries
    expect(last).to.have.length(1)
    expect(last[0]).to.deep.include({
      seq: '3',
      specversion: '1.0',
      type: 'auth.client.disabled',
      subject: 'b',
      data: { clientId: 'b', by: 'cli' },
    })
    const human = await place.run('audit list --type auth.client.created')
    expect(human.stdout.trimEnd().split('\n')).to.have.length(3)
    expect(human.stdout).to.match(/^1 +\d{4}-\S+Z +auth\.client\.created +a +\{/m)
    const verified = await place.run('audit verify --json')
    expect(verified.code).to.equal(0)
    expect(verified.json()).to.deep.equal({ intact: true, entries: 3 })
  })

  it('names the first row that somebody changed, and ends with 1', async () => {
    await db.query(`UPDATE audit_entry SET subject = 'c' WHERE seq = 2`)
    const [human, json] = await Promise.all([
      place.run('audit verify'),
      place.run('audit verify --json'),
    ])
    expect(human.code).to.equal(1)
    expect(human.stdout).to.contain('broken at row 2')
    expect(json.code).to.equal(1)
    expect(json.json()).to.deep.equal({ intact: false, first_bad_seq: '2', reason: 'content' })
  })

  it('shows control characters as what they are', async () => {
    await db.query(`UPDATE audit_entry SET data = '{"userAgent":"\\u001b[2J\u009b"}' WHERE seq = 1`)
    const { stdout } = await place.run('audit list')
    expect(stdout).to.contain('\\u009b').and.not.contain('\u009b').and.not.contain('\u001b')
  })
})
