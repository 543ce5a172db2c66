import type { UpstreamAuthentication, UpstreamPerson } from '../connector.ts'
import { authnInstantOf, authnStatementOf, classRefOf, nameIdOf } from './assertion_checks.ts'
import { attributesOf, personOf, singleValue } from './attribute_mapping.ts'
import { acrOf } from './authn_request.ts'
import { SamlFault } from './fault.ts'
import { NAME_ID_FORMATS } from './names.ts'
import type { SamlSettings } from './settings.ts'
import { attribute, textIn, type XmlElement } from './xml.ts'

/** What Single Logout names somebody by (core §3.7.1): the NameID, whole. */
export type LogoutName = {
  nameId: string
  format?: string | undefined
  nameQualifier?: string | undefined
  spNameQualifier?: string | undefined
}

const MAX_SUBJECT_CHARACTERS = 256
const CONTROL = /\p{Cc}/u

/** @param assertion verified and checked. @throws SamlFault by `subject` */
export function provenPerson(assertion: XmlElement, settings: SamlSettings): UpstreamPerson {
  const attributes = attributesOf(assertion)
  const { subject: named, ...rest } = settings.attributes
  const name = logoutNameOf(assertion)
  const subject = named ? singleValue(attributes, named) : name?.nameId
  if (!subject) throw new SamlFault('subject', 'nothing names one person (core §2.4.1)')
  if (subject.length > MAX_SUBJECT_CHARACTERS || CONTROL.test(subject)) {
    throw new SamlFault('subject', 'it is too long, or has control characters (core §8.3.7)')
  }
  const isEmail = name?.format === NAME_ID_FORMATS.email
  return personOf(subject, attributes, rest, isEmail ? name?.nameId : undefined)
}

/** As it stands in an assertion or a LogoutRequest. */
export function logoutNameIn(nameId: XmlElement): LogoutName {
  return {
    nameId: textIn(nameId),
    format: attribute(nameId, 'Format'),
    nameQualifier: attribute(nameId, 'NameQualifier'),
    spNameQualifier: attribute(nameId, 'SPNameQualifier'),
  }
}

function logoutNameOf(assertion: XmlElement): LogoutName | undefined {
  const nameId = nameIdOf(assertion)
  return nameId && logoutNameIn(nameId)
}

export function authenticationOf(
  assertion: XmlElement,
  { acr }: Pick<SamlSettings, 'acr'>,
): UpstreamAuthentication {
  const statement = authnStatementOf(assertion)
  const name = logoutNameOf(assertion)
  return {
    at: authnInstantOf(assertion),
    acr: acrOf(acr, classRefOf(assertion)),
    amr: [],
    sessionId: statement && attribute(statement, 'SessionIndex'),
    logoutHint: name && JSON.stringify(name),
  }
}
