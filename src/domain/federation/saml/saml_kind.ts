import { X509Certificate } from 'node:crypto'
import type { Connector, ConnectorDeps, ConnectorKind } from '../connector.ts'
import { SamlFault } from './fault.ts'
import { IdpUnavailable } from './idp_source.ts'
import { samlLogout } from './logout.ts'
import { type OpenInput, openParty, type SamlParty } from './party.ts'
import { type SamlSettings, samlSettings } from './settings.ts'
import { samlRedirect } from './sign_in.ts'
import { spMetadata } from './sp_metadata.ts'

/**
 * SAML 2.0: this server as service provider of somebody's identity provider. `settings.ts` is the file
 * of a connection; `party.ts` what a connection is at run time, `idp_source.ts` what it knows of the
 * other side. `sign_in.ts` asks and reads the answer, by `read_response.ts` and the tables of checks in
 * `response_checks.ts` and `assertion_checks.ts`; `slo.ts` ends sessions on both sides; `sp_metadata.ts`
 * is what the other side gets to know of us. XML is read in `scan_xml.ts` and `xml.ts`, signatures in
 * `signature.ts`. Routes, and what must come only once, are for the caller.
 */

/** What `samlKind.open` opens: a connector, and what metadata, unsolicited responses and logout take. */
export type SamlConnector = Connector & { saml: SamlParty }

/** The SAML side of an open connection, or undefined where it is of another kind. */
export function samlOf(connector: Connector): SamlParty | undefined {
  return 'saml' in connector ? (connector as SamlConnector).saml : undefined
}

export const samlKind: ConnectorKind<SamlSettings> = {
  title: 'SAML',
  signsInBy: 'redirect',
  settings: samlSettings,
  secrets: { sp_private_key: 'required', sp_private_key_next: 'optional' },
  // SAML has no word for a verified address: an attribute that is mapped to it is a custom of two parties.
  trustsEmail: false,
  open: openSaml,
}

function openSaml(input: OpenInput, deps: ConnectorDeps): SamlConnector {
  const saml = openParty(input, deps)
  return {
    saml,
    redirect: samlRedirect(saml),
    logout: samlLogout(saml),
    metadata: () => ({
      type: 'application/samlmetadata+xml',
      body: spMetadata({ name: input.name, settings: input.settings, issuer: deps.issuer }),
    }),
    probe: () => probe(saml),
    endsAt: () => saml.idp.endsAt(),
    close: async () => saml.idp.close(),
  }
}

/** Nothing of SAML can be asked without a person; this is what can be known before one comes. */
async function probe(party: SamlParty): ReturnType<Connector['probe']> {
  try {
    party.keys()
    const idp = await party.idp.current()
    const ends = idp.certificates.map((pem) => new X509Certificate(pem).validToDate)
    const parts = [
      `${idp.entityId} signs with ${ends.length} known key(s)`,
      `its certificates end at ${ends.map((end) => end.toISOString()).join(', ')}`,
      idp.validUntil && `its metadata is valid until ${idp.validUntil.toISOString()}`,
      party.idp.problem() && `the metadata could not be renewed: ${party.idp.problem()}`,
    ]
    return { ok: true, detail: parts.filter(Boolean).join('; ') }
  } catch (error) {
    if (error instanceof SamlFault || error instanceof IdpUnavailable) {
      return { ok: false, reason: error.message }
    }
    throw error
  }
}
