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

/** The entry without the attributes whose values together are larger than that. */
export function withoutLarge(entry: Entry, maxBytes: number): Entry {
  const sizeOf = (values: readonly Buffer[]) => values.reduce((sum, { length }) => sum + length, 0)
  return {
    dn: entry.dn,
    attributes: new Map([...entry.attributes].filter(([, values]) => sizeOf(values) <= maxBytes)),
  }
}
