import type { Clock } from '../../core/clock.ts'
import { newId } from '../../core/ids.ts'
import { messageCapped } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { JobQueue } from '../../platform/jobs/queue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Transaction } from '../../platform/persistence/db.ts'
import {
  CAPS,
  type Channel,
  type FieldsOf,
  KINDS,
  type KindDefinition,
  kindsUnder,
  type MessageKind,
} from './kinds.ts'
import { countRecent, insertMessage, lockRecipient } from './message_store.ts'
import { sealFields } from './sealed_fields.ts'

export type QueueDeps = { keyring: Keyring; jobs: Pick<JobQueue, 'send'>; clock: Clock }

export type MessageToQueue<K extends MessageKind> = {
  kind: K
  /** The first of the kind where absent. */
  channel?: Channel | undefined
  /** An e-mail address, or a telephone number in E.164 form (`+4930123456`). */
  recipient: string
  accountId?: string | undefined
  /** English where absent, or none of ours. */
  locale?: string | undefined
  fields: FieldsOf<K>
  /** A message with the key of an earlier one is that one: nothing happens. Up to 200 characters. */
  idempotencyKey?: string | undefined
  /** Where what it carries ends earlier than the kind's lifetime. */
  expiresAt?: Date | undefined
}

/**
 * Writes the message and the job that delivers it: there when, and only if, the transaction commits.
 * A recipient who got too many like it gets no more, and the caller is not told: whoever tries
 * addresses out must not see a difference. An event counts it.
 *
 * @throws ZodError for fields that are not the kind's, Error for a channel that it does not have
 */
export async function queueMessage<K extends MessageKind>(
  { keyring, jobs, clock }: QueueDeps,
  tx: Transaction,
  message: MessageToQueue<K>,
): Promise<void> {
  const definition: KindDefinition = KINDS[message.kind]
  const channel = channelOf(message, definition)
  const fields = definition.fields.parse(message.fields)
  const now = clock.now()
  const recipientHash = keyring.hash(
    `message_recipient:${channel}`,
    message.recipient.toLowerCase(),
  )
  if (await isCapped(tx, { recipientHash, definition, now })) {
    const { kind, accountId } = message
    await appendEvent(tx, messageCapped({ kind, channel, accountId }))
    return
  }
  const id = newId()
  const inserted = await insertMessage(tx, {
    id,
    kind: message.kind,
    channel,
    accountId: message.accountId,
    recipient: message.recipient,
    recipientHash,
    locale: message.locale ?? 'en',
    fieldsSealed: sealFields(keyring, id, fields),
    idempotencyKey: message.idempotencyKey,
    createdAt: now,
    expiresAt: earlier(message.expiresAt, new Date(now.getTime() + definition.lifetimeS * 1000)),
  })
  if (inserted) await jobs.send('deliver_message', { messageId: id }, { tx })
}

function channelOf(
  { kind, channel }: { kind: MessageKind; channel?: Channel | undefined },
  { channels }: KindDefinition,
): Channel {
  if (channel === undefined) return channels[0]
  if (channels.includes(channel)) return channel
  throw new Error(`a message of the kind ${kind} does not go by ${channel}`)
}

/** One at a time for one recipient, so that many at once do not pass together. */
async function isCapped(
  tx: Transaction,
  input: { recipientHash: Buffer; definition: KindDefinition; now: Date },
): Promise<boolean> {
  const { recipientHash, definition, now } = input
  await lockRecipient(tx, recipientHash)
  const kinds = kindsUnder(definition.cap)
  const { lastHour, lastDay } = await countRecent(tx, { recipientHash, kinds, now })
  const { perHour, perDay } = CAPS[definition.cap]
  return lastHour >= perHour || lastDay >= perDay
}

function earlier(a: Date | undefined, b: Date): Date {
  return a !== undefined && a < b ? a : b
}
