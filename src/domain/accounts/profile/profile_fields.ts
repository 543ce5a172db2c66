import { isDeepStrictEqual } from 'node:util'
import type { StandardFieldName } from '../../../platform/templating/views.ts'
import type { Account } from '../account.ts'
import { standardClaims } from '../claims.ts'
import type { Attribute, Fault } from './attribute.ts'
import type { Profile } from './profile.ts'

/**
 * The profile as a form: which fields there are, what somebody typed into them, and what that means.
 * How a field looks is in `profile_field_views.ts`.
 */

/** The standard claims that people change themselves (OpenID Connect Core §5.1). */
const EDITABLE_CLAIMS = [
  ...['name', 'given_name', 'middle_name', 'family_name', 'nickname', 'gender', 'birthdate'],
  ...['locale', 'zoneinfo', 'website', 'profile', 'picture', 'address'],
] as const

/** Core §5.1.1 but `formatted`, which is the others in one text. */
export const ADDRESS_MEMBERS = [
  'street_address',
  'postal_code',
  'locality',
  'region',
  'country',
] as const
/** Without these an address that is asked for is none. */
const ADDRESS_NEEDS: ReadonlySet<string> = new Set(['street_address', 'locality', 'country'])

export type AddressMember = (typeof ADDRESS_MEMBERS)[number]

export type Field = { name: string; required: boolean } & (
  | { kind: 'claim'; claim: StandardFieldName }
  | { kind: 'address'; member: AddressMember }
  | { kind: 'attribute'; attribute: Attribute }
)

/** What fields hold as it was typed, by their names in the form. */
export type Typed = Readonly<Record<string, string>>

/** Undefined takes something away. */
export type ProfileChange = {
  claims: Record<string, unknown>
  attributes: Record<string, unknown>
}

export function claimFields(claim: string, required: boolean): Field[] {
  if (claim !== 'address') {
    return [{ kind: 'claim', name: claim, claim: claim as StandardFieldName, required }]
  }
  return ADDRESS_MEMBERS.map((member) => ({
    kind: 'address',
    name: `address_${member}`,
    member,
    required: required && ADDRESS_NEEDS.has(member),
  }))
}

export function attributeField(attribute: Attribute): Field {
  const { name, required } = attribute
  return { kind: 'attribute', name: `attribute_${name}`, attribute, required }
}

/** Everything that somebody may change at their own page. */
export function ownFields({ attributes }: Profile): Field[] {
  return [
    ...EDITABLE_CLAIMS.flatMap((claim) => claimFields(claim, false)),
    ...attributes.filter(({ edit }) => edit === 'person').map(attributeField),
  ]
}

/** What is asked of whoever makes an account. */
export function signUpFields({ attributes }: Profile): Field[] {
  return attributes.filter(({ ask }) => ask === 'sign_up').map(attributeField)
}

/** The names that a form must have, whatever stands there; boxes that are not ticked are not sent. */
export function namesOf(fields: readonly Field[]): string[] {
  return fields.flatMap((field) => (isChoices(field) ? [] : [field.name]))
}

export function optionName({ name }: Field, index: number): string {
  return `${name}_${index}`
}

/** The account as its owner would have typed it. */
export function typedOf(
  fields: readonly Field[],
  { claims, attributes }: Pick<Account, 'claims' | 'attributes'>,
): Typed {
  const address = (claims['address'] ?? {}) as Record<string, string>
  return Object.fromEntries(
    fields.flatMap((field): [string, string][] => {
      if (field.kind === 'claim') return [[field.name, String(claims[field.claim] ?? '')]]
      if (field.kind === 'address') return [[field.name, address[field.member] ?? '']]
      const value = attributes[field.attribute.name]
      if (field.attribute.kind !== 'choices') return [[field.name, String(value ?? '')]]
      const chosen = Array.isArray(value) ? value : []
      return field.attribute.options.flatMap((option, i) =>
        chosen.includes(option.value) ? [[optionName(field, i), 'yes'] as [string, string]] : [],
      )
    }),
  )
}

export type FieldsReading = { change: ProfileChange; faults: ReadonlyMap<string, Fault> }

/**
 * What was typed, as values, and what is wrong with it by the name of the field.
 *
 * @param before the claims as they are: an address that nobody touched keeps its `formatted`
 */
export function readFields(
  profile: Profile,
  fields: readonly Field[],
  typed: Typed,
  before: Record<string, unknown> = {},
): FieldsReading {
  const faults = new Map<string, Fault>()
  const change: ProfileChange = { claims: {}, attributes: {} }
  const address: Record<string, string> = {}
  for (const field of fields) {
    const text = (typed[field.name] ?? '').replaceAll('\r\n', '\n').trim()
    const { value, fault } = readField(profile, field, text, typed)
    if (fault) faults.set(field.name, fault)
    else if (value === undefined && field.required) faults.set(field.name, { kind: 'required' })
    if (field.kind === 'claim') change.claims[field.claim] = value
    else if (field.kind === 'attribute') change.attributes[field.attribute.name] = value
    else if (text !== '') address[field.member] = text
  }
  if (fields.some(({ kind }) => kind === 'address')) {
    change.claims['address'] = addressOf(address, before['address'])
  }
  return { change, faults }
}

type Read = { value?: unknown; fault?: Fault | undefined }

function readField(profile: Profile, field: Field, text: string, typed: Typed): Read {
  if (field.kind === 'attribute') {
    const value = typedValue(field, text, typed)
    if (value === undefined) return {}
    return { value, fault: profile.faultOf(field.attribute, value) }
  }
  if (text === '') return {}
  const acceptable =
    field.kind === 'claim'
      ? standardClaims.shape[field.claim].safeParse(text).success
      : standardClaims.shape.address.safeParse({ [field.member]: text }).success
  return { value: text, fault: acceptable ? undefined : { kind: 'invalid' } }
}

/** What is none of its kind stays text, which the schema refuses. */
function typedValue(field: Field & { kind: 'attribute' }, text: string, typed: Typed): unknown {
  const { kind, options } = field.attribute
  if (kind === 'choices') {
    const chosen = options.filter((_, i) => typed[optionName(field, i)] !== undefined)
    return chosen.length > 0 ? chosen.map(({ value }) => value) : undefined
  }
  if (text === '') return undefined
  if (kind === 'yes_no') return text === 'true' || (text === 'false' ? false : text)
  if (kind === 'number')
    return /^[+-]?\d{1,15}(?:[.,]\d{1,15})?$/.test(text) ? Number(text.replace(',', '.')) : text
  return text
}

function isChoices(field: Field): boolean {
  return field.kind === 'attribute' && field.attribute.kind === 'choices'
}

/** `formatted` says what the other members say: where one of them changes it would say the old. */
function addressOf(typed: Record<string, string>, before: unknown): unknown {
  const { formatted: _, ...known } = (before ?? {}) as Record<string, unknown>
  if (isDeepStrictEqual(typed, known)) return before
  return Object.keys(typed).length > 0 ? typed : undefined
}
