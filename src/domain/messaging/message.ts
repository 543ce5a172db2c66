import type { Channel, MessageKind } from './kinds.ts'

/**
 * Messages to people, by mail and SMS. Whoever has something to say queues it in the transaction
 * that makes it true (`queue_message.ts`), and no request ever waits for a mail server: a worker
 * renders it in the reader's language and hands it to the first transport that takes it
 * (`send_message.ts`). Kinds and what each one says are in `kinds.ts`, the ways out in `transports/`.
 */
export type Message = {
  /** A UUID. */
  id: string
  kind: MessageKind
  channel: Channel
  /** Whose account it is about, where there is one. */
  accountId: string | undefined
  /** The address or the number as it was when the message was written. */
  recipient: string
  locale: string
  /** As the schema of the kind has them; undefined once they were wiped. */
  fields: Record<string, unknown> | undefined
  state: MessageState
  attempts: number
  createdAt: Date
  /** It is not worth sending any more then. */
  expiresAt: Date
}

/**
 * `queued` waits for a worker, `sending` is with one; `sent` was taken by a transport. What a
 * provider reports later is `delivered` or `bounced`; `failed` nobody took, and `expired` was
 * not worth sending any more.
 */
export type MessageState =
  | 'queued'
  | 'sending'
  | 'sent'
  | 'delivered'
  | 'bounced'
  | 'failed'
  | 'expired'
