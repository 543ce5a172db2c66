import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../core/clock.ts'
import type { Channel } from '../domain/messaging/kinds.ts'
import { loadOverrides } from '../domain/messaging/overrides.ts'
import { forgetEndpoint } from '../domain/messaging/push/push_subscription.ts'
import { findPushSubscription } from '../domain/messaging/push/push_subscription_store.ts'
import { deriveVapidKey, type VapidKey } from '../domain/messaging/push/vapid_key.ts'
import { createMessageRenderer, type RenderMessage } from '../domain/messaging/render_message.ts'
import type { Request } from '../domain/messaging/transports/http_transport.ts'
import { createInbox } from '../domain/messaging/transports/inbox.ts'
import { createSmsHook } from '../domain/messaging/transports/sms_hook.ts'
import { createSmtpTransport, type WrittenHeader } from '../domain/messaging/transports/smtp.ts'
import { createSns } from '../domain/messaging/transports/sns.ts'
import type { Transport } from '../domain/messaging/transports/transport.ts'
import { createTransports, type Transports } from '../domain/messaging/transports/transports.ts'
import { createTwilio } from '../domain/messaging/transports/twilio.ts'
import { createVonage } from '../domain/messaging/transports/vonage.ts'
import { createWebPush } from '../domain/messaging/transports/web_push.ts'
import type { ConfigBeforeSecrets } from '../platform/config/schema.ts'
import type { Keyring } from '../platform/keys/keyring.ts'
import type { Db } from '../platform/persistence/db.ts'
import { loadCatalogue } from '../platform/templating/catalogue.ts'
import { createRenderer, type Renderer } from '../platform/templating/strict_eta.ts'
import { statusPath } from '../surfaces/message_status/paths.ts'

/** Messages as the configuration wants them: the ways out in their order, and the words. */

type MessagingConfig = Pick<
  ConfigBeforeSecrets,
  'environment' | 'messaging' | 'security' | 'server'
>

const VIEWS = fileURLToPath(new URL('../../views', import.meta.url))

/** The views and words of pages and mails, in the deployment's look. */
export function rendererOf({ brand }: Pick<ConfigBeforeSecrets, 'brand'>): Renderer {
  const { name, logoUri, accent, accentDark } = brand
  return createRenderer({
    viewsDir: VIEWS,
    locales: loadCatalogue(join(VIEWS, 'locales')),
    brand: { name, logoUri, colors: { light: { accent }, dark: { accent: accentDark } } },
  })
}

export function messageRendererOf(config: MessagingConfig, renderer: Renderer): RenderMessage {
  return createMessageRenderer({
    renderer,
    issuer: config.server.issuer,
    overrides: loadOverrides(config.messaging.templatesDir),
  })
}

/** @param push what pushing takes; nothing is pushed without */
export function transportsOf(
  config: MessagingConfig,
  deps: { request: Request; clock: Clock; push?: { db: Db; keyring: Keyring } },
): Transports {
  const configured = [...mailTransports(config), ...smsTransports(config, deps)]
  const push = deps.push ? pushTransports(config, { ...deps, ...deps.push }) : []
  return createTransports(deps.clock, [...configured, ...inboxes(config, configured), ...push])
}

function pushTransports(
  { messaging, server }: MessagingConfig,
  { request, clock, ...place }: { request: Request; clock: Clock; db: Db; keyring: Keyring },
): Transport[] {
  if (messaging.webPush === 'off') return []
  const { db, keyring } = place
  return [
    createWebPush({
      request,
      clock,
      key: vapidKeyOf(keyring),
      contact: messaging.webPushContact ?? server.issuer,
      find: (id) => findPushSubscription(db, keyring, { id, now: clock.now() }),
      forget: (endpoint) => forgetEndpoint(place, endpoint),
    }),
  ]
}

/** Derived once, where somebody asks for it. */
export function vapidKeyOf(keyring: Keyring): () => VapidKey {
  let key: VapidKey | undefined
  return () => {
    key ??= deriveVapidKey(keyring)
    return key
  }
}

/** Outside production, what has no way out arrives in the development inbox only. */
function inboxes({ environment }: MessagingConfig, configured: readonly Transport[]): Transport[] {
  if (environment === 'production') return []
  return (['email', 'sms'] as const)
    .filter((channel: Channel) => configured.every((transport) => transport.channel !== channel))
    .map(createInbox)
}

function mailTransports({ messaging, security }: MessagingConfig): Transport[] {
  const { smtpUrls, smtpTls: tls, mailFrom, mailEnvelopeFrom: envelopeFrom } = messaging
  if (smtpUrls.length === 0) return []
  const ca = security.outboundCaFile ? readFileSync(security.outboundCaFile, 'utf8') : undefined
  const dkim = dkimOf(messaging)
  return smtpUrls.map((url, index) =>
    createSmtpTransport({
      name: index === 0 ? 'smtp' : `smtp_${index + 1}`,
      url,
      tls,
      from: mailFrom!,
      envelopeFrom,
      dkim,
      headersOf: messaging.sendgridWebhookKey ? sendgridArguments : undefined,
      ca,
    }),
  )
}

/** SendGrid repeats these in each event about the mail. */
function sendgridArguments(messageId: string): Record<string, WrittenHeader> {
  const value = JSON.stringify({ unique_args: { authcore_message: messageId } })
  return { 'X-SMTPAPI': { prepared: true, value } }
}

function dkimOf({ dkimDomain, dkimSelector, dkimKey }: MessagingConfig['messaging']) {
  if (dkimDomain === undefined) return undefined
  return { domainName: dkimDomain, keySelector: dkimSelector!, privateKey: dkimKey! }
}

/** What each needs is there: `messaging_contradictions.ts` has seen to it. */
function smsTransports(
  { messaging, server }: MessagingConfig,
  { request, clock }: { request: Request; clock: Clock },
): Transport[] {
  const { smsFrom: from } = messaging
  const make = {
    hook: () =>
      createSmsHook({
        request,
        clock,
        url: messaging.smsHookUrl!,
        secret: messaging.smsHookSecret!,
      }),
    twilio: () =>
      createTwilio({
        request,
        accountSid: messaging.twilioAccountSid!,
        authToken: messaging.twilioAuthToken!,
        from: from!,
        statusUri: (id) => `${server.issuer}${statusPath('twilio')}?message=${id}`,
      }),
    vonage: () =>
      createVonage({
        request,
        apiKey: messaging.vonageApiKey!,
        apiSecret: messaging.vonageApiSecret!,
        from: from!,
        statusUri: messaging.vonageSignatureSecret && vonageStatusUri(server.issuer),
      }),
    sns: () =>
      createSns({
        request,
        region: messaging.snsRegion!,
        accessKeyId: messaging.snsAccessKeyId!,
        secretAccessKey: messaging.snsSecretAccessKey!,
        from,
      }),
  }
  return messaging.smsTransports.map((name) => make[name]())
}

/** Vonage takes an address of up to 100 characters with a message, and a longer one in its dashboard. */
function vonageStatusUri(issuer: string): string | undefined {
  const uri = `${issuer}${statusPath('vonage')}`
  return uri.length > 100 ? undefined : uri
}
