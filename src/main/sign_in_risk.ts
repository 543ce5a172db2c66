import { createSignInRisk } from '../domain/authentication/risk/assess_risk.ts'
import type { SignInRisk } from '../domain/authentication/risk/risk.ts'
import { channelsOf } from '../domain/messaging/channels.ts'
import type { Parts } from './compose.ts'

/** Unusual sign-ins as the configuration wants them; undefined where nobody has to look. */
export function signInRiskOf(parts: Parts): SignInRisk | undefined {
  const { config, metrics } = parts
  const { risk } = config
  const policy = {
    actions: {
      new_device: risk.newDevice,
      new_country: risk.newCountry,
      travel: risk.travel,
      velocity: risk.velocity,
    },
    historyDays: risk.historyDays,
    travel: { speedKmh: risk.travelSpeed, distanceKm: risk.travelDistance },
    velocity: { networks: risk.velocityNetworks, windowS: risk.velocityWindowS },
  }
  return createSignInRisk(
    {
      ...parts,
      policy,
      sendsMail: channelsOf(config).has('email'),
      onDetected: (signals, result) => metrics.signInRisk(signals, result),
    },
    { hasPlaces: risk.geoDatabase !== undefined },
  )
}
