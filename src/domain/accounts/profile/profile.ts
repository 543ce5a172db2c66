import { DomainError } from '../../../core/errors.ts'
import type { Attribute, Fault, OwnScope } from './attribute.ts'

/**
 * What this deployment keeps and asks of people: attributes of its own, and the standard claims that
 * it wants to know. `load_profile.ts` makes it at the start.
 */
export type Profile = {
  attributes: readonly Attribute[]
  scopes: readonly OwnScope[]
  /** Standard claims that are asked for after the sign-in. */
  asked: readonly AskedClaim[]
  /** Undefined where the value is one that this attribute may have. */
  faultOf(attribute: Attribute, value: unknown): Fault | undefined
}

export type AskedClaim = { claim: string; required: boolean }

/** Where nothing is configured. */
export const PLAIN_PROFILE: Profile = {
  attributes: [],
  scopes: [],
  asked: [],
  faultOf: () => undefined,
}

const ATTRIBUTES_MAX_BYTES = 16_384

/**
 * Values as an operator gives them: every one is of the schema. None is missing for that, since its
 * person can be asked.
 *
 * @throws DomainError `invalid_input` naming the first attribute that is not acceptable, never a value
 */
export function parseAttributes(
  profile: Profile,
  values: Record<string, unknown>,
): Record<string, unknown> {
  for (const [name, value] of Object.entries(values)) {
    const attribute = profile.attributes.find((each) => each.name === name)
    if (!attribute) throw unacceptable(name, 'is not in the schema of this deployment')
    const fault = profile.faultOf(attribute, value)
    if (fault) throw unacceptable(name, `does not fit the schema (${fault.kind})`)
  }
  assertSmall(values)
  return values
}

function unacceptable(name: string, why: string): DomainError {
  return new DomainError('invalid_input', `The attribute ${name} is not acceptable.`, {
    hint: `${name} ${why}`,
  })
}

/** @throws DomainError `too_large` */
export function assertSmall(attributes: Record<string, unknown>): void {
  if (Buffer.byteLength(JSON.stringify(attributes)) > ATTRIBUTES_MAX_BYTES) {
    throw new DomainError('too_large', 'The attributes are larger than 16 kB together.')
  }
}

/** What applications may be told, by the names of its claims. */
export function attributeClaims(
  { attributes: known }: Profile,
  values: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(
    known.flatMap(({ name, claim }) =>
      claim && values[name] !== undefined ? [[claim.name, values[name]]] : [],
    ),
  )
}

/** The scope that releases a claim of the deployment. */
export function scopeOfClaim({ attributes }: Profile, name: string): string | undefined {
  return attributes.find(({ claim }) => claim?.name === name)?.claim?.scope
}
