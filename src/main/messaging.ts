import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../core/clock.ts'
import type { Channel } from '../domain/messaging/kinds.ts'
import { loadOverrides } from '../domain/messaging/overrides.ts'
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
import type { ConfigBeforeSecrets } from '../platform/config/schema.ts'
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

export function transportsOf(
  config: MessagingConfig,
  deps: { request: Request; clock: Clock },
): Transports {
  const configured = [...mailTransports(config), ...smsTransports(config, deps)]
  return createTransports(deps.clock, [...configured, ...inboxes(config, configured)])
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
