import { type Check, type Expectations, isLater, isOver } from './check.ts'
import { quoted } from './fault.ts'
import { BEARER, NAME_ID_FORMATS, NS } from './names.ts'
import { answersAnother, issuerFault } from './response_checks.ts'
import { timeOf } from './times.ts'
import {
  attribute,
  child,
  children,
  childText,
  elementsIn,
  textIn,
  type XmlElement,
} from './xml.ts'

/** The checks of an assertion. It has been read out of what was signed, and out of nothing else. */

export type AssertionContext = Expectations & {
  assertion: XmlElement
  entityId: string
  acsUri: string
  /** Undefined where nobody asked. */
  requestId: string | undefined
  maxAgeMs: number
  /** The sign-in there has to be at least as young as this. */
  authnNotBefore: Date | undefined
  /** Any of these; none where nothing was asked for. */
  requestedContexts: readonly string[]
  /** The Format of the settings. */
  nameIdFormat: string
  /** The settings take the subject from an attribute. */
  subjectIsAttribute: boolean
}

const version: Check<AssertionContext> = {
  name: 'assertion_version',
  clause: 'core §2.3.3',
  fault: ({ assertion }) => {
    const found = attribute(assertion, 'Version')
    return found === '2.0' && attribute(assertion, 'ID') ? undefined : `it is ${quoted(found)}`
  },
}

const issuer: Check<AssertionContext> = {
  name: 'assertion_issuer',
  clause: 'profiles §4.1.4.2',
  fault: ({ assertion, idpEntityId }) =>
    issuerFault(child(assertion, NS.assertion, 'Issuer'), idpEntityId),
}

export function issuedAt(assertion: XmlElement): Date | undefined {
  return timeOf(attribute(assertion, 'IssueInstant'), 'IssueInstant')
}

const age: Check<AssertionContext> = {
  name: 'assertion_age',
  clause: 'core §2.3.3',
  fault: (context) => {
    const issued = issuedAt(context.assertion)
    if (!issued) return 'it has no IssueInstant'
    if (isLater(issued, context)) return 'it was issued in the future'
    const end = new Date(issued.getTime() + context.maxAgeMs)
    return isOver(end, context) ? `it was issued at ${issued.toISOString()}` : undefined
  },
}

function conditionsOf(assertion: XmlElement): XmlElement | undefined {
  return child(assertion, NS.assertion, 'Conditions')
}

const KNOWN_CONDITIONS = ['AudienceRestriction', 'OneTimeUse', 'ProxyRestriction']

/** A condition that we do not know may be one that does not hold. */
const conditions: Check<AssertionContext> = {
  name: 'conditions',
  clause: 'core §2.5.1',
  fault: ({ assertion }) => {
    const found = conditionsOf(assertion)
    if (!found) return 'there are none'
    const unknown = elementsIn(found).find(
      ({ namespaceURI, localName }) =>
        namespaceURI !== NS.assertion || !KNOWN_CONDITIONS.includes(localName),
    )
    return unknown ? `${quoted(unknown.localName)} is unknown to us` : undefined
  },
}

const window: Check<AssertionContext> = {
  name: 'conditions_time',
  clause: 'core §2.5.1.2',
  fault: (context) => timeFault(conditionsOf(context.assertion), context),
}

function timeFault(element: XmlElement | undefined, context: Expectations): string | undefined {
  if (!element) return undefined
  const start = timeOf(attribute(element, 'NotBefore'), 'NotBefore')
  const end = timeOf(attribute(element, 'NotOnOrAfter'), 'NotOnOrAfter')
  if (start && isLater(start, context)) return `not before ${start.toISOString()}`
  return end && isOver(end, context) ? `it ended at ${end.toISOString()}` : undefined
}

/** We have to be in each restriction; in one of them it is enough to be named once. */
const audience: Check<AssertionContext> = {
  name: 'audience',
  clause: 'core §2.5.1.4, profiles §4.1.4.2',
  fault: ({ assertion, entityId }) => {
    const found = conditionsOf(assertion)
    const restrictions = found ? children(found, NS.assertion, 'AudienceRestriction') : []
    if (restrictions.length === 0) return 'it is for everybody'
    const others = restrictions
      .map((restriction) => children(restriction, NS.assertion, 'Audience').map(textIn))
      .find((audiences) => !audiences.includes(entityId))
    return others && `it is for ${quoted(others.join(' '))}`
  },
}

type ConfirmationContext = AssertionContext & { data: XmlElement }

/** Profiles §4.1.4.2 and §4.1.4.3, for SubjectConfirmationData of the method `bearer`. */
const CONFIRMATION_CHECKS: readonly Check<ConfirmationContext>[] = [
  {
    name: 'recipient',
    clause: 'profiles §4.1.4.3',
    fault: ({ data, acsUri }) => {
      const found = attribute(data, 'Recipient')
      return found === acsUri ? undefined : `the Recipient is ${quoted(found)}`
    },
  },
  {
    name: 'confirmation_time',
    clause: 'profiles §4.1.4.3',
    fault: (context) =>
      attribute(context.data, 'NotOnOrAfter') === undefined
        ? 'it has no NotOnOrAfter'
        : timeFault(context.data, context),
  },
  {
    name: 'confirmation_in_response_to',
    clause: 'profiles §4.1.4.3',
    fault: ({ data, requestId }) =>
      attribute(data, 'InResponseTo') === requestId ? undefined : answersAnother(requestId),
  },
]

export function bearerData(assertion: XmlElement): XmlElement[] {
  const subject = child(assertion, NS.assertion, 'Subject')
  return (subject ? children(subject, NS.assertion, 'SubjectConfirmation') : [])
    .filter((confirmation) => attribute(confirmation, 'Method') === BEARER)
    .flatMap((confirmation) => children(confirmation, NS.assertion, 'SubjectConfirmationData'))
}

/** One confirmation that holds is enough; what is wrong with the last one is told. */
function confirmationCheck(which: Check<ConfirmationContext>): Check<AssertionContext> {
  return {
    ...which,
    fault: (context) => {
      const checked = bearerData(context.assertion).map((data) => ({ ...context, data }))
      if (checked.length === 0) return 'there is no bearer confirmation'
      const before = CONFIRMATION_CHECKS.slice(0, CONFIRMATION_CHECKS.indexOf(which))
      const left = checked.filter((each) =>
        before.every((check) => check.fault(each) === undefined),
      )
      const faults = left.map((each) => which.fault(each))
      return faults.includes(undefined) ? undefined : faults.at(-1)
    },
  }
}

export function authnStatementOf(assertion: XmlElement): XmlElement | undefined {
  return child(assertion, NS.assertion, 'AuthnStatement')
}

export function authnInstantOf(assertion: XmlElement): Date | undefined {
  const statement = authnStatementOf(assertion)
  return statement && timeOf(attribute(statement, 'AuthnInstant'), 'AuthnInstant')
}

const authnStatement: Check<AssertionContext> = {
  name: 'authn_statement',
  clause: 'profiles §4.1.4.2',
  fault: ({ assertion }) => {
    const { length } = children(assertion, NS.assertion, 'AuthnStatement')
    return length === 1 ? undefined : `there are ${length}`
  },
}

const authnInstant: Check<AssertionContext> = {
  name: 'authn_instant',
  clause: 'core §2.7.2',
  fault: (context) => {
    const time = authnInstantOf(context.assertion)
    if (!time) return 'there is none'
    return isLater(time, context) ? 'it is in the future' : undefined
  },
}

const session: Check<AssertionContext> = {
  name: 'session_time',
  clause: 'core §2.7.2',
  fault: (context) => {
    const statement = authnStatementOf(context.assertion)
    const text = statement && attribute(statement, 'SessionNotOnOrAfter')
    const end = timeOf(text, 'SessionNotOnOrAfter')
    return end && isOver(end, context) ? 'the session there is over' : undefined
  },
}

/** ForceAuthn (core §3.4.1) is a wish until AuthnInstant says that it was granted. */
const authnAge: Check<AssertionContext> = {
  name: 'authn_age',
  clause: 'core §2.7.2, §3.4.1',
  reason: 'too_weak',
  fault: ({ assertion, authnNotBefore, skewMs }) => {
    const time = authnInstantOf(assertion)
    if (!authnNotBefore || !time || time.getTime() + skewMs >= authnNotBefore.getTime()) {
      return undefined
    }
    return `they signed in there at ${time.toISOString()}`
  },
}

export function classRefOf(assertion: XmlElement): string | undefined {
  const statement = authnStatementOf(assertion)
  const context = statement && child(statement, NS.assertion, 'AuthnContext')
  return context && childText(context, NS.assertion, 'AuthnContextClassRef')
}

const authnContext: Check<AssertionContext> = {
  name: 'authn_context',
  clause: 'core §3.3.2.2.1',
  reason: 'too_weak',
  fault: ({ assertion, requestedContexts }) => {
    if (requestedContexts.length === 0) return undefined
    const found = classRefOf(assertion)
    if (found !== undefined && requestedContexts.includes(found)) return undefined
    return `it is ${quoted(found)}`
  },
}

export function nameIdOf(assertion: XmlElement): XmlElement | undefined {
  const subject = child(assertion, NS.assertion, 'Subject')
  return subject && child(subject, NS.assertion, 'NameID')
}

/** Core §8.3: another Format is another name space, where the same text may be somebody else. */
const nameIdFormat: Check<AssertionContext> = {
  name: 'name_id_format',
  clause: 'core §2.2.2, §8.3',
  fault: ({ assertion, nameIdFormat: wanted, subjectIsAttribute }) => {
    const nameId = nameIdOf(assertion)
    if (subjectIsAttribute) return undefined
    if (!nameId) return 'there is no NameID that we read'
    const found = attribute(nameId, 'Format') ?? NAME_ID_FORMATS.unspecified
    return found === wanted ? undefined : `it is ${quoted(found)}`
  },
}

/** Core §8.3.7: it was given by this source, and to us. */
const nameIdQualifiers: Check<AssertionContext> = {
  name: 'name_id_qualifier',
  clause: 'core §2.2.2, §8.3.7',
  fault: ({ assertion, entityId, idpEntityId, subjectIsAttribute }) => {
    const nameId = nameIdOf(assertion)
    if (!nameId || subjectIsAttribute) return undefined
    const by = attribute(nameId, 'NameQualifier') ?? idpEntityId
    const to = attribute(nameId, 'SPNameQualifier') ?? entityId
    if (by !== idpEntityId) return `the NameQualifier is ${quoted(by)}`
    return to === entityId ? undefined : `the SPNameQualifier is ${quoted(to)}`
  },
}

export const ASSERTION_CHECKS: readonly Check<AssertionContext>[] = [
  version,
  issuer,
  age,
  conditions,
  window,
  audience,
  ...CONFIRMATION_CHECKS.map(confirmationCheck),
  authnStatement,
  authnInstant,
  session,
  nameIdFormat,
  nameIdQualifiers,
  authnAge,
  authnContext,
]
