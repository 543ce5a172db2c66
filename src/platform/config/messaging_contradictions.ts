import type { ConfigFault } from './config_error.ts'
import type { ConfigBeforeSecrets } from './schema.ts'

/** What the settings for messages may not be together. */

type Rule = (config: ConfigBeforeSecrets) => ConfigFault | false
type Messaging = ConfigBeforeSecrets['messaging']

const SMS_NEEDS = {
  hook: { smsHookUrl: 'AUTHCORE_SMS_HOOK_URL', smsHookSecret: 'AUTHCORE_SMS_HOOK_SECRET' },
  twilio: {
    twilioAccountSid: 'AUTHCORE_TWILIO_ACCOUNT_SID',
    twilioAuthToken: 'AUTHCORE_TWILIO_AUTH_TOKEN',
    smsFrom: 'AUTHCORE_SMS_FROM',
  },
  vonage: {
    vonageApiKey: 'AUTHCORE_VONAGE_API_KEY',
    vonageApiSecret: 'AUTHCORE_VONAGE_API_SECRET',
    smsFrom: 'AUTHCORE_SMS_FROM',
  },
  sns: {
    snsRegion: 'AUTHCORE_SNS_REGION',
    snsAccessKeyId: 'AUTHCORE_SNS_ACCESS_KEY_ID',
    snsSecretAccessKey: 'AUTHCORE_SNS_SECRET_ACCESS_KEY',
  },
} as const

const smsTransportNeeds =
  (transport: keyof typeof SMS_NEEDS): Rule =>
  ({ messaging }) => {
    if (!messaging.smsTransports.includes(transport)) return false
    const missing = Object.entries(SMS_NEEDS[transport])
      .filter(([name]) => messaging[name as keyof Messaging] === undefined)
      .map(([, env]) => env)
    return (
      missing.length > 0 && {
        key: 'AUTHCORE_SMS_TRANSPORTS',
        problem: `names ${transport} while ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing`,
        remedy: `Set ${missing.length > 1 ? 'them' : 'it'}, or leave ${transport} out.`,
      }
    )
  }

const dkim = ({ dkimDomain, dkimSelector, dkimKey }: Messaging) => [
  dkimDomain,
  dkimSelector,
  dkimKey,
]

export const MESSAGING_RULES: readonly Rule[] = [
  ({ messaging }) =>
    messaging.smtpUrls.length > 0 &&
    messaging.mailFrom === undefined && {
      key: 'AUTHCORE_MAIL_FROM',
      problem: 'is missing while AUTHCORE_SMTP_URL is set',
      remedy: 'Set it to the address that mails come from.',
    },
  ({ messaging }) =>
    messaging.smtpUrls.length === 0 &&
    dkim(messaging).some((part) => part !== undefined) && {
      key: 'AUTHCORE_DKIM_DOMAIN, AUTHCORE_DKIM_SELECTOR, AUTHCORE_DKIM_KEY',
      problem: 'are set without AUTHCORE_SMTP_URL',
      remedy: 'Set AUTHCORE_SMTP_URL, or remove them.',
    },
  ({ messaging }) =>
    ![0, 3].includes(dkim(messaging).filter((part) => part !== undefined).length) && {
      key: 'AUTHCORE_DKIM_DOMAIN, AUTHCORE_DKIM_SELECTOR, AUTHCORE_DKIM_KEY',
      problem: 'are not all there',
      remedy: 'Set all three, or none.',
    },
  ({ messaging }) =>
    messaging.smtpTls !== 'required' &&
    messaging.smtpUrls.some((url) => /^smtp:/i.test(url) && URL.parse(url)?.username) && {
      key: 'AUTHCORE_SMTP_TLS',
      problem: `is ${messaging.smtpTls} while AUTHCORE_SMTP_URL has a password, which would be read on the way`,
      remedy: 'Set it to required, or use smtps://.',
    },
  smsTransportNeeds('hook'),
  smsTransportNeeds('twilio'),
  smsTransportNeeds('vonage'),
  smsTransportNeeds('sns'),
]
