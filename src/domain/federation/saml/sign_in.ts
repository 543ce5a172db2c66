import { z } from 'zod'
import type {
  RedirectConnector,
  RedirectResult,
  RedirectStart,
  Unavailable,
  Unsolicited,
} from '../connector.ts'
import { bearerData, issuedAt } from './assertion_checks.ts'
import { makeAuthnRequest, requestedContexts } from './authn_request.ts'
import { SamlFault } from './fault.ts'
import { IdpUnavailable, withKnownKeys } from './idp_source.ts'
import { NAME_ID_FORMATS } from './names.ts'
import type { SamlParty } from './party.ts'
import { authenticationOf, provenPerson } from './person.ts'
import { type ResponseRules, readResponse } from './read_response.ts'
import { timeOf } from './times.ts'
import { attribute, type XmlElement } from './xml.ts'

/** The Web Browser SSO Profile (profiles §4.1), from the service provider's side. */

const keepSchema = z.strictObject({ requestId: z.string().min(1), requestedAtMs: z.number() })
type Keep = z.output<typeof keepSchema>

export function samlRedirect(party: SamlParty): RedirectConnector {
  return {
    begin: async (start) => {
      const begun = await attempt(async () => {
        const idp = await party.idp.current()
        const { id, departure } = await makeAuthnRequest(party, idp, start)
        const keep: Keep = { requestId: id, requestedAtMs: party.clock.now().getTime() }
        return { kind: 'departs' as const, departure, keep }
      })
      // Nothing was read yet that somebody else wrote: what does not fit here is ours.
      return begun.kind === 'refused' ? { kind: 'unavailable', reason: begun.detail } : begun
    },
    finish: ({ start, params, keep }) =>
      attempt(async () => {
        if (params['RelayState'] !== start.state) {
          throw new SamlFault('relay_state', 'it is not that of our request (bindings §3.5.3)')
        }
        const rules = rulesFor(party, start, keepSchema.parse(keep))
        const assertion = await believe(party, params['SAMLResponse'], rules)
        return proven(party, assertion)
      }),
    ...unsolicitedOf(party),
  }
}

function unsolicitedOf(party: SamlParty): Pick<RedirectConnector, 'unsolicited'> {
  const { idp_initiated: takes, idp_initiated_client: clientId } = party.settings
  if (!takes || clientId === undefined) return {}
  return { unsolicited: { clientId, read: (params) => readUnsolicited(party, params) } }
}

/**
 * A response that nobody asked for (profiles §4.1.5), for connections with `idp_initiated: true`. That
 * it comes once, the caller has to see to (profiles §4.1.4.5). RelayState is not looked at: where to go
 * next is not for the source to say.
 */
export async function readUnsolicited(
  party: SamlParty,
  params: Readonly<Record<string, string>>,
): Promise<Unsolicited> {
  return attempt(async () => {
    if (!party.settings.idp_initiated) {
      throw new SamlFault('idp_initiated', 'the connection does not take what it did not ask for')
    }
    const rules = rulesFor(party, undefined, undefined)
    const assertion = await believe(party, params['SAMLResponse'], rules)
    const message = {
      id: attribute(assertion, 'ID') ?? '',
      expiresAt: usableUntil(assertion, rules),
    }
    return { ...proven(party, assertion), message }
  })
}

function rulesFor(
  party: SamlParty,
  start: RedirectStart | undefined,
  keep: Keep | undefined,
): ResponseRules {
  const { settings } = party
  const nowMs = party.clock.now().getTime()
  return {
    nowMs,
    skewMs: settings.clock_skew * 1_000,
    idpEntityId: '',
    entityId: party.entityId,
    acsUri: start?.callbackUri ?? party.acsUri,
    requestId: keep?.requestId,
    maxAgeMs: settings.max_assertion_age * 1_000,
    authnNotBefore: authnNotBefore(start, keep),
    requestedContexts: requestedContexts(settings.acr, start?.acrValues ?? []),
    nameIdFormat: NAME_ID_FORMATS[settings.name_id_format],
    subjectIsAttribute: settings.attributes.subject !== undefined,
    wantEncrypted: settings.want_assertions_encrypted,
    wantAssertionSigned: settings.want_assertions_signed,
    wantResponseSigned: settings.want_response_signed,
  }
}

/** By the time of our request: however long they take there, signing in anew is new enough. */
function authnNotBefore(start?: RedirectStart, keep?: Keep): Date | undefined {
  if (!start || !keep) return undefined
  if (start.forceAuthn) return new Date(keep.requestedAtMs)
  const { maxAgeS } = start
  return maxAgeS === undefined ? undefined : new Date(keep.requestedAtMs - maxAgeS * 1_000)
}

async function believe(
  party: SamlParty,
  field: string | undefined,
  rules: ResponseRules,
): Promise<XmlElement> {
  if (!field) throw new SamlFault('saml_response', 'there is none (bindings §3.5.4)')
  return withKnownKeys(party.idp, (idp) =>
    readResponse(field, { ...rules, idpEntityId: idp.entityId }, idp, party.keys),
  )
}

function proven(party: SamlParty, assertion: XmlElement) {
  return {
    kind: 'proven' as const,
    person: provenPerson(assertion, party.settings),
    authentication: authenticationOf(assertion, party.settings),
  }
}

/** After this moment the checks refuse it by themselves. */
function usableUntil(assertion: XmlElement, { maxAgeMs, skewMs }: ResponseRules): Date {
  const ends = bearerData(assertion).map((data) =>
    timeOf(attribute(data, 'NotOnOrAfter'), 'NotOnOrAfter')?.getTime(),
  )
  const confirmed = Math.max(...ends.map((end) => end ?? 0))
  const aged = (issuedAt(assertion)?.getTime() ?? 0) + maxAgeMs
  return new Date(Math.min(confirmed, aged) + skewMs)
}

type Refused = Extract<RedirectResult, { kind: 'refused' }>

/** Refusals are values; whatever else is thrown is not ours to explain. */
export async function attempt<T>(work: () => Promise<T>): Promise<T | Refused | Unavailable> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof IdpUnavailable) return { kind: 'unavailable', reason: error.message }
    if (!(error instanceof SamlFault)) throw error
    return { kind: 'refused', reason: error.reason, detail: error.message }
  }
}
