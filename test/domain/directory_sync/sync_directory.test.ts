import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import {
  findAccountByIdentifier,
  getAccountById,
} from '../../../src/domain/accounts/account_store.ts'
import { disableAccount, enableAccount } from '../../../src/domain/accounts/block_account.ts'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import { PLAIN_PROFILE } from '../../../src/domain/accounts/profile/profile.ts'
import { linkIdentity } from '../../../src/domain/authentication/admit_person.ts'
import type { Method } from '../../../src/domain/authentication/assurance.ts'
import { upsertAttempt } from '../../../src/domain/authentication/attempt_store.ts'
import { previewSync } from '../../../src/domain/directory_sync/dry_run.ts'
import {
  type SyncDeps,
  type SyncOptions,
  type SyncResult,
  syncDirectory,
} from '../../../src/domain/directory_sync/sync_directory.ts'
import { syncDueDirectories } from '../../../src/domain/directory_sync/sync_due.ts'
import { findLastRun } from '../../../src/domain/directory_sync/sync_run_store.ts'
import type { Connection } from '../../../src/domain/federation/connection.ts'
import type {
  AccountFault,
  ConnectorKind,
  DirectoryEntry,
} from '../../../src/domain/federation/connector.ts'
import {
  findIdentity,
  listIdentitiesOfAccount,
  noteIdentityUse,
} from '../../../src/domain/federation/identity_store.ts'
import { createConnection } from '../../../src/domain/federation/manage_connections.ts'
import { factorAccepted } from '../../../src/platform/events/catalogue.ts'
import { OutboundError } from '../../../src/platform/outbound/outbound_error.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import { madeUpSource, personOf } from '../../support/made_up_source.ts'
import {
  codeOf,
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  findAttempt,
  keyring,
  movableClock,
  statementsOf,
} from '../domain_database.ts'

/** Directories that are gone through as a whole: who gets, keeps and loses an account by it. */

describe('domain/directory_sync', function () {
  this.timeout(60_000)
  const source = madeUpSource()
  const { directory, kinds } = source
  let database: DomainDatabase
  let clock: ReturnType<typeof movableClock>
  let ended: string[]
  let names = 0
  const loaded = new Map<string, ConnectorKind>()
  before(async () => {
    database = await domainDatabase()
    for (const [name, load] of kinds) loaded.set(name, await load())
  })
  after(() => database?.close())
  beforeEach(() => {
    clock = movableClock()
    ended = []
    directory.people = []
    delete directory.beforePage
  })

  const entry = (subject: string, more: object = {}, fault?: AccountFault): DirectoryEntry => {
    const person = personOf(subject, {
      username: subject,
      email: `${subject}@corp.example`,
      emailVerified: true,
      claims: { name: `Somebody ${subject}` },
      ...more,
    })
    return fault ? { person, fault } : { person }
  }
  const crowd = (size: number, of = 'crowd') =>
    Array.from({ length: size }, (_, i) => entry(`${of}.${i}`))

  const connect = async (sync: object | null = { create: true }, more: object = {}) =>
    await createConnection(
      { db: database.db, clock, keyring, kinds },
      {
        content: {
          name: `corp-${++names}`,
          kind: 'made_up_directory',
          ...(sync ? { sync } : {}),
          ...more,
        },
        secrets: {},
      },
    )
  const deps = (): SyncDeps => ({
    db: database.db,
    clock,
    profile: PLAIN_PROFILE,
    connections: {
      kindOf: ({ kind }) => loaded.get(kind)!,
      open: async ({ name, kind }) =>
        loaded.get(kind)!.open({ name, settings: {}, secrets: {} }, undefined as never),
    },
    endAccess: async (_tx, accountId) => void ended.push(accountId),
  })
  const sync = async (connection: Connection, options: SyncOptions = {}): Promise<SyncResult> => {
    clock.advance(60)
    return await syncDirectory(deps(), connection, options)
  }
  const identityOf = async ({ id: connectionId }: Connection, subject: string) =>
    (await findIdentity(database.db, { connectionId, subject }))!
  const accountOf = async (connection: Connection, subject: string) =>
    await getAccountById(database.db, (await identityOf(connection, subject)).accountId)
  const countOf = async (connection: Connection): Promise<number> => {
    const [row] = await query<{ n: number }>(
      database.db,
      'SELECT count(*)::int AS n FROM identity WHERE connection_id = $1',
      [connection.id],
    )
    return row!.n
  }
  const lastEvent = async (subject: string) => {
    const [row] = await query<{ type: string; data: Record<string, unknown> }>(
      database.db,
      'SELECT type, data FROM event_outbox WHERE subject = $1 ORDER BY id DESC LIMIT 1',
      [subject],
    )
    return row!
  }
  /** A sign-in that waits for a second factor. */
  const halfWay = async (accountId: string) => {
    const [authenticatedAt, expiresAt] = [clock.now(), new Date(clock.now().getTime() + 900_000)]
    const methods: Method[] = ['federated']
    const attempt = { accountId, methods, remember: false, authenticatedAt, expiresAt }
    const event = factorAccepted({ accountId, clientId: 'app', method: 'federated' })
    await upsertAttempt(database.db, keyring, `half-way-${accountId}`, attempt, [event])
    expect(await attemptOf(accountId)).to.include({ accountId })
  }
  const attemptOf = (accountId: string) =>
    findAttempt(database.db, keyring, `half-way-${accountId}`, clock.now())
  const isSomebodyWaiting = async (): Promise<boolean> => {
    const waiting = 'SELECT 1 FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()'
    return (await query(database.db, waiting)).length > 0
  }
  /** An account of somebody's own that is joined to this subject. */
  const linked = async (connection: Connection, subject: string) => {
    const account = await createAccount({ db: database.db, clock }, { username: `own-${++names}` })
    await inTransaction(database.db, (tx) =>
      linkIdentity({ clock }, tx, {
        ...{ connection, person: personOf(subject), account, by: 'sign_in', origin: {} },
      }),
    )
    return account
  }

  describe('somebody who is nobody here', () => {
    it('is left alone, unless the connection says that they get an account', async () => {
      const connection = await connect({})
      directory.people = crowd(3, 'alone')
      const { counts } = await sync(connection)
      expect(counts).to.deep.equal({
        ...{ seen: 3, created: 0, changed: 0, disabled: 0, enabled: 0 },
        leftAlone: { unknown: 3 },
      })
      expect(await countOf(connection)).to.equal(0)
    })

    it('gets an account with the address that is theirs, their name and what the rules say', async () => {
      const connection = await connect(
        { create: true },
        { rules: { claims: { nickname: 'username' } } },
      )
      directory.people = [entry('ada')]
      expect((await sync(connection)).counts).to.include({ seen: 1, created: 1 })
      const account = await accountOf(connection, 'ada')
      expect(account).to.deep.include({
        ...{ username: 'ada', email: 'ada@corp.example', emailVerified: true, status: 'active' },
        claims: { name: 'Somebody ada', nickname: 'ada' },
      })
      expect(await eventTypes(database.db, account.id)).to.deep.equal([
        'auth.user_created',
        'auth.identity.linked',
      ])
      expect(await identityOf(connection, 'ada')).to.include({
        ownsAccount: true,
        shownAs: 'ada@corp.example',
      })
    })

    it('is left alone where somebody has their address, and joined to nobody', async () => {
      const connection = await connect({ create: true }, { linking: 'verified_email' })
      const mine = { email: 'grace@corp.example', emailVerified: true }
      const grace = await createAccount({ db: database.db, clock }, mine)
      directory.people = [
        entry('grace'),
        entry('twin.1'),
        entry('twin.2', { email: 'Twin.1@corp.example' }),
      ]
      const { counts } = await sync(connection)
      expect(counts).to.deep.include({ created: 1, leftAlone: { address_taken: 2 } })
      expect(await listIdentitiesOfAccount(database.db, grace.id)).to.be.empty
    })

    it('is left alone where nobody vouches for the address, whether somebody has it or not', async () => {
      const connection = await connect()
      directory.people = [entry('unproven', { emailVerified: false })]
      expect((await sync(connection)).counts.leftAlone).to.deep.equal({ address_unproven: 1 })
    })

    it('gets no account while the directory or a rule keeps them out', async () => {
      const connection = await connect({ create: true }, { rules: { allow: '"staff" in groups' } })
      const staff = { groups: ['staff'] }
      directory.people = [
        entry('gone', staff, 'disabled'),
        entry('over', staff, 'expired'),
        entry('guest'),
        entry('locked', staff, 'locked'),
        entry('fresh', staff, 'must_change_password'),
      ]
      const { counts } = await sync(connection)
      expect(counts).to.deep.include({
        created: 2,
        leftAlone: { disabled: 1, expired: 1, not_permitted: 1 },
      })
    })

    it('gets a name of our making where theirs is taken and they have no address', async () => {
      const connection = await connect()
      await createAccount({ db: database.db, clock }, { username: 'taken' })
      directory.people = [entry('taken', { email: undefined }), entry('root', { email: undefined })]
      expect((await sync(connection)).counts).to.include({ created: 2 })
      for (const subject of ['taken', 'root']) {
        const { username } = await accountOf(connection, subject)
        expect(username).to.match(new RegExp(`^${connection.name}-`))
      }
    })

    it('is left alone where what is told of them does not fit', async () => {
      const connection = await connect()
      const text = '𠀀'.repeat(255)
      const members = ['name', 'given_name', 'middle_name', 'family_name', 'nickname', 'gender']
      const lines = '漢'.repeat(1000)
      const claims = {
        ...Object.fromEntries(members.map((member) => [member, text])),
        address: {
          ...{ formatted: lines, street_address: lines },
          ...{ locality: text, region: text, postal_code: text, country: text },
        },
      }
      directory.people = [entry('large', { claims }), entry('small')]
      const { counts } = await sync(connection)
      expect(counts).to.deep.include({ created: 1, leftAlone: { unfit: 1 } })
      directory.people[1] = entry('small', { claims })
      const again = await sync(connection)
      expect(again.counts).to.deep.include({ changed: 0, leftAlone: { unfit: 2 } })
      expect((await accountOf(connection, 'small')).claims).to.deep.equal({
        name: 'Somebody small',
      })
    })
  })

  describe('somebody who is known here', () => {
    it('is told anew where something differs, and an unchanged directory writes marks alone', async () => {
      const connection = await connect()
      directory.people = crowd(30, 'same')
      await sync(connection)
      const { updatedAt } = await accountOf(connection, 'same.1')
      const texts = await statementsOf(() => sync(connection))
      const writes = texts.filter((text) => /^\s*(INSERT|UPDATE|DELETE|WITH)/.test(text))
      expect(writes.filter((text) => /\baccount\b/.test(text))).to.be.empty
      expect(writes.filter((text) => text.includes('UPDATE identity'))).to.have.length(1)
      expect((await accountOf(connection, 'same.1')).updatedAt).to.deep.equal(updatedAt)

      directory.people[1] = entry('same.1', { claims: { name: 'Another' } })
      const { counts } = await sync(connection)
      expect(counts).to.include({ seen: 30, created: 0, changed: 1, disabled: 0 })
      const account = await accountOf(connection, 'same.1')
      expect(account.claims['name']).to.equal('Another')
      expect(await lastEvent(account.id)).to.deep.include({
        type: 'auth.profile.changed',
        data: { accountId: account.id, fields: ['name'], by: `connection:${connection.name}` },
      })
    })

    it('keeps their own account as it is, and so where the connection tells nobody anew', async () => {
      const connection = await connect({ create: true })
      const own = await linked(connection, 'own')
      directory.people = [entry('own')]
      expect((await sync(connection)).counts).to.include({ seen: 1, changed: 0 })
      expect((await getAccountById(database.db, own.id)).claims).to.deep.equal({})

      const quiet = await connect({ create: true }, { refresh: false })
      directory.people = [entry('quiet')]
      await sync(quiet)
      directory.people = [entry('quiet', { claims: { name: 'Another' } })]
      expect((await sync(quiet)).counts.changed).to.equal(0)
    })

    it('loses what a rule says of them no longer', async () => {
      const rules = { claims: { nickname: 'username' } }
      const connection = await connect({ create: true }, { rules })
      directory.people = [entry('nick')]
      await sync(connection)
      expect((await accountOf(connection, 'nick')).claims).to.include({ nickname: 'nick' })
      directory.people = [entry('nick', { username: undefined })]
      expect((await sync(connection)).counts).to.include({ changed: 1 })
      expect((await accountOf(connection, 'nick')).claims).to.deep.equal({ name: 'Somebody nick' })
      expect((await sync(connection)).counts).to.include({ changed: 0 })
    })

    it('follows a name there, and never the address', async () => {
      const connection = await connect()
      directory.people = [entry('married')]
      await sync(connection)
      directory.people = [entry('married', { email: 'new@corp.example' })]
      await sync(connection)
      expect((await accountOf(connection, 'married')).email).to.equal('married@corp.example')
      expect((await identityOf(connection, 'married')).shownAs).to.equal('new@corp.example')
    })
  })

  describe('somebody who leaves', () => {
    for (const fault of ['disabled', 'expired'] as const) {
      it(`loses their access where they are ${fault} there, and has it again when they are back`, async () => {
        const connection = await connect()
        const subject = `left-${fault}`
        directory.people = [entry(subject), entry(`stays-${fault}`)]
        await sync(connection)
        directory.people[0] = entry(subject, {}, fault)
        expect((await sync(connection)).counts).to.include({ disabled: 1, changed: 0 })
        const account = await accountOf(connection, subject)
        expect(account.status).to.equal('disabled')
        expect(ended).to.deep.equal([account.id])
        const by = `connection:${connection.name}`
        expect(await lastEvent(account.id)).to.deep.equal({
          type: 'auth.account.disabled',
          data: { accountId: account.id, by },
        })
        expect((await sync(connection)).counts, 'once').to.include({ disabled: 0, enabled: 0 })

        directory.people[0] = entry(subject)
        expect((await sync(connection)).counts).to.include({ enabled: 1 })
        expect((await accountOf(connection, subject)).status).to.equal('active')
        expect(await lastEvent(account.id)).to.deep.equal({
          type: 'auth.account.enabled',
          data: { accountId: account.id, by },
        })
      })
    }

    for (const fault of ['locked', 'must_change_password', 'password_expired'] as const) {
      it(`keeps it where the account there is ${fault.replaceAll('_', ' ')}`, async () => {
        const connection = await connect()
        directory.people = [entry(`kept-${fault}`)]
        await sync(connection)
        directory.people = [entry(`kept-${fault}`, {}, fault)]
        expect((await sync(connection)).counts).to.include({ disabled: 0 })
        expect((await accountOf(connection, `kept-${fault}`)).status).to.equal('active')
      })
    }

    it('loses it where the listing lacks them, or a rule lets them in no longer', async () => {
      const connection = await connect({ create: true }, { rules: { allow: '!("out" in groups)' } })
      directory.people = [entry('absent'), entry('ruled'), entry('present')]
      await sync(connection)
      directory.people = [entry('ruled', { groups: ['out'] }), entry('present')]
      expect((await sync(connection)).counts).to.include({ disabled: 2 })
      const statuses = ['absent', 'ruled', 'present'].map((subject) =>
        accountOf(connection, subject),
      )
      expect((await Promise.all(statuses)).map(({ status }) => status)).to.deep.equal([
        ...['disabled', 'disabled', 'active'],
      ])
    })

    it('keeps it where absence is to mean nothing', async () => {
      const connection = await connect({ create: true, absent: 'keep' })
      directory.people = [entry('keeps'), entry('barred'), entry('rest')]
      await sync(connection)
      directory.people = [entry('barred', {}, 'disabled'), entry('rest')]
      expect((await sync(connection)).counts).to.include({ disabled: 1 })
      expect((await accountOf(connection, 'keeps')).status).to.equal('active')
    })

    it('is not given back what somebody else has taken', async () => {
      const connection = await connect()
      directory.people = [entry('before'), entry('after'), entry('other')]
      await sync(connection)
      const place = { db: database.db, clock }
      const [before, after] = [
        await accountOf(connection, 'before'),
        await accountOf(connection, 'after'),
      ]
      await disableAccount(place, before.id, { by: 'cli' })
      directory.people = [entry('other')]
      await sync(connection)
      await disableAccount(place, after.id, { by: 'cli' })
      directory.people = [entry('before'), entry('after'), entry('other')]
      await sync(connection)
      for (const { id } of [before, after]) {
        expect((await getAccountById(database.db, id)).status).to.equal('disabled')
      }
    })

    it('is not taken from again what an operator has given them back', async () => {
      const connection = await connect()
      directory.people = [entry('pardoned'), entry('rest.2')]
      await sync(connection)
      directory.people = [entry('rest.2')]
      await sync(connection)
      const { id } = await accountOf(connection, 'pardoned')
      await enableAccount({ db: database.db, clock }, id, { by: 'cli' })
      expect((await sync(connection)).counts).to.include({ disabled: 0 })
      expect((await getAccountById(database.db, id)).status).to.equal('active')
    })

    it('keeps an account of their own, which is signed out once and no longer comes in from there', async () => {
      const connection = await connect()
      const own = await linked(connection, 'joined')
      directory.people = [entry('joined'), entry('rest.3')]
      await sync(connection)
      await halfWay(own.id)
      directory.people = [entry('rest.3')]
      expect((await sync(connection)).counts).to.include({ disabled: 1 })
      expect((await getAccountById(database.db, own.id)).status).to.equal('active')
      expect(ended).to.deep.equal([own.id])
      expect(await attemptOf(own.id), 'half way').to.equal(undefined)
      expect((await identityOf(connection, 'joined')).barredAt).to.deep.equal(clock.now())
      await sync(connection)
      expect(ended, 'once').to.deep.equal([own.id])

      directory.people = [entry('joined'), entry('rest.3')]
      expect((await sync(connection)).counts).to.include({ enabled: 1 })
      expect((await identityOf(connection, 'joined')).barredAt).to.equal(undefined)
    })

    it('keeps it where they have signed in there while the run went on', async () => {
      const connection = await connect()
      directory.people = [entry('racing'), entry('rest.4')]
      await sync(connection)
      const { id } = await identityOf(connection, 'racing')
      directory.people = [entry('rest.4')]
      const use = () => ({ id, shownAs: undefined, now: clock.now(), evenBarred: false })
      directory.beforePage = async () => {
        await inTransaction(database.db, (tx) => noteIdentityUse(tx, use()))
      }
      expect((await sync(connection)).counts).to.include({ disabled: 0 })
      delete directory.beforePage
      expect((await sync(connection)).counts).to.include({ disabled: 1 })
    })
  })

  describe('a listing that cannot be believed', () => {
    it('takes nothing from anybody where it breaks off, and says why', async () => {
      const connection = await connect({ create: true, page_size: 2 })
      directory.people = crowd(6, 'broken')
      await sync(connection)
      directory.people = [entry('broken.0', {}, 'disabled'), ...directory.people.slice(2)]
      directory.beforePage = (told) => {
        if (told > 2) throw new OutboundError('timeout', 'ldaps://directory.example')
      }
      const result = await sync(connection)
      expect(result).to.deep.include({ outcome: 'failed', reason: 'unavailable' })
      expect(result.detail).to.include('the deadline passed')
      expect(ended).to.be.empty
      const { type, data } = await lastEvent(connection.name)
      expect(type).to.equal('auth.connection.sync_failed')
      expect(data).to.include({ reason: 'unavailable', disabled: 0, seen: 4 })
      const run = await findLastRun(database.db, connection.id)
      expect(run).to.include({ outcome: 'failed', reason: 'unavailable' })
    })

    it('does not remember what an earlier one has found against somebody', async () => {
      const connection = await connect({ create: true, page_size: 1, absent: 'keep' })
      directory.people = [entry('once'), entry('twice')]
      await sync(connection)
      directory.people = [entry('once', {}, 'disabled'), entry('twice')]
      directory.beforePage = (told) => {
        if (told > 0) throw new OutboundError('connect', 'ldaps://directory.example')
      }
      await sync(connection)
      delete directory.beforePage
      directory.people = [entry('twice')]
      expect((await sync(connection)).counts).to.include({ disabled: 0 })
      expect((await accountOf(connection, 'once')).status).to.equal('active')
    })

    it('stops where more are missing than a share, and only from ten on', async () => {
      const connection = await connect()
      const all = crowd(40, 'share')
      directory.people = all
      await sync(connection)
      directory.people = all.slice(0, 30)
      const { runId, ...result } = await sync(connection)
      expect(result).to.deep.include({ outcome: 'failed', reason: 'too_many_absent' })
      expect(result.detail).to.include('10 of 40')
      expect(ended).to.be.empty
      expect(await lastEvent(connection.name)).to.deep.include({
        type: 'auth.connection.sync_failed',
      })
      expect((await lastEvent(connection.name)).data).to.include({
        runId,
        reason: 'too_many_absent',
      })

      directory.people = all.slice(0, 31)
      expect((await sync(connection)).counts).to.include({ disabled: 9 })
    })

    it('goes on with as many as the file, or an operator for once, allows', async () => {
      const connection = await connect({ create: true, max_absent: '40%' })
      const all = crowd(40, 'allowed')
      directory.people = all
      await sync(connection)
      directory.people = all.slice(0, 25)
      expect(await sync(connection, { maxAbsent: '5%' })).to.include({ reason: 'too_many_absent' })
      expect((await sync(connection)).counts).to.include({ disabled: 15 })
      directory.people = []
      expect(await sync(connection)).to.include({ reason: 'nobody_listed' })
      expect((await sync(connection, { maxAbsent: '100%' })).counts).to.include({ disabled: 25 })
    })

    it('counts those who are disabled there among the missing', async () => {
      const connection = await connect()
      directory.people = crowd(12, 'wrong')
      await sync(connection)
      directory.people = directory.people.map(({ person }) => ({
        person,
        fault: 'disabled' as const,
      }))
      expect(await sync(connection)).to.include({ reason: 'too_many_absent' })
      expect(ended).to.be.empty
    })

    it('fails where the connection lists nobody at all', async () => {
      const connection = await connect(null, { kind: 'made_up' })
      const result = await sync(connection)
      expect(result).to.include({ outcome: 'failed', reason: 'unsupported' })
    })
  })

  describe('a run', () => {
    it('is one at a time', async () => {
      const connection = await connect()
      directory.people = [entry('once-only')]
      const codes: string[] = []
      directory.beforePage = async () => {
        while (codes.length < 2) await sleep(5)
      }
      const begin = () => sync(connection).catch(({ code }) => void codes.push(code))
      const results = await Promise.all([begin(), begin(), begin()])
      expect(results.filter((result) => result?.outcome === 'synced')).to.have.length(1)
      expect(codes).to.deep.equal(['conflict', 'conflict'])
      expect(await countOf(connection)).to.equal(1)
    })

    it('is gone on with where a node died in the middle, and nobody is written again', async () => {
      const connection = await connect({ create: true, page_size: 10 })
      directory.people = crowd(40, 'cut')
      const dead = new Promise<never>(() => {})
      const reached = new Promise<void>((resolve) => {
        directory.beforePage = (told) => {
          if (told !== 20) return
          resolve()
          return dead
        }
      })
      void sync(connection)
      await reached
      const cut = await findLastRun(database.db, connection.id)
      expect(cut).to.deep.include({ endedAt: undefined })
      expect(cut!.counts).to.include({ seen: 20, created: 20 })
      delete directory.beforePage
      expect(await codeOf(() => sync(connection)), 'it may be alive').to.equal('conflict')

      clock.advance(120)
      let result: SyncResult | undefined
      const texts = await statementsOf(async () => {
        result = await sync(connection)
      })
      expect(result).to.deep.include({ runId: cut!.id, outcome: 'synced' })
      expect(result!.counts).to.include({ seen: 40, created: 40, disabled: 0 })
      expect(texts.filter((text) => text.includes('INSERT INTO identity'))).to.have.length(2)
      expect(texts.filter((text) => text.includes('SET seen_in'))).to.have.length(0)
      expect(await countOf(connection)).to.equal(40)
    })

    it('is let go of at once where its process ends, and ends nobody until it is whole', async () => {
      const connection = await connect({ create: true, page_size: 5 })
      directory.people = crowd(20, 'stopped')
      await sync(connection)
      const stopping = new AbortController()
      directory.people = directory.people.slice(1)
      directory.beforePage = (told) => {
        if (told === 10) stopping.abort()
      }
      const first = await sync(connection, { signal: stopping.signal })
      expect(first.outcome).to.equal('interrupted')
      expect(ended).to.be.empty
      delete directory.beforePage
      const second = await syncDirectory(deps(), connection)
      expect(second).to.deep.include({ runId: first.runId, outcome: 'synced' })
      expect(second.counts).to.include({ seen: 19, disabled: 1 })
    })

    it('that another node has taken up writes nothing more', async () => {
      const connection = await connect({ create: true, page_size: 5 })
      directory.people = crowd(10, 'slow')
      let other: SyncResult | undefined
      directory.beforePage = async (told) => {
        if (told !== 5 || other) return
        delete directory.beforePage
        clock.advance(600)
        other = await syncDirectory(deps(), connection)
      }
      expect(await codeOf(() => sync(connection))).to.equal('conflict')
      expect(other).to.include({ outcome: 'synced' })
      const run = await findLastRun(database.db, connection.id)
      expect(run).to.deep.include({ outcome: 'synced', counts: other!.counts })
      expect(await countOf(connection)).to.equal(10)
    })

    it('begins anew where the one that was cut off is hours old', async () => {
      const connection = await connect({ create: true, page_size: 1 })
      directory.people = [entry('old.1'), entry('old.2')]
      const stopping = new AbortController()
      directory.beforePage = (told) => {
        if (told === 1) stopping.abort()
      }
      const first = await sync(connection, { signal: stopping.signal })
      delete directory.beforePage
      directory.people = [entry('old.2')]
      clock.advance(7 * 3600)
      const second = await sync(connection)
      expect(second.runId).not.to.equal(first.runId)
      const ends = await query<{ type: string; data: { runId: string; reason?: string } }>(
        database.db,
        'SELECT type, data FROM event_outbox WHERE subject = $1 ORDER BY id DESC LIMIT 2',
        [connection.name],
      )
      expect(ends.map(({ data: { runId, reason } }) => [runId, reason])).to.deep.equal([
        [second.runId, undefined],
        [first.runId, 'interrupted'],
      ])
      expect((await accountOf(connection, 'old.1')).status).to.equal('disabled')
    })

    it('makes nobody twice who comes for the first time while their page is written', async () => {
      const connection = await connect()
      const account = await createAccount({ db: database.db, clock }, { username: 'comes-first' })
      directory.people = [entry('comes'), entry('waits')]
      const person = personOf('comes')
      const link = { connection, person, account, by: 'sign_in' as const, origin: {} }
      let syncing: Promise<SyncResult> | undefined
      await inTransaction(database.db, async (tx) => {
        await linkIdentity({ clock }, tx, link)
        syncing = sync(connection)
        while (!(await isSomebodyWaiting())) await sleep(5)
      })
      expect((await syncing!).counts).to.include({ seen: 2, created: 1 })
      expect(await countOf(connection)).to.equal(2)
      const made = { kind: 'email', canonical: 'comes@corp.example' } as const
      expect(await findAccountByIdentifier(database.db, made)).to.equal(undefined)
    })

    it('tells of itself as it goes on', async () => {
      const connection = await connect({ create: true, page_size: 2 })
      directory.people = crowd(5, 'told')
      const seen: number[] = []
      await sync(connection, { onProgress: (counts) => seen.push(counts.seen) })
      expect(seen).to.deep.equal([2, 4, 5])
      expect((await lastEvent(connection.name)).type).to.equal('auth.connection.synced')
    })
  })

  describe('a dry run', () => {
    it('tells what a run would do, and does nothing', async () => {
      const connection = await connect()
      const joined = await linked(connection, 'dry.joined')
      directory.people = [...crowd(4, 'dry'), entry('dry.joined'), entry('dry.back', {})]
      await sync(connection)
      directory.people = directory.people.filter(({ person }) => person.subject !== 'dry.back')
      await sync(connection)
      ended.length = 0
      directory.people = [
        entry('dry.0', {}, 'disabled'),
        entry('dry.1', { claims: { name: 'Changed' } }),
        entry('dry.back'),
        entry('dry.new'),
        entry('dry.unproven', { emailVerified: false }),
      ]
      const before = await findLastRun(database.db, connection.id)
      const statements = await statementsOf(async () => {
        const { outcome, counts } = await previewSync(deps(), connection)
        expect(outcome).to.equal('synced')
        expect(counts).to.deep.equal({
          ...{ seen: 5, created: 1, changed: 1, disabled: 4, enabled: 1 },
          leftAlone: { address_unproven: 1 },
        })
      })
      expect(statements.filter((text) => !/^\s*SELECT/.test(text))).to.deep.equal([])
      expect(await findLastRun(database.db, connection.id)).to.deep.equal(before)
      clock.advance(1)
      const { counts } = await sync(connection)
      expect(counts).to.include({ created: 1, changed: 1, disabled: 4, enabled: 1 })
      expect(ended).to.include(joined.id)
    })

    it('tells where a run would stop', async () => {
      const connection = await connect()
      directory.people = crowd(20, 'dryer')
      await sync(connection)
      directory.people = directory.people.slice(10)
      clock.advance(1)
      expect(await previewSync(deps(), connection)).to.include({ reason: 'too_many_absent' })
    })
  })

  describe('the runs that are due', () => {
    const due = async (connection: Connection) => {
      const outcomes: string[] = []
      const log = { info: () => {}, warn: () => {} }
      const { connections, ...rest } = deps()
      await syncDueDirectories(
        { ...rest, connections: { ...connections, list: async () => [connection] }, log },
        { signal: new AbortController().signal, onEnd: (outcome) => outcomes.push(outcome) },
      )
      return outcomes
    }

    it('are those whose last began longer ago than the file says', async () => {
      const connection = await connect({ create: true, every: '15m' })
      directory.people = [entry('due')]
      expect(await due(connection)).to.deep.equal(['synced'])
      expect(await due(connection)).to.deep.equal([])
      clock.advance(899)
      expect(await due(connection)).to.deep.equal([])
      clock.advance(1)
      directory.beforePage = () => {
        throw new OutboundError('connect', 'ldaps://directory.example')
      }
      expect(await due(connection)).to.deep.equal(['unavailable'])
      expect(await due(connection), 'a source that is away is not asked all the time').to.be.empty
    })

    it('are none of a connection that says nothing', async () => {
      expect(await due(await connect(null))).to.be.empty
    })
  })
})
