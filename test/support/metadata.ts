import { createPrivateKey } from 'node:crypto'
import { CompactSign } from 'jose'
import { type Issued, issueCertificate } from './certificates.ts'

/** A maker of authenticators and the metadata that vouches for them (FIDO MDS 3.0), for tests. */

export const MODEL = '01020304-0506-4708-890a-0b0c0d0e0f10'
export const aaguidBytes = (aaguid: string) => Buffer.from(aaguid.replaceAll('-', ''), 'hex')

export type Entry = {
  aaguid?: string
  roots: readonly Issued[]
  description?: string
  keyProtection?: readonly string[]
  statuses?: readonly string[]
}

export const issueRoot = (name: string) => issueCertificate({ subject: [['CN', name]], ca: true })

/** As WebAuthn L3 §8.2.1 wants it; `until` in seconds from now. */
export function issueAttestation(
  by: Issued,
  { aaguid = MODEL, from, until }: { aaguid?: string; from?: number; until?: number } = {},
): Issued {
  return issueCertificate({
    subject: [
      ['C', 'AT'],
      ['O', 'Example Keys'],
      ['OU', 'Authenticator Attestation'],
      ['CN', 'Example Key'],
    ],
    by,
    aaguid: aaguidBytes(aaguid),
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
  })
}

export async function makeBlob(
  signer: Issued,
  entries: readonly Entry[],
  { no = 1, nextUpdate = '2999-01-01' }: { no?: number; nextUpdate?: string } = {},
): Promise<string> {
  const payload = {
    legalHeader: 'Made for a test.',
    no,
    nextUpdate,
    entries: entries.map((entry) => ({
      aaguid: entry.aaguid ?? MODEL,
      metadataStatement: {
        description: entry.description ?? 'Example Key <5>',
        attestationTypes: ['basic_full'],
        keyProtection: entry.keyProtection ?? ['hardware', 'secure_element'],
        attestationRootCertificates: entry.roots.map(({ der }) => der),
      },
      statusReports: (entry.statuses ?? ['FIDO_CERTIFIED_L2']).map((status) => ({ status })),
    })),
  }
  return await new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', x5c: [signer.der] })
    .sign(createPrivateKey(signer.key))
}
