import { AsyncLocalStorage } from 'node:async_hooks'
import type { Origin } from '../../../platform/events/catalogue.ts'
import type { AuthEvent } from '../../../platform/events/event.ts'
import type { Db } from '../../../platform/persistence/db.ts'
import type { RedisClient } from '../../../platform/persistence/redis.ts'
import { applyChanges, type Consumption } from './apply_changes.ts'
import { bringsGrant, MODELS, type ModelName, TOKEN_MODELS } from './models.ts'
import {
  findBeside,
  findRecord,
  findRecordByUserCode,
  findRecordOfAny,
  listSessionRecords,
} from './postgres_records.ts'
import {
  type AccountBesideRecord,
  type FoundRecord,
  keyOf,
  type OidcRecord,
  type RecordKey,
} from './record.ts'
import { deleteRedisRecord, findRedisRecord, upsertRedisRecord } from './redis_records.ts'

/**
 * What one request reads and writes of the engine's state. Every record is read once; a lookup
 * brings its grant, session and account along. Writes are kept back and applied in one statement at
 * the end: a code is consumed together with the tokens it became, or neither happens, and whoever
 * loses a race for it writes nothing at all.
 */

export type RecordStores = { db: Db; redis: RedisClient | undefined }

/** Thrown by `commit` where another request consumed the record first. The adapter gives it its OAuth name. */
export class ConsumedElsewhere extends Error {
  readonly model: ModelName
  constructor(model: ModelName) {
    super(`${model} was consumed by another request`)
    this.model = model
  }
}

type Write =
  | { kind: 'upsert'; record: OidcRecord; mergeAuthorizations: boolean }
  | { kind: 'destroy'; key: RecordKey; replaced: boolean }

export class UnitOfWork {
  readonly #stores: RecordStores
  readonly #found = new Map<string, Promise<OidcRecord | undefined>>()
  readonly #sessions = new Map<string, Promise<OidcRecord[]>>()
  /** Sessions that were there at the beginning, by uid: what is written of them needs that row. */
  readonly #begunWith = new Map<string, OidcRecord>()
  #signedIn: readonly string[] = []
  readonly #accounts = new Map<string, AccountBesideRecord | undefined>()
  readonly #anyToken = new Map<string, Promise<OidcRecord | undefined>>()
  #writes = new Map<string, Write>()
  #consumption: Consumption | undefined
  #events: AuthEvent[] = []
  /** Set where the endpoint does not know the kind of the token it was given. */
  lookForAnyToken = false
  /** Where the request comes from, as far as a session that it stores tells its owner. */
  origin: Pick<Origin, 'ip' | 'userAgent'> = {}

  constructor(stores: RecordStores) {
    this.#stores = stores
  }

  async find(key: RecordKey): Promise<OidcRecord | undefined> {
    const name = keyOf(key)
    const write = this.#writes.get(name)
    if (write) return write.kind === 'upsert' ? write.record : undefined
    const record = await remember(this.#found, name, () => this.#load(key))
    if (record?.model === 'Session' && record.uidHash) {
      this.#begunWith.set(record.uidHash.toString('base64url'), record)
    }
    return record
  }

  async findByUserCode(userCodeHash: Buffer): Promise<OidcRecord | undefined> {
    return this.#keep(await findRecordByUserCode(this.#stores.db, userCodeHash))
  }

  /** The rows of one session, newest first; more than one where two tabs resumed at once. */
  async listSessions(uidHash: Buffer): Promise<OidcRecord[]> {
    return await remember(this.#sessions, uidHash.toString('base64url'), async () => {
      const found = await listSessionRecords(this.#stores.db, uidHash)
      return found.map((each) => this.#keep(each)!)
    })
  }

  /** The account that a lookup brought along: undefined says that it was not looked up yet. */
  knownAccount(accountId: string): AccountBesideRecord | undefined {
    return this.#accounts.get(accountId)
  }

  upsert(record: OidcRecord, mergeAuthorizations = false): void {
    const name = keyOf(record)
    this.#writes.delete(name)
    this.#writes.set(name, { kind: 'upsert', record, mergeAuthorizations })
  }

  destroy(key: RecordKey): void {
    this.#writes.set(keyOf(key), { kind: 'destroy', key, replaced: false })
  }

  /** A session that goes on under a new id: its old one serves for a moment more. */
  replace(key: RecordKey): void {
    this.#writes.set(keyOf(key), { kind: 'destroy', key, replaced: true })
  }

  consume(consumption: Consumption): void {
    this.#consumption = consumption
  }

  /** Gives the record about to be consumed its successor, for an honest retry. */
  setSuccessor(successor: Buffer): void {
    if (this.#consumption) this.#consumption = { ...this.#consumption, successor }
  }

  /** Whether this request writes anything durable: an event of it then goes into the same statement. */
  get writesRows(): boolean {
    const writes = [...this.#writes.values()]
    return this.#consumption !== undefined || writes.some((write) => !this.#isForRedis(write))
  }

  #isForRedis(write: Write): boolean {
    return this.#stores.redis !== undefined && MODELS[modelOf(write)].home === 'ephemeral'
  }

  record(event: AuthEvent): void {
    this.#events.push(event)
  }

  /** Forgets what was to be written: for a request that ended in a refusal. */
  discard(): void {
    this.#writes = new Map()
    this.#consumption = undefined
    this.#events = []
  }

  /** Applies everything kept back; does nothing where there is nothing. @throws ConsumedElsewhere */
  async commit(): Promise<void> {
    const writes = [...this.#writes.values()]
    const [consume, events] = [this.#consumption, this.#events]
    this.discard()
    const { redis } = this.#stores
    const inRedis = (write: Write) => this.#isForRedis(write)
    // Redis first: a token there without its grant is worth nothing, a grant without it loses a token.
    const left = await writeToRedis(redis, writes.filter(inRedis))
    // What ends, ends in PostgreSQL too, which takes what Redis cannot while it is away.
    const durable = writes.filter(
      (write) => !inRedis(write) || write.kind === 'destroy' || left.includes(write),
    )
    if (durable.length === 0 && !consume && events.length === 0) return
    const upserts = durable.filter((write) => write.kind === 'upsert')
    const destroys = durable.filter((write) => write.kind === 'destroy')
    const keysOf = (replaced: boolean) =>
      destroys.filter((write) => write.replaced === replaced).map(({ key }) => key)
    const applied = await applyChanges(this.#stores.db, {
      upserts: upserts.map(({ record, mergeAuthorizations }) => ({
        ...record,
        ...(record.model === 'Session' ? this.origin : {}),
        mergeAuthorizations,
        requires: this.#before(record)?.idHash,
      })),
      destroys: keysOf(false),
      sessionsReplaced: keysOf(true),
      sessionUidsEnded: await this.#uidsEnded(
        destroys.map(({ key }) => key),
        upserts.map(({ record }) => record),
      ),
      consume,
      events,
    })
    if (!applied) throw new ConsumedElsewhere(consume!.model)
    this.#signedIn = this.#accountsOfNewSessions(upserts.map(({ record }) => record))
  }

  /** Accounts that have one session more since the commit. */
  get signedIn(): readonly string[] {
    return this.#signedIn
  }

  /** The session as it was at the beginning; undefined where it is new, and for any other record. */
  #before({ model, uidHash }: OidcRecord): OidcRecord | undefined {
    if (model !== 'Session' || !uidHash) return undefined
    return this.#begunWith.get(uidHash.toString('base64url'))
  }

  /** A session of nobody may become one of somebody, and one of somebody that of another. */
  #accountsOfNewSessions(upserts: readonly OidcRecord[]): string[] {
    return upserts.flatMap((record) => {
      const { model, accountId } = record
      const isNew = model === 'Session' && accountId !== this.#before(record)?.accountId
      return isNew && accountId !== undefined ? [accountId] : []
    })
  }

  /** A session that is destroyed and not written again under a new id has ended: all rows of it go. */
  async #uidsEnded(destroys: RecordKey[], upserts: OidcRecord[]): Promise<Buffer[]> {
    const ended: Buffer[] = []
    for (const key of destroys) {
      if (key.model !== 'Session') continue
      const uidHash = (await this.#found.get(keyOf(key)))?.uidHash
      if (uidHash && !upserts.some((record) => record.uidHash?.equals(uidHash))) ended.push(uidHash)
    }
    return ended
  }

  async #load(key: RecordKey): Promise<OidcRecord | undefined> {
    if (this.lookForAnyToken && (TOKEN_MODELS as readonly ModelName[]).includes(key.model)) {
      const name = key.idHash.toString('base64url')
      const token = await remember(this.#anyToken, name, () => this.#loadToken(key.idHash))
      return token?.model === key.model ? token : undefined
    }
    return await this.#loadFrom([key], () => findRecord(this.#stores.db, key))
  }

  /** Whichever kind of token it is: the engine asks for all kinds at once. */
  async #loadToken(idHash: Buffer): Promise<OidcRecord | undefined> {
    const keys = TOKEN_MODELS.map((model) => ({ model, idHash }))
    return await this.#loadFrom(keys, () => findRecordOfAny(this.#stores.db, TOKEN_MODELS, idHash))
  }

  /** What was written while Redis was away is in PostgreSQL; what is in neither may be in the one that is away. */
  async #loadFrom(
    keys: readonly RecordKey[],
    findRow: () => Promise<FoundRecord | undefined>,
  ): Promise<OidcRecord | undefined> {
    const { redis } = this.#stores
    const ephemeral = redis ? keys.filter(({ model }) => MODELS[model].home === 'ephemeral') : []
    let lost: unknown
    try {
      const found = await Promise.all(ephemeral.map((key) => findRedisRecord(redis!, key)))
      const record = found.find((each) => each !== undefined)
      if (record) return await this.#withBeside(record)
    } catch (error) {
      lost = error
    }
    const record = this.#keep(await findRow())
    if (!record && lost !== undefined) throw lost
    return record
  }

  /** It brings along what the engine asks for next, also where its own home is Redis. */
  async #withBeside(record: OidcRecord): Promise<OidcRecord> {
    const { grantHash, uidHash, accountId } = record
    if (!bringsGrant(record.model) || !grantHash) return record
    const beside = await findBeside(this.#stores.db, { grantHash, uidHash, accountId })
    return this.#keep({ record, ...beside })!
  }

  #keep(found: FoundRecord | undefined): OidcRecord | undefined {
    if (!found) return undefined
    const { record, grant, sessions, account } = found
    for (const each of [record, grant]) {
      if (each) this.#found.set(keyOf(each), Promise.resolve(each))
    }
    if (sessions && record.uidHash) {
      this.#sessions.set(record.uidHash.toString('base64url'), Promise.resolve(sessions))
    }
    if (account) this.#accounts.set(account.id, account)
    return record
  }
}

function modelOf(write: Write): ModelName {
  return write.kind === 'upsert' ? write.record.model : write.key.model
}

/** Writes to Redis what belongs there and returns what could not be: PostgreSQL takes it then. */
async function writeToRedis(redis: RedisClient | undefined, writes: Write[]): Promise<Write[]> {
  const outcomes = await Promise.allSettled(writes.map((write) => applyInRedis(redis!, write)))
  return writes.filter((_, index) => outcomes[index]!.status === 'rejected')
}

async function applyInRedis(redis: RedisClient, write: Write): Promise<void> {
  if (write.kind === 'upsert') await upsertRedisRecord(redis, write.record)
  else await deleteRedisRecord(redis, write.key)
}

async function remember<T>(
  memo: Map<string, Promise<T>>,
  name: string,
  load: () => Promise<T>,
): Promise<T> {
  const known = memo.get(name)
  if (known) return await known
  const loading = load()
  memo.set(name, loading)
  return await loading
}

const current = new AsyncLocalStorage<UnitOfWork>()

/** The unit of work of the request being served, or undefined outside of one. */
export function currentUnitOfWork(): UnitOfWork | undefined {
  return current.getStore()
}

/** Runs `work` inside a new unit of work and commits it when `work` resolves. */
export async function inUnitOfWork<T>(
  stores: RecordStores,
  work: (unit: UnitOfWork) => Promise<T>,
): Promise<T> {
  const unit = new UnitOfWork(stores)
  return await current.run(unit, async () => {
    const result = await work(unit)
    await unit.commit()
    return result
  })
}
