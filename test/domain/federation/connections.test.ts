import { expect } from 'chai'
import { openSecrets, resolveSecrets } from '../../../src/domain/federation/connection_secrets.ts'
import { createConnections } from '../../../src/domain/federation/connections.ts'
import { KINDS } from '../../../src/domain/federation/kinds.ts'
import {
  createConnection,
  deleteConnection,
  setConnectionStatus,
  updateConnection,
} from '../../../src/domain/federation/manage_connections.ts'
import { SOCIAL_KINDS } from '../../../src/domain/federation/social/social_kinds.ts'
import { observeStatements, query } from '../../../src/platform/persistence/db.ts'
import { eventsOf } from '../../protocol/driver.ts'
import { type AuthCore, startAuthCore } from '../../support/authcore.ts'
import { madeUpSource } from '../../support/made_up_source.ts'

/** Setting connections up: what a file may say, where secrets are, and who hears of a change. */

describe('domain/federation/manage_connections', function () {
  this.timeout(60_000)
  const { kinds } = madeUpSource()
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({ kinds })
  })
  after(() => server?.stop())

  const deps = () => ({ ...server.parts, kinds })
  const create = async (content: object, secrets: Record<string, string> = {}) =>
    await createConnection(deps(), { content, secrets })
  const faultOf = async (content: unknown): Promise<string> => {
    try {
      await createConnection(deps(), { content, secrets: {} })
    } catch (error) {
      return (error as Error).message
    }
    throw new Error('it was taken')
  }

  it('names every fault of a file, and its place', async () => {
    expect(await faultOf({ name: 'A', kind: 'made_up' })).to.include('name: must be 2 to 40')
    expect(await faultOf({ name: 'aa', kind: 'nothing' })).to.include('there is no kind "nothing"')
    const message = await faultOf({
      name: 'aa',
      kind: 'made_up',
      linking: 'always',
      domains: ['not a domain'],
      color: 'red',
      rules: { allow: 'groups' },
    })
    for (const words of ['linking', 'domains.0', 'color', 'rules.allow: must give bool']) {
      expect(message, words).to.include(words)
    }
    expect(await faultOf({ name: 'aa', kind: 'made_up', settings: { x: 1 } })).to.include(
      'settings',
    )
    expect(await faultOf('text')).to.include('the file')
    expect(await faultOf(null)).to.include('the file')
  })

  it('goes through directories only, as often as is sensible', async () => {
    const faultIn = (sync: unknown, more: object = {}) =>
      faultOf({ name: 'aa', kind: 'made_up_directory', sync, ...more })
    expect(await faultOf({ name: 'aa', kind: 'made_up', sync: {} })).to.include(
      'sync: is for directories; a connection of the kind made_up does not tell who there is',
    )
    expect(await faultIn({}, { settings: { url: 'nobody' } })).to.include(
      'sync: needs somebody who may list people',
    )
    expect(await faultIn({ create: true }, { provisioning: 'none' })).to.include(
      'sync.create: contradicts provisioning',
    )
    for (const [sync, words] of [
      [{ every: '14m' }, 'sync.every: must be a duration from 15m to 7d'],
      [{ every: '8d' }, 'sync.every: must be'],
      [{ every: 'often' }, 'sync.every: must be'],
      [{ max_absent: '101%' }, 'sync.max_absent: must be a share'],
      [{ max_absent: 0.2 }, 'sync.max_absent'],
      [{ absent: 'delete' }, 'sync.absent'],
      [{ page_size: 5000 }, 'sync.page_size'],
      [{ whenever: true }, 'whenever'],
      [true, 'sync'],
    ] as const) {
      expect(await faultIn(sync), JSON.stringify(sync)).to.include(words)
    }
    const { definition } = await create({
      name: 'gone-through',
      kind: 'made_up_directory',
      sync: {},
    })
    expect(definition.sync).to.deep.equal({
      ...{ every: '1h', create: false, absent: 'disable', max_absent: '20%', page_size: 500 },
    })
  })

  it('keeps secrets sealed, and out of what can be read', async () => {
    const { id } = await create({ name: 'sealed', kind: 'made_up' }, { client_secret: 'hush-hush' })
    const [row] = await query<{ text: string; secrets_sealed: Buffer }>(
      server.parts.db,
      'SELECT connection::text AS text, secrets_sealed FROM connection WHERE id = $1',
      [id],
    )
    expect(row!.text).not.to.include('hush-hush')
    expect(row!.secrets_sealed.toString('latin1')).not.to.include('hush-hush')
    expect(await openSecrets(server.parts, id)).to.deep.equal({ client_secret: 'hush-hush' })
    const events = await eventsOf(server, 'auth.connection.created')
    expect(JSON.stringify(events)).not.to.include('hush-hush')
  })

  it('reads secrets by reference only', async () => {
    const file = (client_secret: unknown) => ({ kind: 'made_up', settings: { client_secret } })
    const read = (reference: object) => ('env' in reference ? 'from the variable' : undefined)
    const wordsOf = async (content: object) => {
      const { secrets, faults } = await resolveSecrets(kinds, content, read)
      expect(secrets).to.be.empty
      return faults.join()
    }
    expect(await resolveSecrets(kinds, file({ env: 'X' }), read)).to.deep.equal({
      content: { kind: 'made_up', settings: {} },
      secrets: { client_secret: 'from the variable' },
      faults: [],
    })
    for (const value of ['plain', { env: 'X', file: 'y' }, { env: 1 }, {}, ['x'], { vault: 'x' }]) {
      expect(await wordsOf(file(value))).to.include('never stands in the file')
    }
    expect(await wordsOf(file({ file: '/nowhere' }))).to.include('/nowhere is not')
  })

  it('takes no name and no domain twice', async () => {
    await create({ name: 'first', kind: 'made_up', domains: ['Works.Example'] })
    expect(await faultOf({ name: 'first', kind: 'made_up' })).to.include('already')
    expect(
      await faultOf({ name: 'second', kind: 'made_up', domains: ['works.example'] }),
    ).to.include('leads to the connection first')
    const found = await server.parts.connections.ofDomain('WORKS.example')
    expect(found?.name).to.equal('first')
  })

  it('changes what the file says, never the kind, and forgets secrets that are not there again', async () => {
    const { id } = await create({ name: 'changing', kind: 'made_up' }, { client_secret: 'old' })
    const content = { name: 'changing', kind: 'made_up', title: 'New', button: false }
    await updateConnection(deps(), { content, secrets: {} })
    expect(await openSecrets(server.parts, id)).to.deep.equal({})
    const other = { content: { ...content, kind: 'made_up_directory' }, secrets: {} }
    await updateConnection(deps(), other).then(
      () => expect.fail('it was taken'),
      (error: Error) => expect(error.message).to.include('another kind'),
    )
    await updateConnection(deps(), { content: { ...content, name: 'nobody' }, secrets: {} }).then(
      () => expect.fail('it was taken'),
      (error: Error) => expect(error.message).to.include('no such connection'),
    )
  })

  it('is heard of at once, and opened anew when it changed', async () => {
    const { connections } = server.parts
    await create({ name: 'heard', kind: 'made_up' })
    const found = async (done: (title: string | undefined | null) => boolean) => {
      for (let i = 0; i < 100; i++) {
        const each = await connections.find('heard')
        if (done(each ? each.definition.title : null)) return each
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      throw new Error('nobody heard of it')
    }
    const first = await found((title) => title === undefined)
    const opened = await connections.open(first!)
    expect(await connections.open(first!)).to.equal(opened)
    const content = { name: 'heard', kind: 'made_up', title: 'Louder' }
    await updateConnection(deps(), { content, secrets: {} })
    const second = await found((title) => title === 'Louder')
    expect(await connections.open(second!)).not.to.equal(opened)
    await setConnectionStatus(server.parts, { name: 'heard', status: 'disabled' })
    await found((title) => title === null)
    await setConnectionStatus(server.parts, { name: 'heard', status: 'active' })
    await found((title) => title === 'Louder')
    await deleteConnection(server.parts, { name: 'heard' })
    await found((title) => title === null)
  })

  it('costs one statement until something changes', async () => {
    let statements = 0
    const stop = observeStatements(({ text }) => {
      if (/FROM connection\b/.test(text)) statements += 1
    })
    const { db } = server.parts
    const changes = { connected: true, subscribe: () => () => {} }
    const { keyring, clock, log, outbound } = server.parts
    const all = createConnections(
      { db, keyring, kinds, changes },
      { clock, log, outbound, issuer: server.issuer },
    )
    await Promise.all([all.list(), all.find('x'), all.ofDomain('y.example')])
    await all.list()
    stop()
    expect(statements).to.equal(1)
  })
})

describe('domain/federation/kinds', () => {
  it('knows every provider that there is, and loads each', async () => {
    for (const name of Object.keys(SOCIAL_KINDS)) expect([...KINDS.keys()]).to.include(name)
    for (const [name, load] of KINDS) {
      const { title, signsInBy, open } = await load()
      expect(title, name).to.be.a('string')
      expect(signsInBy, name).to.be.oneOf(['redirect', 'password'])
      expect(open, name).to.be.a('function')
    }
  })
})
