import { EqualityFilter, type Filter } from 'ldapts'
import { bytesOf, firstText } from './entry.ts'
import type { Entry } from './message.ts'

/**
 * Ids that a directory never gives to anybody else. A DN changes with a marriage and a move to another
 * department, a mail address is given again to the next of the same name; neither is ever an id here.
 */

const GUID = 'objectGUID'

/** In its text form; undefined where the entry has none that can be read. */
export function subjectOf(entry: Entry, attribute: string): string | undefined {
  if (attribute !== GUID) return firstText(entry, attribute)?.toLowerCase()
  const [bytes] = bytesOf(entry, attribute)
  return bytes?.length === 16 ? guidText(bytes) : undefined
}

/** Undefined where no entry can have it. */
export function subjectFilter(subject: string, attribute: string): Filter | undefined {
  if (attribute !== GUID) return new EqualityFilter({ attribute, value: subject })
  const bytes = guidBytes(subject)
  return bytes && new EqualityFilter({ attribute, value: bytes })
}

/** [MS-DTYP] §2.3.4.2: the first three parts stand in the other order of bytes. */
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]

function guidText(bytes: Buffer): string {
  const hex = Buffer.from(ORDER.map((at) => bytes[at]!)).toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function guidBytes(text: string): Buffer | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return undefined
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex')
  return Buffer.from(ORDER.map((at) => bytes[at]!))
}
