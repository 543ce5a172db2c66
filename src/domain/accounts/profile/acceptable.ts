import { standardClaims } from '../claims.ts'
import type { Profile } from './profile.ts'
import type { ProfileChange } from './profile_fields.ts'

/**
 * Of what another system tells of somebody, what an account of ours may have: nobody is kept out for a
 * birthdate in another form, or an attribute that this deployment does not know.
 */
export function acceptableOf(
  profile: Profile,
  told: { claims: Record<string, unknown>; attributes: Record<string, unknown> },
): ProfileChange {
  const fields = standardClaims.shape as Record<string, { safeParse(value: unknown): Parsed }>
  const attributes = new Map(profile.attributes.map((each) => [each.name, each]))
  return {
    claims: only(told.claims, (name, value) => fields[name]?.safeParse(value).success === true),
    attributes: only(told.attributes, (name, value) => {
      const attribute = attributes.get(name)
      return attribute !== undefined && profile.faultOf(attribute, value) === undefined
    }),
  }
}

type Parsed = { success: boolean }

function only(
  values: Record<string, unknown>,
  fits: (name: string, value: unknown) => boolean,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([name, value]) => value !== undefined && Object.hasOwn(values, name) && fits(name, value),
    ),
  )
}
