import type { Clock } from '../../../core/clock.ts'
import { newId } from '../../../core/ids.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import type { Transaction } from '../../../platform/persistence/db.ts'
import { type FieldsOf, KINDS, type KindDefinition, type MessageKind } from '../kinds.ts'
import { insertNotice } from './notice_store.ts'

/**
 * A notice in the inbox of an account: what happened to it, for its owner to read on the account
 * pages, whether a mail went out or there is no address at all. It is put into words when it is read.
 */
export type Notice = {
  /** A UUID of version 7: a later notice has a greater one. */
  id: string
  /** Of ours, unless another version wrote it. */
  kind: string
  /** As the schema of the kind has them, without a link. */
  fields: Record<string, unknown>
  createdAt: Date
  readAt: Date | undefined
}

/**
 * What happened to one's own account is kept in the inbox. What lets somebody in or takes something
 * back is not: whoever is signed in may not be its owner.
 */
export function isKept(kind: MessageKind): boolean {
  const { cap, secret }: KindDefinition = KINDS[kind]
  return cap === 'owner' && !secret
}

/** A notice that is older has ended. */
export function startOfInbox(now: Date, days: number): Date {
  return new Date(now.getTime() - days * 86_400_000)
}

export type NoticeToKeep<K extends MessageKind = MessageKind> = {
  kind: K
  accountId: string
  fields: FieldsOf<K>
  /** A notice with the key of an earlier one is that one: nothing happens. Up to 200 characters. */
  idempotencyKey: string
}

/**
 * Puts a notice into the inbox, in the transaction that queues its mail; nothing for a kind that is
 * not kept.
 *
 * @throws ZodError for fields that are not the kind's
 */
export async function keepNotice(
  { keyring, clock }: { keyring: Pick<Keyring, 'seal'>; clock: Clock },
  tx: Transaction,
  { kind, accountId, fields, idempotencyKey }: NoticeToKeep,
): Promise<void> {
  if (!isKept(kind)) return
  const definition: KindDefinition = KINDS[kind]
  const { link: _, ...kept } = definition.fields.parse(fields) as Record<string, unknown>
  const createdAt = clock.now()
  const id = newId(createdAt.getTime())
  await insertNotice(tx, keyring, { id, accountId, kind, fields: kept, idempotencyKey, createdAt })
}
