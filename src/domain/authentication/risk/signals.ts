import type { Point } from '../../../platform/places/place.ts'
import type { SeenPlace } from '../../sessions/sign_in_place_store.ts'

/**
 * What makes a sign-in unusual, told by what was seen of the account before. Each is a hint and no
 * proof: addresses are where their networks say, and a VPN is where it likes to be.
 */
export const SIGNALS = ['travel', 'new_country', 'velocity', 'new_device'] as const
export type Signal = (typeof SIGNALS)[number]

/** What a signal leads to. `factor` tells the owner as `notify` does, and asks for a proof besides. */
export type RiskAction = 'off' | 'notify' | 'factor'

export type RiskPolicy = {
  actions: Readonly<Record<Signal, RiskAction>>
  /** How long a country is known. */
  historyDays: number
  travel: { speedKmh: number; distanceKm: number }
  velocity: { networks: number; windowS: number }
}

export type SignInSeen = {
  now: Date
  /** The account was signed in to before. */
  returning: boolean
  /** This browser signed in to the account before. */
  knownDevice: boolean
  /** In hex; undefined where the address is not known. */
  network: string | undefined
  country: string | undefined
  point: Point | undefined
  before: readonly SeenPlace[]
}

/** Those that are there and not switched off, the gravest first; none at the first sign-in of all. */
export function signalsOf(seen: SignInSeen, policy: RiskPolicy): Signal[] {
  if (!seen.returning) return []
  return SIGNALS.filter((name) => policy.actions[name] !== 'off' && CHECKS[name](seen, policy))
}

const CHECKS: Readonly<Record<Signal, (seen: SignInSeen, policy: RiskPolicy) => boolean>> = {
  new_device: ({ knownDevice }) => !knownDevice,
  new_country: isNewCountry,
  travel: isTravel,
  velocity: isVelocity,
}

/** Where no country was ever seen, none can be new. */
function isNewCountry({ now, country, before }: SignInSeen, { historyDays }: RiskPolicy): boolean {
  const since = now.getTime() - historyDays * 86_400_000
  const known = before.flatMap((place) =>
    place.country && place.signedInAt && place.signedInAt.getTime() > since ? place.country : [],
  )
  return country !== undefined && known.length > 0 && !known.includes(country)
}

/** As the crow flies, with what either place may be off taken away: the benefit of the doubt. */
function isTravel({ now, point, before }: SignInSeen, { travel }: RiskPolicy): boolean {
  const last = before
    .filter((place) => place.point && place.signedInAt)
    .sort((a, b) => b.signedInAt!.getTime() - a.signedInAt!.getTime())[0]
  if (!point || !last?.point || !last.signedInAt) return false
  const km = distanceKm(point, last.point) - point.radiusKm - last.point.radiusKm
  const hours = Math.max(now.getTime() - last.signedInAt.getTime(), 1_000) / 3_600_000
  return km >= travel.distanceKm && km / hours > travel.speedKmh
}

function isVelocity({ now, network, before }: SignInSeen, { velocity }: RiskPolicy): boolean {
  const since = now.getTime() - velocity.windowS * 1000
  const recent = before.filter(({ triedAt }) => triedAt.getTime() > since)
  const networks = new Set(recent.map((place) => place.network))
  if (network !== undefined) networks.add(network)
  return networks.size >= velocity.networks
}

const EARTH_KM = 6371

/** Great-circle distance (haversine). */
export function distanceKm(a: Point, b: Point): number {
  const rad = (degrees: number) => (degrees * Math.PI) / 180
  const half =
    Math.sin(rad(b.latitude - a.latitude) / 2) ** 2 +
    Math.cos(rad(a.latitude)) *
      Math.cos(rad(b.latitude)) *
      Math.sin(rad(b.longitude - a.longitude) / 2) ** 2
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(half)))
}
