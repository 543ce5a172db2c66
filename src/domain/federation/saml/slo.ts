import { z } from 'zod'
import type { Departure, RedirectResult, Unavailable } from '../connector.ts'
import { runChecks } from './check.ts'
import { decryptElement } from './decryption.ts'
import { SamlFault } from './fault.ts'
import type { IdpDescriptor } from './idp_metadata.ts'
import { withKnownKeys } from './idp_source.ts'
import { newMessageId } from './message_id.ts'
import { NS, STATUS } from './names.ts'
import type { SamlParty } from './party.ts'
import { type LogoutName, logoutNameIn } from './person.ts'
import { decodePost } from './read_response.ts'
import { readRedirect, verifyRedirect } from './redirect_binding.ts'
import { statusesOf, uniqueIds } from './response_checks.ts'
import { attempt } from './sign_in.ts'
import { checkSignatureShapes, signatureOf, verifiedXml } from './signature.ts'
import { LOGOUT_REQUEST_CHECKS, LOGOUT_RESPONSE_CHECKS, type SloContext } from './slo_checks.ts'
import {
  type LogoutOutcome,
  logoutRequestXml,
  logoutResponseXml,
  signedDeparture,
  sloEndpoint,
} from './slo_messages.ts'
import { timeOf } from './times.ts'
import { attribute, child, children, isNamed, parseXml, textIn, type XmlElement } from './xml.ts'

/**
 * Single Logout (profiles §4.4) in four pieces: our request, their answer, their request, our answer.
 * Every message is signed, theirs too, whatever the metadata says. Whose sessions end by them, and that
 * a message comes once, is for the caller.
 */

/** A message as it came: the query as it was written, or the fields of the form. */
export type SloInput =
  | { binding: 'redirect'; query: string }
  | { binding: 'post'; params: Readonly<Record<string, string>> }

type Refused = Extract<RedirectResult, { kind: 'refused' }>
/** The source has no address for it. */
type Unsupported = { kind: 'unsupported' }

const logoutHint = z.strictObject({
  nameId: z.string(),
  format: z.string().optional(),
  nameQualifier: z.string().optional(),
  spNameQualifier: z.string().optional(),
})

/**
 * @param input `logoutHint` and `sessionId` of the sign-in (`UpstreamAuthentication`)
 * @returns `requestId`: for `readLogoutResponse`, kept for this browser and once
 */
export async function makeLogoutRequest(
  party: SamlParty,
  input: { logoutHint: string; sessionId?: string | undefined; relayState?: string | undefined },
): Promise<
  { kind: 'departs'; departure: Departure; requestId: string } | Unsupported | Unavailable | Refused
> {
  return attempt(async () => {
    const endpoint = sloEndpoint(await party.idp.current())
    if (!endpoint) return { kind: 'unsupported' as const }
    const id = newMessageId()
    const name: LogoutName = logoutHint.parse(JSON.parse(input.logoutHint))
    const about = { name, sessionId: input.sessionId }
    const xml = logoutRequestXml(party, { id, destination: endpoint.request }, about)
    const { relayState } = input
    const sent = { field: 'SAMLRequest', element: 'LogoutRequest', xml, relayState } as const
    const to = { binding: endpoint.binding, location: endpoint.request }
    return { kind: 'departs', departure: signedDeparture(party, to, sent), requestId: id }
  })
}

/** `partial`: the session there is over, and some of its others are not (core §3.7.3.2). */
export async function readLogoutResponse(
  party: SamlParty,
  input: SloInput,
  { requestId }: { requestId: string },
): Promise<
  { kind: 'ended'; partial: boolean; relayState: string | undefined } | Refused | Unavailable
> {
  return attempt(async () => {
    const { message, relayState } = await believe(party, input, 'LogoutResponse', requestId)
    const partial = statusesOf(message).includes(STATUS.partialLogout)
    return { kind: 'ended', partial, relayState }
  })
}

export type LogoutAsked = {
  kind: 'asked'
  /** For the answer; to be refused by the caller where it has come before `expiresAt`. */
  requestId: string
  expiresAt: Date
  name: LogoutName
  /** None: every session of the person (core §3.7.3.2). */
  sessionIds: readonly string[]
  /** Goes back with the answer (bindings §3.4.3). */
  relayState: string | undefined
}

export async function readLogoutRequest(
  party: SamlParty,
  input: SloInput,
): Promise<LogoutAsked | Refused | Unavailable> {
  return attempt(async () => {
    const { message, relayState } = await believe(party, input, 'LogoutRequest', undefined)
    return {
      kind: 'asked',
      requestId: attribute(message, 'ID') ?? '',
      expiresAt: endOf(message, party),
      name: logoutNameIn(nameIdOf(message, party)),
      sessionIds: children(message, NS.protocol, 'SessionIndex').map(textIn),
      relayState,
    }
  })
}

/** True where the request is about whom this `logoutHint` names: by every part of the NameID. */
export function isSamePerson(hint: string | undefined, name: LogoutName): boolean {
  if (hint === undefined) return false
  const known: LogoutName = logoutHint.parse(JSON.parse(hint))
  // A source may leave out what is the same for all of them; what it says has to fit.
  return (
    known.nameId === name.nameId &&
    (['format', 'nameQualifier', 'spNameQualifier'] as const).every(
      (part) => name[part] === undefined || name[part] === known[part],
    )
  )
}

export async function makeLogoutResponse(
  party: SamlParty,
  answer: { requestId: string; outcome: LogoutOutcome; relayState?: string | undefined },
): Promise<{ kind: 'departs'; departure: Departure } | Unsupported | Unavailable | Refused> {
  return attempt(async () => {
    const endpoint = sloEndpoint(await party.idp.current())
    if (!endpoint) return { kind: 'unsupported' as const }
    const { binding, response: location } = endpoint
    const head = { id: newMessageId(), destination: location }
    const xml = logoutResponseXml(party, head, answer)
    const { relayState } = answer
    const sent = { field: 'SAMLResponse', element: 'LogoutResponse', xml, relayState } as const
    const departure = signedDeparture(party, { binding, location }, sent)
    return { kind: 'departs', departure }
  })
}

type Believed = { message: XmlElement; relayState: string | undefined }

async function believe(
  party: SamlParty,
  input: SloInput,
  element: SloContext['element'],
  requestId: string | undefined,
): Promise<Believed> {
  const field = element === 'LogoutRequest' ? 'SAMLRequest' : 'SAMLResponse'
  const checks = element === 'LogoutRequest' ? LOGOUT_REQUEST_CHECKS : LOGOUT_RESPONSE_CHECKS
  return withKnownKeys(party.idp, (idp) => {
    const believed =
      input.binding === 'redirect'
        ? verifiedQuery(input.query, field, idp)
        : verifiedForm(input.params, field, idp)
    const { settings, sloUri, clock } = party
    runChecks(checks, {
      response: believed.message,
      element,
      sloUri,
      requestId,
      idpEntityId: idp.entityId,
      nowMs: clock.now().getTime(),
      skewMs: settings.clock_skew * 1_000,
      maxAgeMs: settings.max_assertion_age * 1_000,
    })
    return believed
  })
}

function verifiedQuery(query: string, field: string, idp: IdpDescriptor): Believed {
  const read = readRedirect(query)
  if (read.field !== field) throw new SamlFault('query', `there is no ${field}`)
  verifyRedirect(read, idp.certificates)
  const document = parseXml(read.xml)
  // Bindings §3.4.4.1: it is taken off before; one that stays would be believed by somebody.
  checkSignatureShapes(document, [])
  return { message: document.root, relayState: read.relayState }
}

function verifiedForm(
  params: Readonly<Record<string, string>>,
  field: string,
  idp: IdpDescriptor,
): Believed {
  const document = parseXml(decodePost(params[field] ?? ''))
  if (!signatureOf(document.root)) {
    throw new SamlFault('message_signature', 'it is not signed (profiles §4.4.3.1)')
  }
  runChecks([uniqueIds], { response: document.root })
  checkSignatureShapes(document, [document.root])
  const signed = verifiedXml(document, document.root, idp.certificates)
  return { message: parseXml(signed).root, relayState: params['RelayState'] }
}

function nameIdOf(message: XmlElement, party: SamlParty): XmlElement {
  const plain = child(message, NS.assertion, 'NameID')
  const encrypted = child(message, NS.assertion, 'EncryptedID')
  if (plain && encrypted) throw new SamlFault('logout_name', 'there are two (core §3.7.1)')
  if (plain) return plain
  if (!encrypted) throw new SamlFault('logout_name', 'there is no NameID (core §3.7.1)')
  const { root } = parseXml(decryptElement(encrypted, party.keys().decryption))
  if (isNamed(root, NS.assertion, 'NameID')) return root
  throw new SamlFault('logout_name', 'what is encrypted is no NameID (core §2.2.4)')
}

/** After this moment the checks refuse it by themselves. */
function endOf(message: XmlElement, { settings }: SamlParty): Date {
  const issued = timeOf(attribute(message, 'IssueInstant'), 'IssueInstant')?.getTime() ?? 0
  const aged = issued + settings.max_assertion_age * 1_000
  const end = timeOf(attribute(message, 'NotOnOrAfter'), 'NotOnOrAfter')?.getTime() ?? aged
  return new Date(Math.min(aged, end) + settings.clock_skew * 1_000)
}
