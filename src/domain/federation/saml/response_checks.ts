import { type Check, type Expectations, isLater } from './check.ts'
import { quoted } from './fault.ts'
import { ENTITY_FORMAT, NS, STATUS } from './names.ts'
import { timeOf } from './times.ts'
import {
  attribute,
  child,
  children,
  everyElement,
  isNamed,
  textIn,
  type XmlElement,
} from './xml.ts'

/**
 * The checks of a Response as it came. Most of what they read is not signed where only the assertion
 * is: they refuse early and name the cause, and what decides is in `assertion_checks.ts` once more.
 */

export type ResponseContext = Expectations & {
  response: XmlElement
  acsUri: string
  /** Undefined where nobody asked. */
  requestId: string | undefined
  wantEncrypted: boolean
}

const ID_NAMES = new Set(['id', 'assertionid'])

const isResponse: Check<ResponseContext> = {
  name: 'response_element',
  clause: 'core §3.3.3',
  fault: ({ response }) =>
    isNamed(response, NS.protocol, 'Response') ? undefined : `a ${quoted(response.localName)}`,
}

const version: Check<ResponseContext> = {
  name: 'version',
  clause: 'core §3.2.2',
  fault: ({ response }) => {
    const found = attribute(response, 'Version')
    return found === '2.0' ? undefined : `it is ${quoted(found)}`
  },
}

const identified: Check<{ response: XmlElement }> = {
  name: 'message_id',
  clause: 'core §3.2.2',
  fault: ({ response }) => (attribute(response, 'ID') ? undefined : 'there is none'),
}

/** Whatever a signature may refer to by, in any spelling: `ID`, `Id`, `xml:id`, `AssertionID`. */
export const uniqueIds: Check<{ response: XmlElement }> = {
  name: 'unique_ids',
  clause: 'core §1.3.4',
  fault: ({ response }) => {
    const seen = new Set<string>()
    for (const element of everyElement(response)) {
      for (const { name, localName, value } of Array.from(element.attributes)) {
        if (!ID_NAMES.has((localName ?? name).toLowerCase())) continue
        if (seen.has(value)) return 'two elements have the same'
        seen.add(value)
      }
    }
    return undefined
  },
}

/** What belongs into the outermost element and nowhere else, wherever it hides. */
const noHiddenMessages: Check<ResponseContext> = {
  name: 'hidden_message',
  clause: 'core §5.4.2',
  fault: ({ response }) => {
    for (const element of everyElement(response)) {
      if (element !== response && isNamed(element, NS.protocol, 'Response')) {
        return 'a Response within'
      }
      const isAssertion = ['Assertion', 'EncryptedAssertion'].some((name) =>
        isNamed(element, NS.assertion, name),
      )
      if (isAssertion && element.parentNode !== response) return 'an assertion elsewhere'
    }
    return undefined
  },
}

export function assertionsIn(response: XmlElement): XmlElement[] {
  return [
    ...children(response, NS.assertion, 'Assertion'),
    ...children(response, NS.assertion, 'EncryptedAssertion'),
  ]
}

/** Bindings §3.5.5.2: a signed message has it; an unsigned one has the Recipient of the assertion. */
const destination: Check<ResponseContext> = {
  name: 'destination',
  clause: 'bindings §3.5.5.2',
  fault: ({ response, acsUri }) => {
    const found = attribute(response, 'Destination')
    const signed = child(response, NS.signature, 'Signature') !== undefined
    if (found === undefined && !signed) return undefined
    return found === acsUri ? undefined : `it is ${quoted(found)}`
  },
}

const inResponseTo: Check<ResponseContext> = {
  name: 'in_response_to',
  clause: 'core §3.2.2, profiles §4.1.5',
  fault: ({ response, requestId }) =>
    attribute(response, 'InResponseTo') === requestId ? undefined : answersAnother(requestId),
}

export function answersAnother(requestId: string | undefined): string {
  return requestId === undefined ? 'it answers a request' : 'it does not answer our request'
}

const issuer: Check<ResponseContext> = {
  name: 'response_issuer',
  clause: 'profiles §4.1.4.2',
  fault: ({ response, idpEntityId }) => {
    const found = child(response, NS.assertion, 'Issuer')
    const signed = child(response, NS.signature, 'Signature') !== undefined
    if (!found && !signed) return undefined
    return issuerFault(found, idpEntityId)
  },
}

/** Of any message or assertion: present, the entity, and by no other Format (profiles §4.1.4.2). */
export function issuerFault(found: XmlElement | undefined, entityId: string): string | undefined {
  const format = found && attribute(found, 'Format')
  if (format !== undefined && format !== ENTITY_FORMAT) return `its Format is ${quoted(format)}`
  const text = found && textIn(found)
  return text === entityId ? undefined : `it is ${quoted(text)}`
}

const issueInstant: Check<ResponseContext> = {
  name: 'response_instant',
  clause: 'core §3.2.2',
  fault: (context) => {
    const time = timeOf(attribute(context.response, 'IssueInstant'), 'IssueInstant')
    if (!time) return 'there is none'
    return isLater(time, context) ? 'it is in the future' : undefined
  },
}

export function statusesOf(message: XmlElement): string[] {
  const status = child(message, NS.protocol, 'Status')
  const top = status && child(status, NS.protocol, 'StatusCode')
  const below = top && child(top, NS.protocol, 'StatusCode')
  return [top, below].flatMap((code) => (code ? [attribute(code, 'Value') ?? ''] : []))
}

/** Core §3.2.2.2: an error proves nobody, whatever else is in the message. */
const noAssertionBesideError: Check<ResponseContext> = {
  name: 'assertion_beside_error',
  clause: 'core §3.2.2.2',
  fault: ({ response }) => {
    const failed = statusesOf(response)[0] !== STATUS.success
    return failed && assertionsIn(response).length > 0 ? 'an assertion in an error' : undefined
  },
}

const authnContextStatus: Check<ResponseContext> = {
  name: 'authn_context_status',
  clause: 'core §3.3.2.2.1',
  reason: 'too_weak',
  fault: ({ response }) =>
    statusesOf(response)[1] === STATUS.noAuthnContext
      ? 'what we asked for cannot be met'
      : undefined,
}

const status: Check<ResponseContext> = {
  name: 'status',
  clause: 'core §3.2.2.2',
  reason: 'denied',
  fault: ({ response }) => {
    const found = statusesOf(response)
    return found[0] === STATUS.success ? undefined : `it is ${quoted(found.join(' '))}`
  },
}

/** Profiles §4.1.4.2 allows for several; then it would have to be said which of them signs in. */
const oneAssertion: Check<ResponseContext> = {
  name: 'one_assertion',
  clause: 'profiles §4.1.4.2',
  fault: ({ response }) => {
    const { length } = assertionsIn(response)
    return length === 1 ? undefined : `there are ${length}`
  },
}

const encrypted: Check<ResponseContext> = {
  name: 'encrypted_assertion',
  clause: 'core §2.3.4',
  fault: ({ response, wantEncrypted }) =>
    wantEncrypted && children(response, NS.assertion, 'EncryptedAssertion').length === 0
      ? 'it is not encrypted'
      : undefined,
}

export const RESPONSE_CHECKS: readonly Check<ResponseContext>[] = [
  isResponse,
  version,
  identified,
  uniqueIds,
  noHiddenMessages,
  destination,
  inResponseTo,
  issuer,
  issueInstant,
  noAssertionBesideError,
  authnContextStatus,
  status,
  oneAssertion,
  encrypted,
]

/** Of what came out of an EncryptedAssertion: the same, for a document of its own. */
export const DECRYPTED_CHECKS: readonly Check<{ response: XmlElement }>[] = [
  {
    name: 'decrypted_element',
    clause: 'core §2.3.4',
    fault: ({ response }) =>
      isNamed(response, NS.assertion, 'Assertion') ? undefined : 'it is no Assertion',
  },
  identified,
  uniqueIds,
  {
    name: 'hidden_message',
    clause: 'core §5.4.2',
    fault: ({ response }) => {
      const found = [...everyElement(response)].filter(
        (element) =>
          isNamed(element, NS.assertion, 'Assertion') || isNamed(element, NS.protocol, 'Response'),
      )
      return found.length === 1 ? undefined : 'an assertion elsewhere'
    },
  },
]
