import type { Entry } from './message.ts'

/** Reading what an entry has, by names in any case. */

/** Values that are text, in the order in which they came. */
export function textsOf(entry: Entry, attribute: string): string[] {
  return bytesOf(entry, attribute)
    .map(asText)
    .filter((text) => text !== undefined)
}

/** The first value that is text and not empty. */
export function firstText(entry: Entry, attribute: string): string | undefined {
  return textsOf(entry, attribute).find((text) => text.trim() !== '')
}

export function bytesOf(entry: Entry, attribute: string): readonly Buffer[] {
  return entry.attributes.get(attribute.toLowerCase()) ?? []
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Undefined where the bytes are something else: a picture, a certificate, overlong forms. */
function asText(value: Buffer): string | undefined {
  try {
    const text = utf8.decode(value)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}

/** More than that of one attribute are not looked at. */
const MAX_VALUES = 5000

/** The entry without values that are larger than that. */
export function withoutLarge(entry: Entry, maxBytes: number): Entry {
  const kept = (values: readonly Buffer[]) =>
    values.filter(({ length }) => length <= maxBytes).slice(0, MAX_VALUES)
  return {
    dn: entry.dn,
    attributes: new Map([...entry.attributes].map(([name, values]) => [name, kept(values)])),
  }
}
