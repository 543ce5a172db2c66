import type { ConfigBeforeSecrets } from '../../platform/config/schema.ts'
import type { Channel } from './kinds.ts'

/**
 * The ways by which messages can leave this deployment. Outside production both do: where nothing
 * is configured, the development inbox has them. What needs a way that is not there is not offered.
 */
export function channelsOf({
  environment,
  messaging,
}: Pick<ConfigBeforeSecrets, 'environment' | 'messaging'>): ReadonlySet<Channel> {
  if (environment !== 'production') return new Set(['email', 'sms'])
  return new Set<Channel>([
    ...(messaging.smtpUrls.length > 0 ? (['email'] as const) : []),
    ...(messaging.smsTransports.length > 0 ? (['sms'] as const) : []),
  ])
}
