import { readCertificate } from './certificate.ts'
import { quoted, SamlFault } from './fault.ts'
import { BINDING, type Binding, NS } from './names.ts'
import type { XmlLimits } from './scan_xml.ts'
import { checkSignatureShapes, signatureOf, verifiedXml } from './signature.ts'
import { timeOf } from './times.ts'
import { attribute, children, isNamed, parseXml, textIn, type XmlElement } from './xml.ts'

/** What we have to know of an identity provider, from its metadata or from the settings. */
export type IdpDescriptor = {
  entityId: string
  /** Where requests go, by binding. */
  sso: Readonly<Partial<Record<Binding, string>>>
  slo: Readonly<Partial<Record<Binding, { request: string; response: string }>>>
  /** PEM, at least one; several while it changes its key. No other key is ever believed. */
  certificates: readonly string[]
  /** After this moment nothing here is to be used (metadata §2.3.2). */
  validUntil?: Date | undefined
}

export const METADATA_LIMITS: XmlLimits = {
  maxBytes: 4 * 1024 * 1024,
  maxDepth: 64,
  maxElements: 100_000,
  maxAttributes: 64,
}

export type MetadataOptions = {
  /** Which of several; the only one otherwise. */
  entityId?: string | undefined
  /** Where given, the document has to be signed by one of them; PEM. */
  signedBy?: readonly string[] | undefined
}

/**
 * Reads the metadata of one identity provider (saml-metadata-2.0). Expiry is left to the caller, who
 * knows the time: see `validUntil`.
 *
 * @param text untrusted
 * @throws SamlFault, its `check` beginning with `metadata_`, `xml_`, `signature` or `certificate`
 */
export function readIdpMetadata(text: string, options: MetadataOptions = {}): IdpDescriptor {
  const root = trustedRoot(text, options.signedBy)
  const { entity, role, validUntil } = chooseEntity(root, options.entityId)
  return {
    entityId: attribute(entity, 'entityID') ?? '',
    sso: ssoLocations(role),
    slo: sloLocations(role),
    certificates: signingCertificates(role),
    validUntil,
  }
}

function trustedRoot(text: string, signedBy: readonly string[] | undefined): XmlElement {
  // Comments are common in metadata, and no text that we read may hold one: see `textIn`.
  const document = parseXml(text, METADATA_LIMITS, { comments: true })
  if (!signedBy) return document.root
  if (!signatureOf(document.root)) throw new SamlFault('metadata_signature', 'it is not signed')
  checkSignatureShapes(document, [document.root])
  const signed = verifiedXml(document, document.root, signedBy)
  return parseXml(signed, METADATA_LIMITS, { comments: true }).root
}

type Found = { entity: XmlElement; role: XmlElement; validUntil: Date | undefined }

function chooseEntity(root: XmlElement, entityId: string | undefined): Found {
  const found = [...providersIn(root, undefined)].filter(
    ({ entity }) => entityId === undefined || attribute(entity, 'entityID') === entityId,
  )
  const [first, second] = found
  if (!first) {
    const which = entityId === undefined ? 'no identity provider' : `no ${quoted(entityId)}`
    throw new SamlFault('metadata_entity', `it describes ${which} of SAML 2.0`)
  }
  if (second) throw new SamlFault('metadata_entity', 'it describes several: give idp.entity_id')
  return first
}

/** Metadata §2.3.1: groups may hold groups, and the earliest end of them all holds. */
function* providersIn(element: XmlElement, until: Date | undefined): Generator<Found> {
  const end = earliest(until, timeOf(attribute(element, 'validUntil'), 'validUntil'))
  if (isNamed(element, NS.metadata, 'EntitiesDescriptor')) {
    const inner = [
      ...children(element, NS.metadata, 'EntityDescriptor'),
      ...children(element, NS.metadata, 'EntitiesDescriptor'),
    ]
    for (const each of inner) yield* providersIn(each, end)
  }
  if (!isNamed(element, NS.metadata, 'EntityDescriptor')) return
  for (const role of children(element, NS.metadata, 'IDPSSODescriptor')) {
    const protocols = attribute(role, 'protocolSupportEnumeration')?.split(/\s+/) ?? []
    if (!protocols.includes(NS.protocol)) continue
    const roleEnd = timeOf(attribute(role, 'validUntil'), 'validUntil')
    yield { entity: element, role, validUntil: earliest(end, roleEnd) }
  }
}

function earliest(a: Date | undefined, b: Date | undefined): Date | undefined {
  if (!a || !b) return a ?? b
  return a < b ? a : b
}

/** Metadata §2.4.1.1: a key without `use` is for both; one for encryption alone signs nothing. */
function signingCertificates(role: XmlElement): string[] {
  const infos = children(role, NS.metadata, 'KeyDescriptor')
    .filter((key) => attribute(key, 'use') !== 'encryption')
    .flatMap((key) => children(key, NS.signature, 'KeyInfo'))
  const certificates = infos
    .flatMap((info) => children(info, NS.signature, 'X509Data'))
    .flatMap((data) => children(data, NS.signature, 'X509Certificate'))
    .map((certificate) => readCertificate(plainText(certificate)).toString())
  if (certificates.length === 0) {
    throw new SamlFault('metadata_keys', 'it has no certificate for signing')
  }
  return [...new Set(certificates)]
}

function ssoLocations(role: XmlElement): IdpDescriptor['sso'] {
  const services = children(role, NS.metadata, 'SingleSignOnService')
  const sso = byBinding(services, (service) => location(service, 'Location'))
  if (!sso.redirect && !sso.post) {
    throw new SamlFault('metadata_sso', 'it has no SingleSignOnService by redirect or POST')
  }
  return sso
}

function sloLocations(role: XmlElement): IdpDescriptor['slo'] {
  return byBinding(children(role, NS.metadata, 'SingleLogoutService'), (service) => {
    const request = location(service, 'Location')
    const apart = attribute(service, 'ResponseLocation') !== undefined
    return { request, response: apart ? location(service, 'ResponseLocation') : request }
  })
}

function byBinding<T>(services: XmlElement[], make: (service: XmlElement) => T) {
  const result: Partial<Record<Binding, T>> = {}
  for (const binding of ['redirect', 'post'] as const) {
    const service = services.find((each) => attribute(each, 'Binding') === BINDING[binding])
    if (service) result[binding] = make(service)
  }
  return result
}

function location(service: XmlElement, name: string): string {
  const text = attribute(service, name) ?? ''
  if (!isWebUri(text)) {
    throw new SamlFault('metadata_location', `${name} of ${service.localName} is no web address`)
  }
  return text
}

/** Where a browser may be sent: nothing that runs, and no password in it. */
export function isWebUri(text: string): boolean {
  const url = URL.parse(text)
  return !!url && /^https?:$/.test(url.protocol) && !url.username && !url.password
}

function plainText(element: XmlElement): string {
  if (element.childNodes.length > 1) throw new SamlFault('metadata_keys', 'a comment in a key')
  return textIn(element)
}

/** The one SSO service of the binding that the settings ask for, or of the other one. */
export function ssoFor(
  { sso }: Pick<IdpDescriptor, 'sso'>,
  wanted: Binding,
): { binding: Binding; location: string } {
  const other = wanted === 'redirect' ? 'post' : 'redirect'
  const binding = sso[wanted] === undefined ? other : wanted
  return { binding, location: sso[binding] ?? '' }
}
