import type { Clock } from '../../core/clock.ts'
import { isId } from '../../core/ids.ts'
import {
  accountCreated,
  emailChanged,
  messageAddressAllowed,
  messageAddressSuppressed,
  passwordChanged,
  signInSucceeded,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { EventSink, StoredEvent } from '../../platform/events/relay.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db, Transaction } from '../../platform/persistence/db.ts'
import { KINDS } from './kinds.ts'
import type { Message } from './message.ts'
import { markUndeliverable } from './message_store.ts'
import {
  claimTry,
  deleteUndeliverable,
  findCanonicalEmail,
  findUndeliverable,
  type UndeliverableReason,
  upsertUndeliverable,
} from './undeliverable_store.ts'

/**
 * Mail that came back for good, or that its reader called a nuisance, is not written to again: whoever
 * goes on loses the good name of the sender. Only what a provider signed about a message of ours counts,
 * and once for each message; the address is the one we wrote to, never one that a report names.
 *
 * Nobody is locked out by it: what carries a code or a link that proves the address still goes there,
 * once in `TRY_EVERY_S`, and whoever uses it has the address back. So does the operator.
 */
export type Addresses = {
  keyring: Pick<Keyring, 'hash'>
  /** Undefined where the text is no address. */
  canonicalEmail(text: string): string | undefined
}

export const TRY_EVERY_S = 3_600

export async function suppressAddress(
  { keyring, canonicalEmail }: Addresses,
  tx: Transaction,
  report: { messageId: string; reason: UndeliverableReason; transport: string; at: Date },
): Promise<void> {
  const { messageId, reason, transport, at } = report
  const message = await markUndeliverable(tx, { id: messageId, at })
  const canonical = message && canonicalEmail(message.recipient)
  if (!message || canonical === undefined) return
  const addressHash = hashOf(keyring, canonical)
  await upsertUndeliverable(tx, { addressHash, reason, transport, at })
  const { kind, channel, accountId } = message
  const facts = { messageId, kind, channel, accountId, transport, reason }
  await appendEvent(tx, messageAddressSuppressed(facts))
}

/** Whether this message is to be kept back. */
export async function isSuppressed(
  { keyring, canonicalEmail, db, clock }: Addresses & { db: Db; clock: Clock },
  message: Pick<Message, 'channel' | 'kind' | 'recipient'>,
): Promise<boolean> {
  const canonical = message.channel === 'email' ? canonicalEmail(message.recipient) : undefined
  if (canonical === undefined) return false
  const addressHash = hashOf(keyring, canonical)
  if (!(await findUndeliverable(db, { addressHash }))) return false
  if (!provesAddress(message)) return true
  const now = clock.now()
  const before = new Date(now.getTime() - TRY_EVERY_S * 1000)
  return !(await claimTry(db, { addressHash, now, before }))
}

/** What a person asked for or waits for, with something in it that only the mailbox has. */
function provesAddress({ kind }: Pick<Message, 'kind'>): boolean {
  const { secret, cap } = KINDS[kind]
  return secret && (cap === 'stranger' || cap === 'proven')
}

/** @param canonical the canonical form; false where nothing was kept back from it */
export async function allowAddress(
  { keyring }: Pick<Addresses, 'keyring'>,
  tx: Transaction,
  { canonical, by, accountId }: { canonical: string; by: string; accountId?: string | undefined },
): Promise<boolean> {
  const addressHash = hashOf(keyring, canonical)
  const allowed = await deleteUndeliverable(tx, { addressHash })
  if (allowed) await appendEvent(tx, messageAddressAllowed({ by, accountId }))
  return allowed
}

/** Allows the address of whoever has just used a code or a link that went there. */
export function createAddressProofs(deps: Pick<Addresses, 'keyring'>): EventSink {
  return {
    name: 'address_proofs',
    async deliver(tx, events) {
      for (const event of events) await heed(deps, tx, event)
    },
  }
}

type Fact = Record<string, unknown>

const PROOFS: Readonly<Record<string, (fact: Fact) => boolean>> = {
  [accountCreated.type]: ({ by }) => by === 'sign_up',
  [emailChanged.type]: ({ by }) => by === 'owner',
  [passwordChanged.type]: ({ by }) => by === 'recovery',
  [signInSucceeded.type]: ({ amr }) => Array.isArray(amr) && amr.includes('email'),
}

async function heed(
  deps: Pick<Addresses, 'keyring'>,
  tx: Transaction,
  { type, data }: StoredEvent,
): Promise<void> {
  const fact = data as Fact
  const { accountId } = fact
  if (!PROOFS[type]?.(fact) || typeof accountId !== 'string' || !isId(accountId)) return
  const canonical = await findCanonicalEmail(tx, { accountId })
  if (canonical !== undefined) await allowAddress(deps, tx, { canonical, by: 'owner', accountId })
}

function hashOf(keyring: Pick<Keyring, 'hash'>, canonical: string): Buffer {
  return keyring.hash('undeliverable_address', canonical)
}
