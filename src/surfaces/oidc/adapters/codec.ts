import { isId } from '../../../core/ids.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { MODELS, type ModelName } from './models.ts'
import type { OidcRecord } from './record.ts'

/**
 * Between the engine's payloads and what is stored. The id of a record is a bearer secret: it is
 * stored as a keyed hash only and put back when the record is found by it. Where the engine finds a
 * record by something else and needs the id back, it is sealed to the row (docs/decisions/0003).
 */

export type Payload = Record<string, unknown> & { jti?: string; exp?: number }

export type Codec = {
  idHash(id: string): Buffer
  uidHash(uid: string): Buffer
  userCodeHash(userCode: string): Buffer
  encode(model: ModelName, id: string, payload: Payload, expiresInS: number | undefined): OidcRecord
  /** @param id the id it was found by, or undefined where it is to be unsealed */
  decode(record: OidcRecord, id?: string): Payload
}

export function createCodec(keyring: Keyring): Codec {
  const idHash = (id: string) => keyring.hash('oidc_record', id)
  const uidHash = (uid: string) => keyring.hash('session_uid', uid)
  const userCodeHash = (userCode: string) => keyring.hash('user_code', userCode)
  return {
    idHash,
    uidHash,
    userCodeHash,
    encode(model, id, payload, expiresInS) {
      const record = { model, idHash: idHash(id) }
      const { open, secret } = split(model, id, payload)
      return {
        ...record,
        ...indexes(payload),
        payload: open,
        sealed: secret && keyring.seal(JSON.stringify(secret), place(record)),
        expiresAt: expiryOf(model, expiresInS),
      }
    },
    decode(record, id) {
      const secret = record.sealed
        ? (JSON.parse(keyring.open(record.sealed, place(record)).toString('utf8')) as Payload)
        : {}
      return {
        ...record.payload,
        ...secret,
        ...(id === undefined ? {} : { jti: id }),
        ...(record.consumedAt ? { consumed: Math.floor(record.consumedAt.getTime() / 1000) } : {}),
      }
    },
  }

  function indexes(payload: Payload): Partial<OidcRecord> {
    const text = (key: string) =>
      typeof payload[key] === 'string' ? (payload[key] as string) : undefined
    const outcome = outcomeOf(payload)
    const [grantId, uid, userCode] = [
      outcome.grantId ?? text('grantId'),
      text('uid') ?? text('sessionUid'),
      text('userCode'),
    ]
    const accountId = outcome.accountId ?? text('accountId')
    return {
      grantHash: grantId === undefined ? grantHashIn(payload) : idHash(grantId),
      uidHash: uid === undefined ? undefined : uidHash(uid),
      userCodeHash: userCode === undefined ? undefined : userCodeHash(userCode),
      accountId: accountId !== undefined && isId(accountId) ? accountId : undefined,
      clientId: text('clientId'),
    }
  }
}

/** What an interaction came to: the engine asks for both when it goes on with the request. */
function outcomeOf({ result }: Payload): {
  accountId: string | undefined
  grantId: string | undefined
} {
  const { login, consent } = (result ?? {}) as {
    login?: { accountId?: string }
    consent?: { grantId?: string }
  }
  return { accountId: login?.accountId, grantId: consent?.grantId }
}

/** An exchanged token has no grant of its own: it names that of the token it was exchanged for. */
function grantHashIn({ extra }: Payload): Buffer | undefined {
  const gid = (extra as { gid?: unknown } | undefined)?.gid
  return typeof gid === 'string' ? Buffer.from(gid, 'base64url') : undefined
}

function place({ model, idHash }: { model: ModelName; idHash: Buffer }): string {
  return `oidc_record:sealed:${model}:${idHash.toString('base64url')}`
}

function split(model: ModelName, id: string, payload: Payload) {
  const { jti: _, ...open } = payload
  // The engine writes the session id into the interaction and never reads it back.
  if (model === 'Interaction' && typeof open['session'] === 'object' && open['session'] !== null) {
    const { cookie: __, ...session } = open['session'] as Record<string, unknown>
    open['session'] = session
  }
  const secret: Record<string, unknown> = {}
  for (const key of MODELS[model].sealed) {
    const value = key === 'jti' ? id : open[key]
    if (value !== undefined) secret[key] = value
    delete open[key]
  }
  return { open, secret: Object.keys(secret).length > 0 ? secret : undefined }
}

function expiryOf(model: ModelName, expiresInS: number | undefined): Date | undefined {
  if (expiresInS === undefined) return undefined
  if (!Number.isFinite(expiresInS)) {
    throw new TypeError(`${model}: the lifetime must be a number of seconds, got ${expiresInS}`)
  }
  return new Date(Date.now() + expiresInS * 1000)
}
