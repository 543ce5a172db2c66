import type { Clock } from '../../core/clock.ts'
import {
  messageCapped,
  messageFailed,
  messageSent,
  messageSuppressed,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import type { Message } from './message.ts'
import { claimMessage, isBeingSent, releaseMessage, settleMessage } from './message_store.ts'
import type { RenderMessage } from './render_message.ts'
import { isAddress } from './transports/address.ts'
import type { SendOutcome, Transport } from './transports/transport.ts'
import type { Transports } from './transports/transports.ts'
import { type Addresses, isSuppressed } from './undeliverable.ts'

/**
 * Delivers one queued message. It is claimed in one statement, so that of several workers one sends
 * it, and offered to the transports in order until one takes it. What nobody takes now is tried
 * again by the job queue. A worker that dies after a transport took the message and before that is
 * written sends it twice, with the same id: at least once is what mail can promise.
 */
export type SendDeps = {
  db: Db
  keyring: Keyring
  canonicalEmail: Addresses['canonicalEmail']
  clock: Clock
  render: RenderMessage
  transports: Transports
  /** The SMS of today; absent where there is no limit. Mail costs nothing and has none. */
  smsBudget?: { take(): Promise<boolean> } | undefined
  log: { warn(fields: object, message: string): void }
  /** Outside production the development inbox shows what a message said; elsewhere it is wiped. */
  keepFields: boolean
  onOutcome(outcome: { kind: string; transport: string; outcome: string }): void
}

type Attempt = { last: boolean; signal: AbortSignal }

/** @throws Error where no transport could take it now and another attempt follows */
export async function sendMessage(
  deps: SendDeps,
  { messageId }: { messageId: string },
  { last, signal }: Attempt,
): Promise<void> {
  const now = deps.clock.now()
  const message = await claimMessage(deps.db, deps.keyring, { id: messageId, now })
  if (!message) return await waitForOther(deps, messageId)
  if (message.expired) return await fail(deps, message, 'expired')
  if (await isSuppressed(deps, message)) return await fail(deps, message, 'suppressed')
  if (!(await isWithinBudget(deps, message))) return await fail(deps, message, SMS_LIMIT)
  const { outcome, transport } = await offer(deps, message, signal)
  if (outcome.kind === 'accepted') return await markSent(deps, message, transport, outcome)
  if (outcome.kind === 'rejected' || last) {
    return await fail(deps, message, 'failed', { transport, reason: outcome.reason })
  }
  await releaseMessage(deps.db, { id: message.id, failure: outcome.reason })
  throw new Error(`no transport took the message: ${outcome.reason}`)
}

/** The job must outlive the other attempt: it may be a dead worker's. */
async function waitForOther({ db }: SendDeps, id: string): Promise<void> {
  if (await isBeingSent(db, { id })) throw new Error('another attempt is under way')
}

const SMS_LIMIT = 'sms_daily_limit'

/** A message counts once, on the day it is first offered to a provider, however often it is tried. */
async function isWithinBudget({ smsBudget }: SendDeps, message: Message): Promise<boolean> {
  if (!smsBudget || message.channel !== 'sms' || message.attempts > 1) return true
  return await smsBudget.take()
}

type Offered = { outcome: SendOutcome; transport: string }

async function offer(deps: SendDeps, message: Message, signal: AbortSignal): Promise<Offered> {
  if (!isAddress(message.channel, message.recipient)) {
    return { outcome: { kind: 'rejected', reason: 'malformed address' }, transport: 'none' }
  }
  const outgoing = outgoingOf(deps, message)
  let offered: Offered = {
    outcome: { kind: 'rejected', reason: `no transport for ${message.channel}` },
    transport: 'none',
  }
  for (const transport of deps.transports.inOrder(message.channel)) {
    offered = { outcome: await attempt(transport, outgoing, signal), transport: transport.name }
    const { outcome } = offered
    deps.onOutcome({ kind: message.kind, transport: transport.name, outcome: outcome.kind })
    if (outcome.kind !== 'unavailable') return offered
    deps.transports.rest(transport)
    const { reason } = outcome
    deps.log.warn(
      { 'message.id': message.id, transport: transport.name, reason },
      'a transport did not take a message',
    )
  }
  return offered
}

async function attempt(
  transport: Transport,
  outgoing: Parameters<Transport['send']>[0],
  signal: AbortSignal,
): Promise<SendOutcome> {
  try {
    return await transport.send(outgoing, signal)
  } catch (error) {
    return { kind: 'unavailable', reason: (error as Error).name }
  }
}

function outgoingOf({ render }: SendDeps, message: Message) {
  const { id, kind, channel, locale, recipient: to, fields = {}, expiresAt } = message
  const { channel: _, ...parts } = render({ kind, channel, locale, fields })
  return { id, kind, to, subject: '', expiresAt, ...parts }
}

async function markSent(
  deps: SendDeps,
  message: Message,
  transport: string,
  { providerId }: { providerId?: string | undefined },
): Promise<void> {
  const { id, kind, channel, accountId } = message
  await inTransaction(deps.db, async (tx) => {
    const change = { id, state: 'sent', transport, providerId, at: deps.clock.now() } as const
    await settleMessage(tx, { ...change, wipe: !deps.keepFields })
    await appendEvent(tx, messageSent({ messageId: id, kind, channel, accountId, transport }))
  })
}

async function fail(
  deps: SendDeps,
  message: Message,
  end: 'failed' | 'expired' | 'suppressed' | typeof SMS_LIMIT,
  { transport, reason }: { transport?: string; reason?: string } = {},
): Promise<void> {
  const { id, kind, channel, accountId } = message
  const state: 'failed' | 'expired' = end === 'expired' ? end : 'failed'
  const failure = reason ?? end
  deps.log.warn({ 'message.id': id, kind, transport, reason: failure }, 'a message was given up')
  await inTransaction(deps.db, async (tx) => {
    const change = { id, state, transport, failure, at: deps.clock.now() }
    await settleMessage(tx, { ...change, wipe: !deps.keepFields })
    const about = { messageId: id, kind, channel, accountId }
    const facts = { ...about, reason: failure }
    if (end === 'suppressed') await appendEvent(tx, messageSuppressed(about))
    else if (end === SMS_LIMIT) await appendEvent(tx, messageCapped(facts))
    else await appendEvent(tx, messageFailed(facts))
  })
  if (end !== 'failed') deps.onOutcome({ kind, transport: 'none', outcome: end })
}
