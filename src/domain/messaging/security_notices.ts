import { isId } from '../../core/ids.ts'
import { textOf } from '../../core/unknown.ts'
import {
  accountDeletionScheduled,
  accountInactivityWarned,
  accountLocked,
  approvalRequested,
  factorAdded,
  factorRemoved,
  identityLinked,
  identityUnlinked,
  passwordChanged,
  phoneChanged,
  recoveryCodeUsed,
  signInSucceeded,
  tokenReuseDetected,
} from '../../platform/events/catalogue.ts'
import type { EventSink, StoredEvent } from '../../platform/events/relay.ts'
import type { Transaction } from '../../platform/persistence/db.ts'
import {
  type Channel,
  FACTORS,
  type Factor,
  type FieldsOf,
  KINDS,
  type MessageKind,
} from './kinds.ts'
import { type Addressee, findAddressee } from './message_store.ts'
import { keepNotice, type NoticeToKeep } from './notices/notice.ts'
import { listPushSubscriptionIds } from './push/push_subscription_store.ts'
import { type MessageToQueue, type QueueDeps, queueMessage } from './queue_message.ts'

type Deps = QueueDeps & {
  /** The ways by which messages leave. */
  channels: ReadonlySet<Channel>
  /** Where a person answers applications that ask for approval. */
  approvalsUri: string
  /** Where a person looks after their account. */
  accountUri: string
  /** Where a person sees where they are signed in. */
  sessionsUri: string
  /** Whether a browser that is new to an account is told of. */
  tellsOfNewDevices: boolean
  /** What a User-Agent header says of itself, in a word or two. */
  deviceName(userAgent: string | undefined): string
  /** Where an address is, in words. */
  placeOf(ip: string | undefined, locale: string): string | undefined
  /** What people know a connection by; its name where it is gone. */
  titleOf(connection: string): Promise<string>
  /** Whether notices are kept for people to read on the account pages. */
  keepsNotices: boolean
}

/**
 * Tells people what happened to their account, and what waits for them; an event sink, so that no
 * request waits for it. Without an address there is no mail, and the inbox has it all the same. Nothing
 * happens for an event that was told before.
 */
export function createSecurityNotices(deps: Deps): EventSink {
  return {
    name: 'security_notices',
    async deliver(tx, events) {
      for (const event of events) await tell(deps, tx, event)
    },
  }
}

type Fact = Record<string, unknown>

/** What each event says to the person it happened to; undefined where it says nothing. */
type Notice = {
  [K in MessageKind]: { kind: K; fields: FieldsOf<K> }
}[MessageKind] & {
  /** Another event with the same key says nothing new. */
  once?: string
}

const NOTICES: Readonly<
  Record<
    string,
    (
      fact: Fact,
      context: { client: string; deps: Deps; at: Date; day: string; locale: string },
    ) => Notice | undefined | Promise<Notice | undefined>
  >
> = {
  [tokenReuseDetected.type]: (_, { client }) => ({ kind: 'token_reuse', fields: { client } }),
  [approvalRequested.type]: (_, { client, deps }) => ({
    kind: 'approval_requested',
    fields: { client, link: deps.approvalsUri },
  }),
  [signInSucceeded.type]: aboutSignIn,
  [accountDeletionScheduled.type]: ({ at }, { deps }) => ({
    kind: 'account_deletion_scheduled',
    fields: { at: String(at), link: deps.accountUri },
  }),
  [accountInactivityWarned.type]: ({ at }) => ({
    kind: 'inactive_warning',
    fields: { at: String(at) },
  }),
  [phoneChanged.type]: () => ({ kind: 'phone_changed', fields: {} }),
  [passwordChanged.type]: () => ({ kind: 'password_changed', fields: {} }),
  [factorAdded.type]: (fact) => aboutFactor('factor_added', fact),
  [factorRemoved.type]: (fact) => aboutFactor('factor_removed', fact),
  [identityLinked.type]: (fact, { deps }) => aboutIdentity('identity_linked', fact, deps),
  [identityUnlinked.type]: (fact, { deps }) => aboutIdentity('identity_unlinked', fact, deps),
  [recoveryCodeUsed.type]: ({ left }) => ({
    kind: 'recovery_code_used',
    fields: { left: Number(left) },
  }),
  // Each refused guess says so; once a day is enough to know.
  [accountLocked.type]: ({ accountId }, { day }) => ({
    kind: 'account_locked',
    fields: {},
    once: `account_locked:${String(accountId)}:${day}`,
  }),
}

/** One mail for each sign-in, about the gravest of what was unusual. */
function aboutSignIn(
  fact: Fact,
  context: { deps: Deps; at: Date; locale: string },
): Notice | undefined {
  const { signals, newDevice } = fact
  const reason = REASONS.find((each) => Array.isArray(signals) && signals.includes(each))
  if (reason) {
    return { kind: 'unusual_sign_in', fields: { reason, ...whereAndWhen(fact, context) } }
  }
  if (newDevice !== true || !context.deps.tellsOfNewDevices) return undefined
  return { kind: 'new_device', fields: whereAndWhen(fact, context) }
}

/** The gravest first. */
const REASONS = ['travel', 'new_country', 'velocity'] as const

function whereAndWhen(
  { userAgent, ip }: Fact,
  { deps, at, locale }: { deps: Deps; at: Date; locale: string },
) {
  const place = deps.placeOf(textOf(ip), locale)
  return {
    device: deps.deviceName(textOf(userAgent)),
    ...(place === undefined ? {} : { place }),
    at: at.toISOString(),
    link: deps.sessionsUri,
  }
}

/** A kind of factor that a newer version of this program knows has no words here yet. */
function aboutFactor(
  kind: 'factor_added' | 'factor_removed',
  { factor }: Fact,
): Notice | undefined {
  const name = factor === 'recovery_code' ? 'recovery_codes' : factor
  const known: Factor | undefined = FACTORS.find((each) => each === name)
  return known && { kind, fields: { factor: known } }
}

/** Whoever gets an account by coming from somewhere knows where they come from. */
async function aboutIdentity(
  kind: 'identity_linked' | 'identity_unlinked',
  { connection, by }: Fact,
  { titleOf }: Deps,
): Promise<Notice | undefined> {
  const name = textOf(connection)
  if (by === 'created' || name === undefined) return undefined
  return { kind, fields: { source: await titleOf(name) } }
}

async function tell(deps: Deps, tx: Transaction, event: StoredEvent): Promise<void> {
  const noticeOf = NOTICES[event.type]
  const fact = event.data as Fact
  const { accountId, clientId } = fact
  if (!noticeOf || typeof accountId !== 'string' || !isId(accountId)) return
  const addressee = await findAddressee(tx, { accountId, clientId: String(clientId ?? '') })
  if (!addressee) return
  const client = addressee.clientName.slice(0, 200) || 'AuthCore'
  const at = event.occurredAt
  const day = at.toISOString().slice(0, 10)
  const { locale } = addressee
  const told = await noticeOf(fact, { client, deps, at, day, locale: locale ?? 'en' })
  if (!told) return
  const { once, ...notice } = told
  const key = once ?? `event:${event.id}`
  if (deps.keepsNotices) {
    await keepNotice(deps, tx, { ...notice, accountId, idempotencyKey: key } as NoticeToKeep)
  }
  const ways = [
    ...waysTo(deps, addressee, notice.kind),
    ...(await browsersOf(deps, tx, accountId, notice.kind)),
  ]
  for (const { channel, recipient } of ways) {
    await queueMessage(deps, tx, {
      ...notice,
      channel,
      recipient,
      accountId,
      locale,
      idempotencyKey: keyOf(key, { channel, recipient }),
    } as MessageToQueue<MessageKind>)
  }
}

type Way = { channel: Channel; recipient: string }

function keyOf(key: string, { channel, recipient }: Way): string {
  if (channel === 'email') return key
  return channel === 'push' ? `${key}:push:${recipient}` : `${key}:${channel}`
}

/** Beside the mail and the SMS, not in their place: a browser may be off, or gone. */
async function browsersOf(
  { channels, clock }: Deps,
  tx: Transaction,
  accountId: string,
  kind: MessageKind,
): Promise<Way[]> {
  if (!channels.has('push') || !goesBy(kind, 'push')) return []
  const ids = await listPushSubscriptionIds(tx, { accountId, now: clock.now() })
  return ids.map((recipient) => ({ channel: 'push', recipient }))
}

function goesBy(kind: MessageKind, channel: Channel): boolean {
  return (KINDS[kind].channels as readonly Channel[]).includes(channel)
}

/** Of these every address hears: whoever took one of them over should not be the only one to know. */
const TOLD_EVERYWHERE: ReadonlySet<MessageKind> = new Set([
  'factor_added',
  'factor_removed',
  'identity_linked',
  'identity_unlinked',
])

function waysTo({ channels }: Deps, { email, phone }: Addressee, kind: MessageKind): Way[] {
  const can = (channel: Channel) => channels.has(channel) && goesBy(kind, channel)
  const mail = email !== undefined && can('email')
  const ways: Way[] = mail ? [{ channel: 'email', recipient: email }] : []
  // The old number hears of another one where it is changed.
  if (phone === undefined || !can('sms') || kind === 'phone_changed') return ways
  if (!mail || TOLD_EVERYWHERE.has(kind)) ways.push({ channel: 'sms', recipient: phone })
  return ways
}
