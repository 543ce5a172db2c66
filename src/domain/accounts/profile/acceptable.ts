import { standardClaims } from '../claims.ts'
import type { Profile } from './profile.ts'
import type { ProfileChange } from './profile_fields.ts'

/**
 * Of what another system tells of somebody, what an account of ours may have: nobody is kept out for a
 * birthdate in another form, or an attribute that this deployment does not know. What the rules of a
 * connection speak of ends with it: somebody who has left a team there is not in it here.
 */
export function acceptableOf(
  profile: Profile,
  told: {
    claims: Record<string, unknown>
    attributes: Record<string, unknown>
    ruledClaims: readonly string[]
  },
): ProfileChange {
  const fields = standardClaims.shape as Record<string, { safeParse(value: unknown): Parsed }>
  const attributes = new Map(profile.attributes.map((each) => [each.name, each]))
  const ruled = new Set(told.ruledClaims)
  const claims = Object.entries(told.claims).flatMap(([name, value]): Pair[] => {
    if (!Object.hasOwn(fields, name)) return []
    if (value !== undefined && fields[name]!.safeParse(value).success) return [[name, value]]
    return ruled.has(name) ? [[name, undefined]] : []
  })
  const own = Object.entries(told.attributes).flatMap(([name, value]): Pair[] => {
    const attribute = attributes.get(name)
    if (!attribute) return []
    const fits = value !== undefined && profile.faultOf(attribute, value) === undefined
    return [[name, fits ? value : undefined]]
  })
  return { claims: Object.fromEntries(claims), attributes: Object.fromEntries(own) }
}

type Pair = [name: string, value: unknown]
type Parsed = { success: boolean }
