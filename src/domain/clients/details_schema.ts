import { z } from 'zod'

/**
 * What the details of one type may look like: JSON Schema, of which only what says plainly what is
 * allowed. Objects are closed without saying so, because RFC 9396 §5 has a request refused for a
 * member that the type does not know.
 */
export type DetailsSchema = {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | undefined
  /** How people read the member; the name of the member where it has none. */
  title?: string | undefined
  description?: string | undefined
  properties?: Record<string, DetailsSchema> | undefined
  required?: string[] | undefined
  items?: DetailsSchema | undefined
  minItems?: number | undefined
  maxItems?: number | undefined
  enum?: Scalar[] | undefined
  const?: Scalar | undefined
  minLength?: number | undefined
  maxLength?: number | undefined
  pattern?: string | undefined
  format?: (typeof FORMATS)[number] | undefined
  minimum?: number | undefined
  maximum?: number | undefined
  exclusiveMinimum?: number | undefined
  exclusiveMaximum?: number | undefined
}

type Scalar = string | number | boolean

const FORMATS = ['date', 'date-time', 'email', 'uri', 'uuid'] as const
const scalar = z.union([z.string().max(500), z.number(), z.boolean()])
const count = z.int().min(0).max(10_000)
/** Bounds how deep a schema goes: beyond that nobody reads it on a consent page. */
const MAX_DEPTH = 6

const memberName = z
  .string()
  .regex(/^[A-Za-z_$][\w$-]{0,63}$/, { error: 'must be a plain member name' })
  .refine((name) => name !== '__proto__', { error: 'must be a plain member name' })

const members: z.ZodType<DetailsSchema> = z.lazy(() =>
  z
    .strictObject({
      type: z.enum(['object', 'array', 'string', 'integer', 'number', 'boolean']).optional(),
      title: z.string().min(1).max(100).optional(),
      description: z.string().min(1).max(500).optional(),
      properties: z.record(memberName, members).optional(),
      required: z.array(memberName).max(100).optional(),
      items: members.optional(),
      minItems: count.optional(),
      maxItems: count.optional(),
      enum: z.array(scalar).min(1).max(100).optional(),
      const: scalar.optional(),
      minLength: count.optional(),
      maxLength: count.optional(),
      pattern: z
        .string()
        .max(500)
        .refine(isPattern, { error: 'must be a regular expression' })
        .optional(),
      format: z.enum(FORMATS).optional(),
      minimum: z.number().optional(),
      maximum: z.number().optional(),
      exclusiveMinimum: z.number().optional(),
      exclusiveMaximum: z.number().optional(),
    })
    .refine((schema) => schema.type ?? schema.enum ?? schema.const !== undefined, {
      error: 'must have a type, enum or const',
    })
    .refine(({ type, items }) => type !== 'array' || items, { error: 'must have items' })
    .refine(
      ({ required = [], properties = {} }) =>
        required.every((name) => Object.hasOwn(properties, name)),
      { error: 'must not require what is not among its properties' },
    ),
)

export const detailsSchema = members
  .refine(({ type, properties }) => type === 'object' && properties, {
    error: 'must be of type object and have properties',
  })
  .refine(({ properties }) => !Object.hasOwn(properties ?? {}, 'type'), {
    error: 'must not describe the member type, which names the type itself',
  })
  .refine((schema) => depthOf(schema) <= MAX_DEPTH, {
    error: `must not be deeper than ${MAX_DEPTH} levels`,
  })

function isPattern(pattern: string): boolean {
  try {
    new RegExp(pattern)
    return true
  } catch {
    return false
  }
}

function depthOf({ properties = {}, items }: DetailsSchema): number {
  const inner = [...Object.values(properties), ...(items ? [items] : [])]
  return 1 + Math.max(0, ...inner.map(depthOf))
}

/** Tells where a value is not as the schema says, as a dotted path; undefined where it is. */
export type DetailsCheck = (value: unknown) => string | undefined

export function compileDetailsSchema(schema: DetailsSchema): DetailsCheck {
  const parser = z.fromJSONSchema(closed(schema) as Parameters<typeof z.fromJSONSchema>[0])
  return (value) => {
    const [issue] = parser.safeParse(value).error?.issues ?? []
    if (!issue) return undefined
    const path = issue.path.join('.')
    if (issue.code !== 'unrecognized_keys') return path || 'the whole'
    return path ? `an unknown member of ${path}` : 'an unknown member'
  }
}

function closed(schema: DetailsSchema): DetailsSchema & { additionalProperties?: false } {
  const { properties, items, title: _, description: __, ...rest } = schema
  return {
    ...rest,
    ...(items ? { items: closed(items) } : {}),
    ...(schema.type === 'object'
      ? { properties: mapValues(properties ?? {}, closed), additionalProperties: false as const }
      : {}),
  }
}

function mapValues<T, U>(record: Record<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
}
