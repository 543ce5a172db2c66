import {
  type AuthorizationDetail,
  type AuthorizationDetailsType,
  type Scalar,
  valuesOf,
} from './authorization_details.ts'
import type { DetailsSchema } from './details_schema.ts'

/** A detail as a person reads it. */
export type ShownDetail = {
  title: string
  description: string | undefined
  lines: { label: string; values: Scalar[] }[]
}

export function showDetail(
  detail: AuthorizationDetail,
  type: AuthorizationDetailsType,
  locale: string,
): ShownDetail {
  const texts = type.locales?.[locale as 'en']
  const lines: ShownDetail['lines'] = []
  for (const { path, value } of valuesOf(detail)) {
    const label = labelOf(path, type.schema, texts?.labels ?? {})
    const last = lines.at(-1)
    // The entries of one list stand together.
    if (last?.label === label) last.values.push(value)
    else lines.push({ label, values: [value] })
  }
  return {
    title: texts?.title ?? type.title,
    description: texts?.description ?? type.description,
    lines,
  }
}

const POSITION = /^\d+$/

/** What each step of the path is called, in one line. */
function labelOf(
  path: readonly string[],
  schema: DetailsSchema,
  labels: Readonly<Record<string, string>>,
): string {
  const words: string[] = []
  const names: string[] = []
  let at: DetailsSchema | undefined = schema
  for (const step of path) {
    if (POSITION.test(step) && at?.items) {
      at = at.items
      words.push(step)
      continue
    }
    at = at?.items?.properties?.[step] ?? at?.properties?.[step]
    names.push(step)
    words.push(labels[names.join('.')] ?? at?.title ?? step)
  }
  return words.join(' · ')
}
