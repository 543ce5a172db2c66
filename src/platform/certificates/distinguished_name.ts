/**
 * Distinguished names, brought to one form so that they can be compared: a text of RFC 4514 as it is
 * registered, and the subject of a certificate as `node:crypto` prints it. Types of attributes match
 * by any of their names, values match exactly: what one authority calls `Shop` and what it calls
 * `SHOP` may be two.
 */

/** The form to compare, or undefined for what is no RFC 4514 name with values in text. */
export function canonicalName(text: string): string | undefined {
  const names = parse(text, ',')
  return names && JSON.stringify(names)
}

/** @param subject of an `X509Certificate`: one line for each part, the most general one first */
export function canonicalSubject(subject: string): string | undefined {
  const names = parse(subject, '\n')
  return names && JSON.stringify(names.reverse())
}

/** `type = value`, where the value escapes what would end it (RFC 4514 §2.4). */
const ATTRIBUTE =
  / *([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *= *((?:\\[0-9a-fA-F]{2}|\\[ "#+,;<=>\\]|[^\\"+,;<>\0\n])*)/y

/** The parts of a name, each with its attributes in alphabetical order. */
function parse(text: string, separator: string): string[][] | undefined {
  const parts: string[][] = [[]]
  const pattern = new RegExp(ATTRIBUTE)
  for (;;) {
    const [, type, value] = pattern.exec(text) ?? []
    if (type === undefined || value === undefined) return undefined
    const plain = unescaped(value)
    if (plain === undefined) return undefined
    parts.at(-1)!.push(`${canonicalType(type)}=${plain}`)
    const end = text[pattern.lastIndex]
    if (end === undefined) return parts.map((part) => part.sort())
    if (end === separator) parts.push([])
    else if (end !== '+') return undefined
    pattern.lastIndex += 1
  }
}

/** Undefined for a value in hexadecimal BER, which begins with #, and for what is not UTF-8. */
function unescaped(value: string): string | undefined {
  if (value.startsWith('#')) return undefined
  const trimmed = value.replace(/(?<!\\) +$/, '')
  const bytes = trimmed.replace(/\\([0-9a-fA-F]{2})|\\(.)|([^\\]+)/gs, (_, hex, escaped, plain) =>
    hex ? hex : Buffer.from(escaped ?? plain, 'utf8').toString('hex'),
  )
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(bytes, 'hex'),
    )
  } catch {
    return undefined
  }
}

function canonicalType(type: string): string {
  const lower = type.toLowerCase()
  return CANONICAL.get(lower) ?? lower
}

/** The names that one type of attribute goes by: short, long, and its object identifier. */
const TYPES = [
  ['cn', 'commonname', '2.5.4.3'],
  ['sn', 'surname', '2.5.4.4'],
  ['serialnumber', '2.5.4.5'],
  ['c', 'countryname', '2.5.4.6'],
  ['l', 'localityname', '2.5.4.7'],
  ['st', 's', 'stateorprovincename', '2.5.4.8'],
  ['street', 'streetaddress', '2.5.4.9'],
  ['o', 'organizationname', '2.5.4.10'],
  ['ou', 'organizationalunitname', '2.5.4.11'],
  ['title', 't', '2.5.4.12'],
  ['description', '2.5.4.13'],
  ['businesscategory', '2.5.4.15'],
  ['postalcode', '2.5.4.17'],
  ['name', '2.5.4.41'],
  ['gn', 'givenname', '2.5.4.42'],
  ['initials', '2.5.4.43'],
  ['generationqualifier', '2.5.4.44'],
  ['x500uniqueidentifier', '2.5.4.45'],
  ['dnqualifier', '2.5.4.46'],
  ['pseudonym', '2.5.4.65'],
  ['organizationidentifier', '2.5.4.97'],
  ['uid', 'userid', '0.9.2342.19200300.100.1.1'],
  ['dc', 'domaincomponent', '0.9.2342.19200300.100.1.25'],
  ['emailaddress', 'email', 'e', '1.2.840.113549.1.9.1'],
  ['jurisdictionl', 'jurisdictionlocalityname', '1.3.6.1.4.1.311.60.2.1.1'],
  ['jurisdictionst', 'jurisdictionstateorprovincename', '1.3.6.1.4.1.311.60.2.1.2'],
  ['jurisdictionc', 'jurisdictioncountryname', '1.3.6.1.4.1.311.60.2.1.3'],
] as const

const CANONICAL = new Map<string, string>(
  TYPES.flatMap((names) => names.map((name) => [name, names[0]] as const)),
)
