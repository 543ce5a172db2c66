import type { Clock } from '../../../core/clock.ts'
import { shortened } from '../../../core/text.ts'
import { KINDS, type MessageKind } from '../kinds.ts'
import type { PushSubscription } from '../push/push_subscription.ts'
import type { VapidKey } from '../push/vapid_key.ts'
import { post, type Request } from './http_transport.ts'
import type { Outgoing, SendOutcome, Transport } from './transport.ts'

/** Push services show nothing of a longer one, and take 4096 octets at most (RFC 8291 §4). */
const TEXT_MAX = 500

/** Worth waking a telephone for (RFC 8030 §5.3). */
const URGENT: ReadonlySet<MessageKind> = new Set([
  'approval_requested',
  'unusual_sign_in',
  'new_device',
])

/**
 * A push message to one browser: encrypted for it alone (RFC 8291), and signed with the key that it
 * was subscribed for (RFC 8292). The `Topic` is our id, so that a second one takes the place of the
 * first where the browser was not reached yet.
 */
export function createWebPush({
  request,
  clock,
  key,
  contact,
  find,
  forget,
}: {
  request: Request
  clock: Clock
  /** Derived at first use. */
  key: () => VapidKey
  /** Whom a push service may write to about us: `mailto:` or `https:` (RFC 8292 §2.1). */
  contact: string
  find(id: string): Promise<PushSubscription | undefined>
  /** The push service knows the browser no more. */
  forget(endpoint: string): Promise<void>
}): Transport {
  return {
    name: 'web_push',
    channel: 'push',
    async send(outgoing, signal) {
      const subscription = await find(outgoing.to)
      if (!subscription) return { kind: 'rejected', reason: 'the browser is signed out' }
      const { headers, body } = await sealedFor(subscription, outgoing, {
        ...key(),
        clock,
        contact,
      })
      const input = { url: subscription.endpoint, headers, body, signal }
      const outcome = await post(request, input, () => ({ kind: 'accepted' }), endOf)
      if (outcome === GONE) await forget(subscription.endpoint)
      return outcome
    },
  }
}

const GONE: SendOutcome = { kind: 'rejected', reason: 'the browser is gone' }

/** RFC 8030 §7.3 has 410 for a subscription that ended; push services answer 404 as well. */
function endOf(status: number): SendOutcome | undefined {
  return status === 404 || status === 410 ? GONE : undefined
}

async function sealedFor(
  { endpoint, p256dh, auth }: PushSubscription,
  outgoing: Outgoing,
  { clock, contact, publicKey, privateKey }: VapidKey & { clock: Clock; contact: string },
) {
  const { id, kind, subject, text, uri } = outgoing
  const { buildPushPayload } = await import('@block65/webcrypto-web-push')
  return await buildPushPayload(
    {
      data: JSON.stringify({ title: subject, body: shortened(text, TEXT_MAX), uri, tag: id }),
      options: {
        ttl: ttlOf(outgoing, clock.now()),
        topic: id.replaceAll('-', ''),
        urgency: URGENT.has(kind) ? 'high' : 'normal',
      },
    },
    { endpoint, expirationTime: null, keys: { p256dh, auth } },
    { subject: contact, publicKey, privateKey },
  )
}

/** Seconds that a push service may keep it for: as long as it is worth delivering. */
function ttlOf({ kind, expiresAt }: Outgoing, now: Date): number {
  if (!expiresAt) return KINDS[kind].lifetimeS
  return Math.max(1, Math.floor((expiresAt.getTime() - now.getTime()) / 1000))
}
