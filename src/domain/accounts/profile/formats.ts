import { canonicalEmail } from '../identifier.ts'

/**
 * What values are checked for: those of the standard claims, and the formats that a schema may name
 * (JSON Schema Validation 2020-12 §7.3).
 */

/** RFC 3339 `full-date`, of a day that there is. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

export function isMailAddress(text: string): boolean {
  return canonicalEmail(text) !== undefined
}

/** Of the web only: what applications get they put into links. */
export function isWebAddress(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.password
}

/** One line of what can be seen: it is shown on pages and in terminals. */
export function isPrintable(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(text)
}

/** BCP 47. */
export function isLanguageTag(text: string): boolean {
  try {
    return Intl.getCanonicalLocales(text).length === 1
  } catch {
    return false
  }
}
