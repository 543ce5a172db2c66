import { canonicalEmail } from '../identifier.ts'

/** The formats that a schema may name (JSON Schema Validation 2020-12 §7.3). */

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
