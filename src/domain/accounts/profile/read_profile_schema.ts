import { z } from 'zod'
import { isOwnScope, OWN_SCOPE_FORM } from '../../../core/own_scope.ts'
import { LOCALES } from '../../../platform/templating/i18n.ts'
import type { Attribute, OwnScope, Words } from './attribute.ts'
import { isReservedClaim } from './reserved_claims.ts'
import { patternFault } from './safe_pattern.ts'

/**
 * A deployment's schema of a profile, from JSON Schema 2020-12 to attributes. Of JSON Schema it takes
 * what a form can ask and a claim can say; whatever else stands there is a fault and not ignored, for
 * a rule that nobody keeps is worse than none.
 */

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'
const ATTRIBUTES_MAX = 50
const TEXT_MAX = 1_000
const LENGTH = 255
/** A form has a field for each of several choices. */
const OPTIONS_MAX = 50

const words = z.string().min(1).max(500)
const translations = z.partialRecord(z.enum(LOCALES), words)
const option = z
  .string()
  .regex(/^[^\p{C}]{1,100}$/u, { error: 'must have 1 to 100 printable characters' })
const options = z
  .array(option)
  .min(1)
  .max(OPTIONS_MAX)
  .refine((values) => new Set(values).size === values.length, { error: 'names something twice' })
const length = z.int().min(0).max(TEXT_MAX)

const ours = z.strictObject({
  ask: z.enum(['sign_up', 'after_sign_in', 'profile_only']).default('profile_only'),
  edit: z.enum(['person', 'operator']).default('person'),
  claim: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_:./-]{0,99}$/, { error: 'must be the name of a claim' })
    .refine((name) => !isReservedClaim(name), {
      error: 'has a meaning of its own in tokens: choose another name',
    })
    .optional(),
  scope: z
    .string()
    .refine((name) => name === 'profile' || isOwnScope(name), {
      error: `must be profile, or ${OWN_SCOPE_FORM}`,
    })
    .optional(),
  titles: translations.optional(),
  descriptions: translations.optional(),
  enumTitles: z.record(z.string(), translations.or(words)).optional(),
})

const annotations = {
  title: words,
  description: words.optional(),
  $comment: z.string().optional(),
  'x-authcore': ours.prefault({}),
}

const property = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('string'),
    minLength: length.optional(),
    maxLength: length.min(1).optional(),
    pattern: z.string().optional(),
    format: z.enum(['date', 'email', 'uri']).optional(),
    enum: options.optional(),
    ...annotations,
  }),
  z.strictObject({ type: z.literal('boolean'), ...annotations }),
  z.strictObject({
    type: z.enum(['integer', 'number']),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    ...annotations,
  }),
  z.strictObject({
    type: z.literal('array'),
    items: z.strictObject({ type: z.literal('string'), enum: options }),
    uniqueItems: z.literal(true).optional(),
    minItems: z.int().min(0).max(OPTIONS_MAX).optional(),
    maxItems: z.int().min(1).max(OPTIONS_MAX).optional(),
    ...annotations,
  }),
])
type Property = z.output<typeof property>

const document = z.strictObject({
  $schema: z.literal(DIALECT).optional(),
  $id: z.string().optional(),
  $comment: z.string().optional(),
  title: z.string().optional(),
  description: z.string().optional(),
  type: z.literal('object'),
  properties: z.record(
    z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, {
      error: 'must be named in lower case letters, digits and underscores',
    }),
    property,
  ),
  required: z.array(z.string()).default([]),
  additionalProperties: z.literal(false).optional(),
  'x-authcore': z
    .strictObject({
      scopes: z
        .record(
          z.string().refine(isOwnScope, { error: `must be ${OWN_SCOPE_FORM}` }),
          z.strictObject({
            title: words,
            description: words.optional(),
            titles: translations.optional(),
            descriptions: translations.optional(),
          }),
        )
        .default({}),
    })
    .default({ scopes: {} }),
})
type Document = z.output<typeof document>

export type ProfileSchema = { attributes: Attribute[]; scopes: OwnScope[] }
/** Each fault with the place where it stands, such as `properties.badge.pattern must begin with ^`. */
export type SchemaReading =
  | { kind: 'ok'; schema: ProfileSchema }
  | { kind: 'bad'; faults: string[] }

/** @param json as it was parsed */
export function readProfileSchema(json: unknown): SchemaReading {
  const parsed = document.safeParse(json)
  if (!parsed.success) return { kind: 'bad', faults: parsed.error.issues.map(describe) }
  const faults = faultsOf(parsed.data)
  if (faults.length > 0) return { kind: 'bad', faults }
  const attributes = Object.entries(parsed.data.properties).map(([name, property]) =>
    attributeOf(name, property, parsed.data.required.includes(name)),
  )
  const scopes = Object.entries(parsed.data['x-authcore'].scopes).map(([name, scope]) => ({
    name,
    titles: wordsOf(scope.title, scope.titles),
    descriptions: wordsOf(scope.description, scope.descriptions),
  }))
  return { kind: 'ok', schema: { attributes, scopes } }
}

function describe(issue: z.core.$ZodIssue): string {
  const [nested] = issue.code === 'invalid_key' ? issue.issues : []
  const path = issue.path.map(String).join('.') || 'the schema'
  if (issue.code !== 'unrecognized_keys') return `${path}: ${nested?.message ?? issue.message}`
  return `${path}: ${issue.keys.join(', ')} is not supported`
}

/** What is right for itself, and not beside the rest. */
function faultsOf({ properties, required, 'x-authcore': { scopes } }: Document): string[] {
  const entries = Object.entries(properties)
  const claims = entries.map(
    ([
      ,
      {
        'x-authcore': { claim },
      },
    ]) => claim,
  )
  return [
    ...(entries.length > ATTRIBUTES_MAX ? [`properties: has more than ${ATTRIBUTES_MAX}`] : []),
    ...required
      .filter((name) => !Object.hasOwn(properties, name))
      .map((name) => `required: ${name} is not among the properties`),
    ...entries.flatMap(([name, property], i) => {
      const { claim, scope, ask, edit } = property['x-authcore']
      const at = (place: string, fault: string) => `properties.${name}.${place}: ${fault}`
      const own = 'x-authcore'
      return [
        ...(scope !== undefined && claim === undefined
          ? [at(`${own}.scope`, 'releases nothing without a claim')]
          : []),
        ...(scope !== undefined && scope !== 'profile' && !Object.hasOwn(scopes, scope)
          ? [at(`${own}.scope`, `has no words: describe ${scope} in ${own}.scopes of the schema`)]
          : []),
        ...(claim !== undefined && claims.indexOf(claim) !== i
          ? [at(`${own}.claim`, 'is the claim of another property')]
          : []),
        ...(edit === 'operator' && ask !== 'profile_only'
          ? [at(`${own}.ask`, 'asks people for what only operators set')]
          : []),
        ...(edit === 'operator' && required.includes(name)
          ? [`required: ${name} is set by operators, so nobody can be asked for it`]
          : []),
        ...faultsOfType(property).map(([place, fault]) => at(place, fault)),
      ]
    }),
  ]
}

function faultsOfType(property: Property): [place: string, fault: string][] {
  switch (property.type) {
    case 'string': {
      const { minLength = 0, maxLength = LENGTH, pattern } = property
      const fault = pattern === undefined ? undefined : patternFault(pattern, maxLength)
      return [
        ...(minLength > maxLength ? [pair('minLength', 'is more than maxLength')] : []),
        ...(fault === undefined ? [] : [pair('pattern', fault)]),
        ...unknownTitles(property, property.enum ?? []),
      ]
    }
    case 'integer':
    case 'number': {
      const { minimum = -Infinity, maximum = Infinity } = property
      return minimum > maximum ? [pair('minimum', 'is more than maximum')] : []
    }
    case 'array': {
      const { minItems = 0, maxItems = OPTIONS_MAX, items } = property
      return [
        ...(minItems > Math.min(maxItems, items.enum.length)
          ? [pair('minItems', 'is more than there can be')]
          : []),
        ...unknownTitles(property, items.enum),
      ]
    }
    default:
      return []
  }
}

function pair(place: string, fault: string): [string, string] {
  return [place, fault]
}

function unknownTitles(property: Property, values: readonly string[]): [string, string][] {
  return Object.keys(property['x-authcore'].enumTitles ?? {})
    .filter((value) => !values.includes(value))
    .map((value) => pair('x-authcore.enumTitles', `${value} is not among the values`))
}

function attributeOf(name: string, property: Property, required: boolean): Attribute {
  const { title, description, 'x-authcore': own, $comment: _, ...rest } = property
  const { ask, edit, claim, scope = 'profile', titles, descriptions } = own
  return {
    name,
    kind: kindOf(property),
    options: valuesOf(property).map((value) => {
      const said = own.enumTitles?.[value]
      return {
        value,
        titles: typeof said === 'string' ? { '': said } : { '': value, ...said },
      }
    }),
    required,
    ask,
    edit,
    claim: claim === undefined ? undefined : { name: claim, scope },
    titles: wordsOf(title, titles),
    descriptions: wordsOf(description, descriptions),
    schema: boundedSchema(rest),
  }
}

/** Texts end somewhere, and nothing is chosen twice, whether the schema says so or not. */
function boundedSchema(schema: Record<string, unknown>): Record<string, unknown> {
  if (schema['type'] === 'array') return { ...schema, uniqueItems: true }
  return schema['type'] === 'string' ? { maxLength: LENGTH, ...schema } : schema
}

function kindOf(property: Property): Attribute['kind'] {
  switch (property.type) {
    case 'string':
      if (property.enum) return 'choice'
      return property.format === 'date' ? 'date' : 'text'
    case 'boolean':
      return 'yes_no'
    case 'array':
      return 'choices'
    default:
      return 'number'
  }
}

function valuesOf(property: Property): readonly string[] {
  if (property.type === 'array') return property.items.enum
  return property.type === 'string' ? (property.enum ?? []) : []
}

function wordsOf(text: string | undefined, translated: Words | undefined): Words {
  return { ...(text === undefined ? {} : { '': text }), ...translated }
}
