import Provider, { type Adapter, errors } from 'oidc-provider'
import { DomainError } from '../../../core/errors.ts'
import { userCodeAlreadyUsed } from '../internals.ts'
import type { Codec, Payload } from './codec.ts'
import { isModelName, MODELS, type ModelName } from './models.ts'
import {
  claimDeviceCode,
  consumeRecord,
  deleteRecord,
  deleteRecordsOfGrant,
} from './postgres_records.ts'
import { deleteRedisRecord } from './redis_records.ts'
import {
  currentUnitOfWork,
  inUnitOfWork,
  type RecordStores,
  type UnitOfWork,
} from './unit_of_work.ts'

/**
 * The engine's adapter contract over our records. Single use is decided here, by one conditional
 * statement: the engine reads, checks and then consumes, and ignores what consuming returns, so the
 * loser of a race must be stopped by an exception with the right OAuth name.
 */

export type AdapterDeps = {
  stores: RecordStores
  codec: Codec
  /** The engine's view of a registered client, or undefined. */
  findClient(clientId: string): Promise<Payload | undefined>
  /** How long a used refresh token is remembered, seconds. */
  refreshReuseDetectionS: number
}

export function createAdapterFactory(deps: AdapterDeps): (model: string) => Adapter {
  return (model) => {
    if (model === 'Client') return guard(clientAdapter(deps))
    if (isModelName(model)) return guard(recordAdapter(deps, model))
    return guard(unsupportedAdapter(model))
  }
}

/** Which OAuth error a second use is. */
export function secondUseError(model: ModelName): Error {
  return (MODELS[model] as { secondUse?: string }).secondUse === 'invalid_request_uri'
    ? new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used')
    : new errors.InvalidGrant('already consumed')
}

function recordAdapter(deps: AdapterDeps, model: ModelName): Adapter {
  const { stores, codec } = deps
  const inUnit = <T>(work: (unit: UnitOfWork) => Promise<T>): Promise<T> => {
    const unit = currentUnitOfWork()
    return unit ? work(unit) : inUnitOfWork(stores, work)
  }
  const keyFor = (id: string) => ({ model, idHash: codec.idHash(id) })

  return {
    async find(id) {
      const record = await inUnit((unit) => unit.find(keyFor(id)))
      return record && codec.decode(record, id)
    },
    async findByUid(uid) {
      const records = await inUnit((unit) => unit.listSessions(codec.uidHash(uid)))
      return mergeSessions(records.map((record) => codec.decode(record)))
    },
    async findByUserCode(userCode) {
      const record = await inUnit((unit) => unit.findByUserCode(codec.userCodeHash(userCode)))
      return record && codec.decode(record)
    },
    async upsert(id, payload, expiresIn) {
      const record = codec.encode(model, id, payload as Payload, expiresIn)
      if (model === 'DeviceCode' && isClaim(payload as Payload)) {
        const read = await inUnit((unit) => unit.find(record))
        if (!(await claimDeviceCode(stores.db, record, read?.sealed))) throw userCodeAlreadyUsed()
        return
      }
      await inUnit(async (unit) => unit.upsert(record, model === 'Session' && !isLogout()))
    },
    async consume(id) {
      const unit = currentUnitOfWork()
      if (unit && model !== 'PushedAuthorizationRequest') {
        unit.consume({ ...keyFor(id), ...(await consumptionOf(unit, id)) })
        return
      }
      if (!(await consumeRecord(stores.db, keyFor(id)))) throw secondUseError(model)
    },
    async destroy(id) {
      if (model === 'Session' || model === 'Interaction') {
        await inUnit(async (unit) => {
          await unit.find(keyFor(id))
          if (model === 'Session' && !isLogout()) unit.replace(keyFor(id))
          else unit.destroy(keyFor(id))
        })
        return
      }
      if (stores.redis && MODELS[model].home === 'ephemeral') {
        await deleteRedisRecord(stores.redis, keyFor(id))
      }
      // There too, for what PostgreSQL took while Redis was away.
      await deleteRecord(stores.db, keyFor(id))
    },
    async revokeByGrantId(grantId) {
      // The engine asks once per model; the first request removes the records of all of them.
      if (model === 'AccessToken' && !isSingleTokenRevocation()) {
        await deleteRecordsOfGrant(stores.db, codec.idHash(grantId))
      }
    },
  }

  async function consumptionOf(unit: UnitOfWork, id: string) {
    const grantHash: Buffer | undefined = (await unit.find(keyFor(id)))?.grantHash
    return {
      grantHash,
      rememberS: model === 'RefreshToken' ? deps.refreshReuseDetectionS : undefined,
    }
  }
}

function clientAdapter(deps: AdapterDeps): Adapter {
  const readOnly = async () => {
    throw new Error('clients are written through domain/clients')
  }
  return {
    find: (id) => deps.findClient(id),
    findByUid: readOnly,
    findByUserCode: readOnly,
    upsert: readOnly,
    consume: readOnly,
    destroy: readOnly,
    revokeByGrantId: readOnly,
  }
}

/** For models whose feature is off, and for replay markers, which have a road of their own. */
function unsupportedAdapter(model: string): Adapter {
  const refuse = async () => {
    throw new Error(`nothing of the model ${model} is stored`)
  }
  return {
    find: refuse,
    findByUid: refuse,
    findByUserCode: refuse,
    upsert: refuse,
    consume: refuse,
    destroy: refuse,
    revokeByGrantId: refuse,
  }
}

/** One session from its rows, newest first: the newest wins, no client's authorization is lost. */
function mergeSessions(sessions: Payload[]): Payload | undefined {
  const [newest, ...older] = sessions
  if (!newest) return undefined
  const authorizations = Object.assign(
    {},
    ...[...older].reverse().map((session) => session['authorizations']),
    newest['authorizations'],
  )
  return Object.keys(authorizations).length > 0 ? { ...newest, authorizations } : newest
}

/** The step at which one browser takes a device code for itself: to go on with it, or to deny it. */
function isClaim(payload: Payload): boolean {
  const [confirms, denies] = [payload['inFlight'] === true, payload['error'] !== undefined]
  return confirms !== denies && !payload['accountId']
}

/** Logging out removes authorizations from the session; merging would bring them back. */
function isLogout(): boolean {
  return Provider.ctx?.oidc?.route === 'end_session_confirm'
}

/** An access token is revoked alone; a refresh token takes its grant and all of it along. */
function isSingleTokenRevocation(): boolean {
  const oidc = Provider.ctx?.oidc
  return oidc?.route === 'revocation' && oidc.entities.AccessToken !== undefined
}

/** The engine turns what it does not know into a 500; a store that is away is a 503 with its OAuth name. */
function guard(adapter: Adapter): Adapter {
  const wrap =
    <Args extends unknown[], Result>(method: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      try {
        return await method(...args)
      } catch (error) {
        throw oauthErrorOf(error)
      }
    }
  return Object.fromEntries(
    Object.entries(adapter).map(([name, method]) => [name, wrap(method as never)]),
  ) as unknown as Adapter
}

/** `unavailable` as the engine's own kind of error: 503 `temporarily_unavailable`. */
export function oauthErrorOf(error: unknown): unknown {
  const lostRedis =
    error instanceof Error &&
    /Redis|ECONNREFUSED|Connection is closed|timed out|CLUSTERDOWN|MaxRetriesPerRequest/.test(
      `${error.name} ${error.message}`,
    )
  if (!(error instanceof DomainError && error.code === 'unavailable') && !lostRedis) return error
  const unavailable = new errors.OIDCProviderError(503, 'temporarily_unavailable')
  return Object.assign(unavailable, {
    error_description: 'the service is temporarily unavailable, try again',
    expose: true,
    allow_redirect: false,
    cause: error,
  })
}
