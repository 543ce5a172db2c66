import type { ConfigBeforeSecrets } from '../../platform/config/schema.ts'
import type { Channel } from './kinds.ts'

/**
 * The ways by which messages can leave this deployment. Outside production mail and SMS do: where
 * nothing is configured, the development inbox has them. What needs a way that is not there is not
 * offered.
 */
export function channelsOf({
  environment,
  messaging,
}: Pick<ConfigBeforeSecrets, 'environment' | 'messaging'>): ReadonlySet<Channel> {
  const developing = environment !== 'production'
  return new Set<Channel>([
    ...(developing || messaging.smtpUrls.length > 0 ? (['email'] as const) : []),
    ...(developing || messaging.smsTransports.length > 0 ? (['sms'] as const) : []),
    ...(messaging.webPush === 'on' ? (['push'] as const) : []),
  ])
}
