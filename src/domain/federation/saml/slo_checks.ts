import { type Check, type Expectations, isLater, isOver } from './check.ts'
import { quoted } from './fault.ts'
import { NS, STATUS } from './names.ts'
import { answersAnother, issuerFault, statusesOf, uniqueIds } from './response_checks.ts'
import { timeOf } from './times.ts'
import { attribute, child, isNamed, type XmlElement } from './xml.ts'

/** The checks of a message of Single Logout (core §3.7, profiles §4.4), after its signature. */

export type SloContext = Expectations & {
  response: XmlElement
  element: 'LogoutRequest' | 'LogoutResponse'
  sloUri: string
  maxAgeMs: number
  /** Of our request, where this is to be its answer. */
  requestId: string | undefined
}

const COMMON: readonly Check<SloContext>[] = [
  {
    name: 'logout_element',
    clause: 'core §3.7',
    fault: ({ response, element }) =>
      isNamed(response, NS.protocol, element) ? undefined : `a ${quoted(response.localName)}`,
  },
  {
    name: 'version',
    clause: 'core §3.2.1',
    fault: ({ response }) => {
      const found = attribute(response, 'Version')
      return found === '2.0' && attribute(response, 'ID') ? undefined : `it is ${quoted(found)}`
    },
  },
  uniqueIds,
  {
    name: 'destination',
    clause: 'bindings §3.4.5.2, §3.5.5.2',
    fault: ({ response, sloUri }) => {
      const found = attribute(response, 'Destination')
      return found === sloUri ? undefined : `it is ${quoted(found)}`
    },
  },
  {
    name: 'issuer',
    clause: 'profiles §4.4.4',
    fault: ({ response, idpEntityId }) =>
      issuerFault(child(response, NS.assertion, 'Issuer'), idpEntityId),
  },
  {
    name: 'message_age',
    clause: 'core §3.2.1',
    fault: (context) => {
      const issued = timeOf(attribute(context.response, 'IssueInstant'), 'IssueInstant')
      if (!issued) return 'it has no IssueInstant'
      if (isLater(issued, context)) return 'it was issued in the future'
      const end = new Date(issued.getTime() + context.maxAgeMs)
      return isOver(end, context) ? `it was issued at ${issued.toISOString()}` : undefined
    },
  },
]

export const LOGOUT_REQUEST_CHECKS: readonly Check<SloContext>[] = [
  ...COMMON,
  {
    name: 'not_on_or_after',
    clause: 'core §3.7.1',
    fault: (context) => {
      const end = timeOf(attribute(context.response, 'NotOnOrAfter'), 'NotOnOrAfter')
      return end && isOver(end, context) ? `it ended at ${end.toISOString()}` : undefined
    },
  },
]

export const LOGOUT_RESPONSE_CHECKS: readonly Check<SloContext>[] = [
  ...COMMON,
  {
    name: 'in_response_to',
    clause: 'core §3.2.2',
    fault: ({ response, requestId }) =>
      attribute(response, 'InResponseTo') === requestId ? undefined : answersAnother(requestId),
  },
  {
    name: 'status',
    clause: 'core §3.7.3.2',
    reason: 'denied',
    fault: ({ response }) => {
      const found = statusesOf(response)
      // Sources put it below Success or below Responder; the session there is over in both cases.
      const over = found[0] === STATUS.success || found[1] === STATUS.partialLogout
      return over ? undefined : `it is ${quoted(found.join(' '))}`
    },
  },
]
