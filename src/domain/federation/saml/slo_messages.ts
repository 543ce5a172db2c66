import { signXml } from '@node-saml/node-saml/lib/xml.js'
import type { Departure } from '../connector.ts'
import type { IdpDescriptor } from './idp_metadata.ts'
import { type Binding, NS, STATUS } from './names.ts'
import type { SamlParty } from './party.ts'
import type { LogoutName } from './person.ts'
import { writeRedirect } from './redirect_binding.ts'
import { instant } from './times.ts'
import { escaped } from './xml.ts'

/** Writing LogoutRequest and LogoutResponse (core §3.7), and signing them. */

type Head = { id: string; destination: string; extra?: string }

const XMLNS = `xmlns:samlp="${NS.protocol}" xmlns:saml="${NS.assertion}"`

function message(party: SamlParty, name: string, head: Head, content: string): string {
  const at = instant(party.clock.now())
  const attributes =
    `ID="${head.id}" Version="2.0" IssueInstant="${at}"` +
    ` Destination="${escaped(head.destination)}"${head.extra ?? ''}`
  const issuer = `<saml:Issuer>${escaped(party.entityId)}</saml:Issuer>`
  return `<samlp:${name} ${XMLNS} ${attributes}>${issuer}${content}</samlp:${name}>`
}

/** How long somebody may take to get there. */
const REQUEST_LIFETIME_MS = 5 * 60_000

export function logoutRequestXml(
  party: SamlParty,
  head: { id: string; destination: string },
  { name, sessionId }: { name: LogoutName; sessionId: string | undefined },
): string {
  const end = instant(new Date(party.clock.now().getTime() + REQUEST_LIFETIME_MS))
  const index =
    sessionId === undefined ? '' : `<samlp:SessionIndex>${escaped(sessionId)}</samlp:SessionIndex>`
  return message(
    party,
    'LogoutRequest',
    { ...head, extra: ` NotOnOrAfter="${end}"` },
    nameIdXml(name) + index,
  )
}

function nameIdXml({ nameId, format, nameQualifier, spNameQualifier }: LogoutName): string {
  const attributes = Object.entries({
    Format: format,
    NameQualifier: nameQualifier,
    SPNameQualifier: spNameQualifier,
  })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escaped(value!)}"`)
  return `<saml:NameID${attributes.join('')}>${escaped(nameId)}</saml:NameID>`
}

/** What became of a request of theirs (core §3.7.3.2). */
export type LogoutOutcome = 'ended' | 'partial' | 'failed'

const OUTCOMES: Readonly<Record<LogoutOutcome, readonly string[]>> = {
  ended: [STATUS.success],
  partial: [STATUS.success, STATUS.partialLogout],
  failed: [STATUS.responder],
}

export function logoutResponseXml(
  party: SamlParty,
  head: { id: string; destination: string },
  { requestId, outcome }: { requestId: string; outcome: LogoutOutcome },
): string {
  const code = OUTCOMES[outcome].reduceRight(
    (inner, value) => `<samlp:StatusCode Value="${value}">${inner}</samlp:StatusCode>`,
    '',
  )
  const extra = ` InResponseTo="${escaped(requestId)}"`
  const status = `<samlp:Status>${code}</samlp:Status>`
  return message(party, 'LogoutResponse', { ...head, extra }, status)
}

/** By redirect where the source takes it: no page in between. Undefined where it takes neither. */
export function sloEndpoint({ slo }: Pick<IdpDescriptor, 'slo'>) {
  const binding: Binding = slo.redirect ? 'redirect' : 'post'
  const service = slo[binding]
  return service && { binding, ...service }
}

/** Core §5: the signature stands right behind the Issuer. */
export function signedDeparture(
  party: SamlParty,
  { binding, location }: { binding: Binding; location: string },
  sent: {
    field: 'SAMLRequest' | 'SAMLResponse'
    element: 'LogoutRequest' | 'LogoutResponse'
    xml: string
    relayState?: string | undefined
  },
): Departure {
  const { signature_algorithm: name } = party.settings
  const { signing, privateKey, certificates } = party.keys()
  if (binding === 'redirect') {
    const algorithm = `http://www.w3.org/2001/04/xmldsig-more#${name}`
    return { method: 'GET', uri: writeRedirect(location, sent, { algorithm, key: signing }) }
  }
  const hash = name === 'rsa-sha512' ? 'sha512' : 'sha256'
  const root = `/*[local-name(.)='${sent.element}']`
  const place = { reference: `${root}/*[local-name(.)='Issuer']`, action: 'after' } as const
  const options = { signatureAlgorithm: hash, digestAlgorithm: hash } as const
  const publicCert = certificates[0]!
  const xml = signXml(sent.xml, root, place, { ...options, privateKey, publicCert })
  const fields = { [sent.field]: Buffer.from(xml).toString('base64') }
  const relay = sent.relayState === undefined ? {} : { RelayState: sent.relayState }
  return { method: 'POST', uri: location, fields: { ...fields, ...relay } }
}
