import { createECDH } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../../../core/clock.ts'
import { newId } from '../../../core/ids.ts'
import { parsedJson } from '../../../core/unknown.ts'
import {
  type Origin,
  pushSubscribed,
  pushSubscriptionRefused,
  pushUnsubscribed,
} from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { type Db, inTransaction } from '../../../platform/persistence/db.ts'
import {
  deletePushSubscription,
  deleteSubscriptionsAt,
  upsertPushSubscription,
} from './push_subscription_store.ts'

/**
 * Notices pushed to a browser (Web Push: RFC 8030, 8291 and 8292; W3C Push API). A browser gets them
 * for as long as the session lasts in which its owner turned them on: whoever signs out of it, or is
 * signed out from elsewhere, leaves nothing behind that goes on telling.
 */
export type PushSubscription = {
  /** Where the push service takes messages for this browser; whoever knows it can call there. */
  endpoint: string
  /** The browser's P-256 key, uncompressed, and its secret of 16 octets (RFC 8291 §2); base64url. */
  p256dh: string
  auth: string
}

type Deps = {
  db: Db
  keyring: Keyring
  clock: Clock
  /** Hosts of push services that are called: `push.example`, or `*.push.example` for those below. */
  pushServices: readonly string[]
}

const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/
const octets = (length: number) =>
  z
    .string()
    .max(200)
    .regex(BASE64URL)
    .refine((text) => Buffer.from(text, 'base64url').length === length)

/** As `PushSubscription.toJSON()` writes it. */
const written = z.object({
  endpoint: z.url({ protocol: /^https$/ }).max(2_000),
  keys: z.object({ p256dh: octets(65).refine(isPoint), auth: octets(16) }),
})

function isPoint(p256dh: string): boolean {
  const ecdh = createECDH('prime256v1')
  ecdh.generateKeys()
  try {
    ecdh.computeSecret(Buffer.from(p256dh, 'base64url'))
    return true
  } catch {
    return false
  }
}

export type Subscribed =
  | { kind: 'subscribed' }
  /** No subscription of the Push API, a service that this deployment does not call, or no session. */
  | { kind: 'refused'; reason: 'malformed' | 'other_service' | 'no_session' }

/** Turns notices on for the browser of this session; what it had before is replaced. */
export async function subscribe(
  deps: Deps,
  input: { accountId: string; uidHash: Buffer; json: string; origin: Origin },
): Promise<Subscribed> {
  const { accountId, uidHash, origin } = input
  const read = readSubscription(deps, input.json)
  if (read.kind === 'refused') return await refuse(deps, input, read.reason)
  const { db, keyring, clock } = deps
  const createdAt = clock.now()
  const id = newId(createdAt.getTime())
  const done = await inTransaction(db, async (tx) => {
    const row = { id, accountId, uidHash, subscription: read.subscription, createdAt }
    if (!(await upsertPushSubscription(tx, keyring, row))) return false
    await appendEvent(tx, pushSubscribed({ accountId, ...origin }))
    return true
  })
  return done ? { kind: 'subscribed' } : await refuse(deps, input, 'no_session')
}

async function refuse(
  { db }: Deps,
  { accountId, origin }: { accountId: string; origin: Origin },
  reason: 'malformed' | 'other_service' | 'no_session',
): Promise<Subscribed> {
  await appendEvent(db, pushSubscriptionRefused({ accountId, reason, ...origin }))
  return { kind: 'refused', reason }
}

function readSubscription(
  { pushServices }: Deps,
  json: string,
):
  | { kind: 'read'; subscription: PushSubscription }
  | { kind: 'refused'; reason: 'malformed' | 'other_service' } {
  const { data } = written.safeParse(parsedJson(json))
  if (!data) return { kind: 'refused', reason: 'malformed' }
  const { endpoint, keys } = data
  if (!isServedBy(new URL(endpoint), pushServices)) {
    return { kind: 'refused', reason: 'other_service' }
  }
  return { kind: 'read', subscription: { endpoint, ...keys } }
}

/** Whoever names the address has us call it: only push services are called. */
function isServedBy({ host, username, password }: URL, services: readonly string[]): boolean {
  if (username !== '' || password !== '') return false
  return services.some((service) =>
    service.startsWith('*.') ? host.endsWith(service.slice(1)) : host === service,
  )
}

/** Turns them off for one browser of the account. @returns false where it gets none */
export async function unsubscribe(
  { db }: Pick<Deps, 'db'>,
  { accountId, id, origin }: { accountId: string; id: string; origin: Origin },
): Promise<boolean> {
  return await inTransaction(db, async (tx) => {
    if (!(await deletePushSubscription(tx, { accountId, id }))) return false
    await appendEvent(tx, pushUnsubscribed({ accountId, by: 'owner', ...origin }))
    return true
  })
}

/** The push service knows this browser no more (RFC 8030 §7.3). */
export async function forgetEndpoint(
  { db, keyring }: Pick<Deps, 'db' | 'keyring'>,
  endpoint: string,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    for (const accountId of await deleteSubscriptionsAt(tx, keyring, endpoint)) {
      await appendEvent(tx, pushUnsubscribed({ accountId, by: 'push_service' }))
    }
  })
}
