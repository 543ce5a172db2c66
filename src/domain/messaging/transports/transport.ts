import type { Channel, MessageKind } from '../kinds.ts'

/** One way out. Each is built at start and does nothing, and loads nothing, before the first message. */
export type Transport = {
  /** As it is in the database and in metrics. */
  name: string
  channel: Channel
  /** Ends by itself within half a minute. What goes wrong on the way is an outcome; a throw counts as `unavailable`. */
  send(message: Outgoing, signal: AbortSignal): Promise<SendOutcome>
  close?(): Promise<void>
}

export type Outgoing = {
  /** Of our message: where a provider takes one, a repetition is recognised by it. */
  id: string
  kind: MessageKind
  to: string
  /** Of an SMS: empty. */
  subject: string
  text: string
  /** Of a mail only. */
  html?: string | undefined
  /** Of a push message: where it leads. */
  uri?: string | undefined
  /** After which nobody has to deliver it any more. */
  expiresAt?: Date | undefined
}

/** No reason holds an address, a number or any of the message. */
export type SendOutcome =
  | { kind: 'accepted'; providerId?: string | undefined }
  /** It will be no different another time: nobody is there, or the message itself is refused. */
  | { kind: 'rejected'; reason: string }
  /** Another transport, or another time, may take it. */
  | { kind: 'unavailable'; reason: string }
