import { SAML, type SamlConfig } from '@node-saml/node-saml'
import type { Departure, RedirectStart } from '../connector.ts'
import { type IdpDescriptor, ssoFor } from './idp_metadata.ts'
import { newMessageId } from './message_id.ts'
import { NAME_ID_FORMATS } from './names.ts'
import type { SamlParty } from './party.ts'

/**
 * An AuthnRequest (core §3.4.1), signed always: in the query by redirect (bindings §3.4.4.1), in the
 * XML by POST. The library writes and signs it. Its cache of requests is not used: it drops a request
 * as soon as somebody forges an answer to it, so the caller keeps the id.
 */
export async function makeAuthnRequest(
  party: SamlParty,
  idp: IdpDescriptor,
  start: RedirectStart,
): Promise<{ id: string; departure: Departure }> {
  const { binding, location } = ssoFor(idp, party.settings.request_binding)
  const id = newMessageId()
  const saml = new SAML({ ...optionsOf(party, idp, start), entryPoint: location, ...oneId(id) })
  if (binding === 'redirect') {
    const uri = await saml.getAuthorizeUrlAsync(start.state, undefined, {})
    return { id, departure: { method: 'GET', uri: withHint(uri, party, start) } }
  }
  // Bindings §3.5.4: base64 of the XML, and nothing deflated.
  saml.options.skipRequestCompression = true
  const { SAMLRequest } = await saml.getAuthorizeMessageAsync(start.state)
  const fields = { SAMLRequest: String(SAMLRequest), RelayState: start.state }
  return { id, departure: { method: 'POST', uri: withHint(location, party, start), fields } }
}

function oneId(id: string) {
  return { generateUniqueId: () => id }
}

function optionsOf(party: SamlParty, idp: IdpDescriptor, start: RedirectStart) {
  const { settings } = party
  const { privateKey, certificates } = party.keys()
  const hash = settings.signature_algorithm === 'rsa-sha512' ? 'sha512' : 'sha256'
  const authnContext = requestedContexts(settings.acr, start.acrValues)
  return {
    callbackUrl: start.callbackUri,
    issuer: party.entityId,
    idpCert: [...idp.certificates],
    privateKey,
    publicCert: certificates[0]!,
    signatureAlgorithm: hash,
    digestAlgorithm: hash,
    identifierFormat: NAME_ID_FORMATS[settings.name_id_format],
    forceAuthn: start.forceAuthn || start.maxAgeS === 0,
    authnContext,
    disableRequestedAuthnContext: authnContext.length === 0,
  } satisfies SamlConfig
}

/**
 * Core §3.3.2.2.1: any of them will do, exactly. An acr that the settings do not translate goes out as
 * it stands, and has to come back as it stands.
 */
export function requestedContexts(
  map: Readonly<Record<string, readonly string[]>>,
  acrValues: readonly string[],
): string[] {
  return [...new Set(acrValues.flatMap((acr) => (Object.hasOwn(map, acr) ? map[acr]! : [acr])))]
}

/** The acr that a class is, or the class itself. */
export function acrOf(
  map: Readonly<Record<string, readonly string[]>>,
  classRef: string | undefined,
): string | undefined {
  if (classRef === undefined) return undefined
  return Object.keys(map).find((acr) => map[acr]!.includes(classRef)) ?? classRef
}

/** Outside of what is signed, as its readers expect it. */
function withHint(uri: string, { settings }: SamlParty, { loginHint }: RedirectStart): string {
  const name = settings.login_hint_parameter
  if (name === undefined || loginHint === undefined) return uri
  const url = new URL(uri)
  url.searchParams.append(name, loginHint.slice(0, 320))
  return url.href
}
