/**
 * Markup that was put together by us and may be printed as it stands. Only `i18n.ts` makes it, from
 * a message and escaped values; everything else that a view prints is text and is escaped.
 */
export class SafeHtml {
  readonly html: string

  constructor(html: string) {
    this.html = html
  }
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as HTML character data; also right inside a quoted attribute value. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}

/** What `<%= value %>` prints. Anything that is neither text nor a number is a fault of the view. */
export function printable(value: unknown): string {
  if (value instanceof SafeHtml) return value.html
  if (typeof value === 'string') return escapeHtml(value)
  if (typeof value === 'number') return String(value)
  throw new TypeError(`a view printed a value of type ${value === null ? 'null' : typeof value}`)
}
