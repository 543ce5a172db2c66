import { createPublicKey } from 'node:crypto'
import { z } from 'zod'
import { durationS, integer, list, setting } from '../setting.ts'
import { webhookSecret } from '../values.ts'

/** How messages to people leave: mail by SMTP, SMS by providers, and the words they are in. */

const ADDRESS = /^[^\s<>"(),:;\\@\p{C}]+@[^\s<>"(),:;\\@\p{C}]+$/u

const address = z.string().regex(ADDRESS, { error: 'must be an address such as login@example.com' })

/** `Name <address>` or an address. */
const mailbox = z
  .string()
  .refine((text) => ADDRESS.test(/^[^<>\p{Cc}]*<([^<>]+)>$/u.exec(text)?.[1] ?? text), {
    error: 'must be an address, or a name and an address: Example <login@example.com>',
  })

const smtpUrl = z.string().refine(isSmtpUrl, {
  error:
    'must be smtp://user:password@host:587 or smtps://user:password@host:465, parts percent-encoded',
})

function isSmtpUrl(text: string): boolean {
  const url = URL.parse(text)
  if (!url || !/^smtps?:$/.test(url.protocol) || url.hostname === '') return false
  return ['', '/'].includes(url.pathname) && url.search === '' && url.hash === ''
}

function isP256(text: string): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
  } catch {
    return false
  }
}

const word = z.string().min(1).max(256)

export const messagingSection = z.strictObject({
  mailFrom: setting(mailbox.optional(), {
    env: 'AUTHCORE_MAIL_FROM',
    doc: 'Whom mails come from: an address, or `Name <address>`.',
  }),
  mailEnvelopeFrom: setting(address.optional(), {
    env: 'AUTHCORE_MAIL_ENVELOPE_FROM',
    doc: 'Where mails that cannot be delivered return to (the envelope sender).',
    defaultDoc: 'the address of AUTHCORE_MAIL_FROM',
  }),
  smtpUrls: setting(list(smtpUrl).default([]), {
    env: 'AUTHCORE_SMTP_URL',
    doc: 'The mail server: `smtps://user:password@host:465`, or `smtp://user:password@host:587`, which goes over to TLS before anything is said. Several, comma separated, are tried in this order. Name and password are percent-encoded. Its certificate is checked; AUTHCORE_OUTBOUND_CA_FILE adds an authority.',
    secret: true,
  }),
  smtpTls: setting(z.enum(['required', 'opportunistic', 'off']).default('required'), {
    env: 'AUTHCORE_SMTP_TLS',
    doc: 'What `smtp://` does: `required` sends nothing without TLS, `opportunistic` uses it where it is offered, `off` never. For a server on the same machine or network only.',
  }),
  dkimDomain: setting(word.optional(), {
    env: 'AUTHCORE_DKIM_DOMAIN',
    doc: 'Signs mails for this domain (DKIM, RFC 6376), where the mail server does not.',
  }),
  dkimSelector: setting(word.optional(), {
    env: 'AUTHCORE_DKIM_SELECTOR',
    doc: 'The selector under which the public key is in the DNS.',
  }),
  dkimKey: setting(
    z.string().includes('PRIVATE KEY', { error: 'must be a private key in PEM form' }).optional(),
    {
      env: 'AUTHCORE_DKIM_KEY',
      doc: 'The private key, PEM.',
      secret: true,
    },
  ),
  sesTopicArn: setting(
    z
      .string()
      .regex(/^arn:aws:sns:[a-z0-9-]{1,40}:\d{12}:[\w-]{1,256}$/, {
        error: 'must be a topic such as arn:aws:sns:eu-central-1:123456789012:mail',
      })
      .optional(),
    {
      env: 'AUTHCORE_SES_TOPIC_ARN',
      doc: 'The topic of Amazon SNS to which Amazon SES tells of bounces, complaints and deliveries; subscribe `<issuer>/messages/status/ses` to it.',
    },
  ),
  sendgridWebhookKey: setting(
    z.string().refine(isP256, { error: 'must be a P-256 public key: DER in base64' }).optional(),
    {
      env: 'AUTHCORE_SENDGRID_WEBHOOK_KEY',
      doc: 'The verification key of the Signed Event Webhook of SendGrid, which posts to `<issuer>/messages/status/sendgrid`.',
    },
  ),
  mailgunSigningKey: setting(word.optional(), {
    env: 'AUTHCORE_MAILGUN_SIGNING_KEY',
    doc: 'The HTTP webhook signing key at Mailgun, which posts to `<issuer>/messages/status/mailgun`.',
    secret: true,
  }),
  smsTransports: setting(list(z.enum(['hook', 'twilio', 'vonage', 'sns'])).default([]), {
    env: 'AUTHCORE_SMS_TRANSPORTS',
    doc: 'How SMS leave, tried in this order: `hook` (a program of your own), `twilio`, `vonage`, `sns`.',
  }),
  smsFrom: setting(word.optional(), {
    env: 'AUTHCORE_SMS_FROM',
    doc: 'The sender of SMS: a number such as +4930123456, a name where the country allows one, or a messaging service of Twilio.',
  }),
  smsCountries: setting(
    list(z.string().regex(/^[A-Z]{2}$/, { error: 'must be countries such as DE,FR' })).default([]),
    {
      env: 'AUTHCORE_SMS_COUNTRIES',
      doc: 'Countries (ISO 3166-1) whose numbers get SMS; empty for all. Whoever asks for codes to costly numbers by the thousand does it for money.',
    },
  ),
  smsDailyLimit: setting(integer(1, 100_000_000).optional(), {
    env: 'AUTHCORE_SMS_DAILY_LIMIT',
    doc: 'How many SMS the whole deployment sends on one day, from midnight to midnight UTC; what is asked for beyond is not sent, and nobody is told. It bounds what a night of pumped codes costs.',
    defaultDoc: 'no limit',
  }),
  smsHookUrl: setting(z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }).optional(), {
    env: 'AUTHCORE_SMS_HOOK_URL',
    doc: 'Where each SMS is posted as JSON, signed as Standard Webhooks are. An address in a private network must be in AUTHCORE_OUTBOUND_ALLOW.',
  }),
  smsHookSecret: setting(webhookSecret.optional(), {
    env: 'AUTHCORE_SMS_HOOK_SECRET',
    doc: 'What the posts are signed with, and what its reports of delivery must be signed with.',
    secret: true,
  }),
  twilioAccountSid: setting(word.optional(), {
    env: 'AUTHCORE_TWILIO_ACCOUNT_SID',
    doc: 'The account at Twilio.',
  }),
  twilioAuthToken: setting(word.optional(), {
    env: 'AUTHCORE_TWILIO_AUTH_TOKEN',
    doc: 'Its authentication token; reports of delivery are checked with it as well.',
    secret: true,
  }),
  vonageApiKey: setting(word.optional(), {
    env: 'AUTHCORE_VONAGE_API_KEY',
    doc: 'The API key at Vonage.',
  }),
  vonageApiSecret: setting(word.optional(), {
    env: 'AUTHCORE_VONAGE_API_SECRET',
    doc: 'Its secret.',
    secret: true,
  }),
  vonageSignatureSecret: setting(word.optional(), {
    env: 'AUTHCORE_VONAGE_SIGNATURE_SECRET',
    doc: 'The signature secret of the account at Vonage, by which its delivery receipts to `<issuer>/messages/status/vonage` are believed.',
    secret: true,
  }),
  snsRegion: setting(
    z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/, { error: 'must be a region such as eu-central-1' })
      .optional(),
    {
      env: 'AUTHCORE_SNS_REGION',
      doc: 'The region of Amazon SNS.',
    },
  ),
  snsAccessKeyId: setting(word.optional(), {
    env: 'AUTHCORE_SNS_ACCESS_KEY_ID',
    doc: 'An access key that may do `sns:Publish`.',
  }),
  snsSecretAccessKey: setting(word.optional(), {
    env: 'AUTHCORE_SNS_SECRET_ACCESS_KEY',
    doc: 'Its secret.',
    secret: true,
  }),
  webPush: setting(z.enum(['off', 'on']).default('off'), {
    env: 'AUTHCORE_WEB_PUSH',
    doc: 'Whether people may have notices about their account pushed to browsers that they are signed in with. The push services of the browsers learn that there was one, and nothing of what it says.',
  }),
  webPushContact: setting(
    z
      .string()
      .regex(/^(?:mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/, {
        error: 'must be an address such as mailto:operator@example.com, or a page by https',
      })
      .optional(),
    {
      env: 'AUTHCORE_WEB_PUSH_CONTACT',
      doc: 'Where the operator of a push service may turn to about our messages.',
      defaultDoc: 'the issuer',
    },
  ),
  webPushServices: setting(
    list(
      z
        .string()
        .toLowerCase()
        .regex(/^(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d{1,5})?$/, {
          error: 'must be hosts such as push.example.com or *.push.example.com',
        }),
    ).default([
      'fcm.googleapis.com',
      'updates.push.services.mozilla.com',
      'web.push.apple.com',
      '*.notify.windows.com',
    ]),
    {
      env: 'AUTHCORE_WEB_PUSH_SERVICES',
      doc: 'Hosts of push services that are called, by https: those of Chromium and Chrome, Firefox, Safari and Edge. A browser that is served by another one cannot turn notices on.',
    },
  ),
  templatesDir: setting(z.string().min(1).optional(), {
    env: 'AUTHCORE_MESSAGE_TEMPLATES',
    doc: 'A directory of own words, in files named `<kind>.<locale>.<part>`, the part `subject`, `txt`, `html`, `sms` or `push`: see docs/MESSAGES.md.',
  }),
  inboxDays: setting(integer(0, 3_650).default(90), {
    env: 'AUTHCORE_INBOX_DAYS',
    doc: 'For how many days people find the notices about their account on `/account/inbox`; 0 keeps none.',
  }),
  retentionS: setting(durationS(86_400, 366 * 86_400).default(30 * 86_400), {
    env: 'AUTHCORE_MESSAGE_RETENTION',
    doc: 'How long it is known that a message went to somebody, and what became of it. What it said is deleted when it was sent.',
  }),
})
