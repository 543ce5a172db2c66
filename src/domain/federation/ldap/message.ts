import { BerFault, contentOf, type Element, elements, integerOf, only } from './ber.ts'

/** What a directory answers (RFC 4511 §4), read from the bytes of one message. */

/** An entry: attributes by their name in lower case without options, values as they came. */
export type Entry = { dn: string; attributes: ReadonlyMap<string, readonly Buffer[]> }

export type LdapResult = {
  /** RFC 4511 appendix A. */
  code: number
  /** The server's own words: for our reading alone, for they may repeat what was sent. */
  diagnostic: string
  /** What the next page is asked for with (RFC 2696 §2); undefined after the last one. */
  nextPage: Buffer | undefined
  /** The error of draft-behera-ldap-password-policy §6.2. */
  policyError: number | undefined
}

export type Answer =
  | { kind: 'entry'; entry: Entry }
  /** A continuation reference (§4.5.3): never followed. */
  | { kind: 'reference' }
  | { kind: 'result'; operation: number; result: LdapResult }

/** The tags of protocolOp. */
export const BIND_RESPONSE = 0x61
export const SEARCH_DONE = 0x65
export const MODIFY_RESPONSE = 0x67
export const EXTENDED_RESPONSE = 0x78
const SEARCH_ENTRY = 0x64
const SEARCH_REFERENCE = 0x73

const SEQUENCE = 0x30
const SET = 0x31
const INTEGER = 0x02
const OCTETS = 0x04
const ENUMERATED = 0x0a
const CONTROLS = 0xa0

const RESULTS = new Set([BIND_RESPONSE, SEARCH_DONE, MODIFY_RESPONSE, EXTENDED_RESPONSE])

/** @throws BerFault */
export function readMessage(data: Buffer): { id: number; answer: Answer } {
  const [id, operation, controls] = elements(only(data, SEQUENCE))
  if (!operation) throw new BerFault('a message without operation')
  return {
    id: integerOf(contentOf(id, INTEGER)),
    answer: readAnswer(operation, controls),
  }
}

function readAnswer(operation: Element, controls: Element | undefined): Answer {
  if (operation.tag === SEARCH_ENTRY) return { kind: 'entry', entry: readEntry(operation.content) }
  if (operation.tag === SEARCH_REFERENCE) return { kind: 'reference' }
  if (!RESULTS.has(operation.tag)) throw new BerFault('an operation that was not asked for')
  const [code, , diagnostic] = elements(operation.content)
  const values = readControls(controls ? contentOf(controls, CONTROLS) : Buffer.alloc(0))
  return {
    kind: 'result',
    operation: operation.tag,
    result: {
      code: integerOf(contentOf(code, ENUMERATED)),
      diagnostic: contentOf(diagnostic, OCTETS).toString('utf8').slice(0, 500),
      nextPage: readCookie(values.get(PAGED_RESULTS)),
      policyError: readPolicyError(values.get(PASSWORD_POLICY)),
    },
  }
}

function readControls(content: Buffer): ReadonlyMap<string, Buffer> {
  return new Map(
    elements(content).map(({ content: control }) => {
      const [type, ...rest] = elements(control)
      const value = rest.find(({ tag }) => tag === OCTETS)?.content ?? Buffer.alloc(0)
      return [contentOf(type, OCTETS).toString('latin1'), value]
    }),
  )
}

function readEntry(content: Buffer): Entry {
  const [dn, list] = elements(content)
  const attributes = new Map<string, readonly Buffer[]>()
  for (const { content: attribute } of elements(contentOf(list, SEQUENCE))) {
    const [type, values] = elements(attribute)
    const name = nameOf(contentOf(type, OCTETS).toString('latin1'))
    const more = elements(contentOf(values, SET)).map((value) => contentOf(value, OCTETS))
    attributes.set(name, [...(attributes.get(name) ?? []), ...more])
  }
  return { dn: contentOf(dn, OCTETS).toString('utf8'), attributes }
}

/** Without options (RFC 4512 §2.5): `memberOf;range=0-1499` is memberOf. */
function nameOf(description: string): string {
  return description.toLowerCase().replace(/;.*$/s, '')
}

const PAGED_RESULTS = '1.2.840.113556.1.4.319'
const PASSWORD_POLICY = '1.3.6.1.4.1.42.2.27.8.5.1'

function readCookie(control: Buffer | undefined): Buffer | undefined {
  if (!control) return undefined
  const cookie = contentOf(elements(only(control, SEQUENCE))[1], OCTETS)
  return cookie.length > 0 ? cookie : undefined
}

function readPolicyError(control: Buffer | undefined): number | undefined {
  if (!control || control.length === 0) return undefined
  const error = elements(only(control, SEQUENCE)).find(({ tag }) => tag === 0x81)
  return error && integerOf(error.content)
}
