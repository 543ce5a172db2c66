import { randomBytes } from 'node:crypto'
import { isId } from '../../core/ids.ts'
import type { StoredEvent } from '../../platform/events/relay.ts'
import { createKeyring, type Keyring } from '../../platform/keys/keyring.ts'
import { type Db, query, type Transaction } from '../../platform/persistence/db.ts'

/**
 * What is personal in the trail: where a request came from. Entries about an account keep it sealed
 * under a key of that account, which goes when the account goes. So somebody can be forgotten without
 * a row of the trail being changed: its chain covers what was sealed (crypto-shredding).
 */
const PERSONAL = ['ip', 'userAgent'] as const

type Data = Record<string, unknown>
/** In an entry: base64url, bound to the id of the event. */
type Sealed = { personal?: unknown }

/**
 * The events as the trail keeps them. Of an account that is gone already nothing personal is kept,
 * for there is no key that could be taken away later.
 */
export async function sealPersonal(
  tx: Transaction,
  keyring: Keyring,
  events: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  const accountIds = [...new Set(events.filter(isPersonal).map((event) => event.subject!))]
  const known = await keysOf(tx, keyring, accountIds)
  const fresh = await makeKeys(
    tx,
    keyring,
    accountIds.filter((id) => !known.has(id)),
  )
  const keys = new Map([...known, ...fresh])
  return events.map((event) => {
    if (!isPersonal(event)) return event
    const data = event.data as Data
    const open = Object.fromEntries(
      Object.entries(data).filter(([name]) => !PERSONAL.some((each) => each === name)),
    )
    const key = keys.get(event.subject!)
    if (!key) return { ...event, data: open }
    const personal = JSON.stringify(
      Object.fromEntries(PERSONAL.flatMap((name) => (name in data ? [[name, data[name]]] : []))),
    )
    return {
      ...event,
      data: { ...open, personal: key.seal(personal, placeOf(event.id)).toString('base64url') },
    }
  })
}

/** About an account, and with something personal in it. */
function isPersonal({ subject, data }: StoredEvent): boolean {
  return isId(subject ?? '') && PERSONAL.some((name) => name in (data as Data))
}

/**
 * The entries with what is personal in them, where its key is still there.
 *
 * @param entries `id` is the event's, `subject` the account, `data` as the trail keeps it
 */
export async function openPersonal<E extends { id: string; subject: string | null; data: Data }>(
  db: Db,
  keyring: Keyring,
  entries: readonly E[],
): Promise<E[]> {
  const subjects = entries.filter(({ data }) => 'personal' in data).map(({ subject }) => subject)
  const ids = [...new Set(subjects)].filter((id) => id !== null)
  const keys = await keysOf(db, keyring, ids)
  return entries.map((entry) => {
    const { personal, ...open } = entry.data as Data & Sealed
    if (typeof personal !== 'string') return entry
    const key = keys.get(entry.subject ?? '')
    const found = key?.open(Buffer.from(personal, 'base64url'), placeOf(entry.id))
    return { ...entry, data: { ...open, ...(found ? JSON.parse(found.toString('utf8')) : {}) } }
  })
}

/** For the accounts that are still there; the others get none. Another worker may be faster. */
async function makeKeys(
  tx: Transaction,
  keyring: Keyring,
  accountIds: readonly string[],
): Promise<Map<string, Keyring>> {
  if (accountIds.length === 0) return new Map()
  const sealed = accountIds.map((id) => keyring.seal(randomBytes(32), keyPlaceOf(id)))
  await query(
    tx,
    `INSERT INTO subject_key (account_id, key_sealed)
     SELECT a.id, f.sealed
       FROM unnest($1::uuid[], $2::bytea[]) AS f(id, sealed)
       JOIN account a ON a.id = f.id
        FOR KEY SHARE OF a
     ON CONFLICT (account_id) DO NOTHING`,
    [accountIds, sealed],
  )
  return await keysOf(tx, keyring, accountIds)
}

async function keysOf(
  db: Db,
  keyring: Keyring,
  accountIds: readonly string[],
): Promise<Map<string, Keyring>> {
  if (accountIds.length === 0) return new Map()
  const rows = await query<{ account_id: string; key_sealed: Buffer }>(
    db,
    'SELECT account_id, key_sealed FROM subject_key WHERE account_id = ANY($1::uuid[])',
    [accountIds],
  )
  return new Map(
    rows.map(({ account_id: id, key_sealed }) => {
      const key = keyring.open(key_sealed, keyPlaceOf(id))
      return [id, createKeyring({ encryptionKeys: [{ id: 'subject', key }], hashKey: key })]
    }),
  )
}

function keyPlaceOf(accountId: string): string {
  return `subject_key:key_sealed:${accountId}`
}

function placeOf(eventId: string): string {
  return `audit_entry:personal:${eventId}`
}
