import { countryOfPhone } from '../domain/accounts/identifier.ts'
import type { SmsFactorPolicy } from '../domain/credentials/factor_store.ts'
import { channelsOf } from '../domain/messaging/channels.ts'
import type { ConfigBeforeSecrets } from '../platform/config/schema.ts'

/** What the configuration says of SMS. */
type TextingConfig = Pick<ConfigBeforeSecrets, 'environment' | 'messaging' | 'signIn'>

/** Whether this deployment writes to the country of the number. */
export function mayTextOf({ messaging }: TextingConfig): (phone: string) => boolean {
  const { smsCountries } = messaging
  return (phone) => smsCountries.length === 0 || smsCountries.includes(countryOfPhone(phone) ?? '')
}

/** A code that cannot be sent is no factor. */
export function smsFactorOf(config: TextingConfig): SmsFactorPolicy {
  return channelsOf(config).has('sms') ? config.signIn.smsFactor : 'off'
}
