import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { LOCALES } from '../../platform/templating/i18n.ts'
import { type DetailsSchema, detailsSchema } from './details_schema.ts'

/**
 * Rich Authorization Requests (RFC 9396). An API says which types of details it understands, what may
 * be in them and how people read it; a request can name nothing else.
 */
export type AuthorizationDetailsType = {
  /** Names the type in requests; of one resource server only. */
  type: string
  title: string
  description?: string | undefined
  schema: DetailsSchema
  /** What stands instead for those who read another language. */
  locales?: Partial<Record<(typeof LOCALES)[number], DetailsTexts>> | undefined
}

export type DetailsTexts = {
  title?: string | undefined
  description?: string | undefined
  /** By the path of the member: `instructedAmount.currency`. */
  labels?: Record<string, string> | undefined
}

/** A type and the API that it belongs to. */
export type OwnedDetailsType = AuthorizationDetailsType & { resource: string }

export type AuthorizationDetail = { type: string } & Record<string, unknown>

const title = z.string().min(1).max(100)
const description = z.string().min(1).max(500)

export const authorizationDetailsTypeSchema = z.strictObject({
  type: z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/, {
    error: 'must be printable ASCII without spaces, quotes or backslashes',
  }),
  title,
  description: description.optional(),
  schema: detailsSchema,
  locales: z
    .partialRecord(
      z.enum(LOCALES),
      z.strictObject({
        title: title.optional(),
        description: description.optional(),
        labels: z.record(z.string().min(1).max(500), title).optional(),
      }),
    )
    .optional(),
})

const MAX_DETAILS = 10
const MAX_VALUES = 60
const MAX_TEXT = 500
/** Control characters, and those that turn the direction of what follows. */
const UNSHOWABLE = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u

export type Scalar = string | number | boolean
export type DetailValue = { path: readonly string[]; value: Scalar }

/** Every value of a detail with where it is; positions in lists are part of the path, counted from 1. */
export function valuesOf({ type: _, ...members }: AuthorizationDetail): DetailValue[] {
  return flatten(members, [])
}

function flatten(value: unknown, path: readonly string[]): DetailValue[] {
  if (typeof value !== 'object' || value === null) return [{ path, value: value as Scalar }]
  const list = Array.isArray(value)
  // Nothing in it may mean anything at all to the API: it is shown that nothing is.
  if (Object.keys(value).length === 0) return [{ path, value: '–' }]
  return Object.entries(value).flatMap(([name, inner]) => {
    const isText = list && (typeof inner !== 'object' || inner === null)
    return flatten(inner, isText ? path : [...path, list ? String(Number(name) + 1) : name])
  })
}

/** Who allows it has to be able to read it: what no page shows in full is not asked. */
export function unreadableFault(details: readonly AuthorizationDetail[]): string | undefined {
  if (details.length > MAX_DETAILS) return `more than ${MAX_DETAILS} details`
  const values = details.flatMap(valuesOf)
  if (values.length > MAX_VALUES) return `more than ${MAX_VALUES} values`
  const texts = values.map(({ value }) => value).filter((value) => typeof value === 'string')
  if (texts.some((text) => text.length > MAX_TEXT))
    return `a value of more than ${MAX_TEXT} characters`
  return texts.some((text) => UNSHOWABLE.test(text)) ? 'a value with control characters' : undefined
}

/** RFC 9396 §2.2: lists of which less may be asked than was granted. */
const NARROWED = ['locations', 'actions', 'datatypes', 'privileges']

/** Whether what is asked lies within what was granted: one of it, or less of one of it. */
export function isWithin(
  asked: AuthorizationDetail,
  granted: readonly AuthorizationDetail[],
): boolean {
  return granted.some((detail) => {
    const names = new Set([...Object.keys(asked), ...Object.keys(detail)])
    return [...names].every((name) =>
      NARROWED.includes(name)
        ? isSubset(asked[name], detail[name])
        : isDeepStrictEqual(asked[name], detail[name]),
    )
  })
}

/** A list that is left out, or empty, is no less: an API may take it for everything. */
function isSubset(asked: unknown, granted: unknown): boolean {
  if (!Array.isArray(asked) || !Array.isArray(granted)) return isDeepStrictEqual(asked, granted)
  return asked.every((entry) => granted.includes(entry)) && asked.length > 0 === granted.length > 0
}
