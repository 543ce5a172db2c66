import { X509Certificate } from 'node:crypto'
import { compactVerify, decodeProtectedHeader } from 'jose'
import { z } from 'zod'
import { leadsToAnchor } from '../../../platform/certificates/chain.ts'

/**
 * What the makers of authenticators say about their models, as the FIDO Metadata Service publishes it
 * (MDS 3.0 §3.1): of all that is in there only what a policy asks for is kept.
 */
export type Metadata = {
  /** Its serial number: a later one is greater. */
  no: number
  /** By then there will be a newer one. */
  nextUpdate: Date
  authenticators: ReadonlyMap<string, AuthenticatorMetadata>
}

export type AuthenticatorMetadata = {
  /** Its name, in English. */
  description: string
  /** DER in base64. */
  roots: readonly string[]
  attestationTypes: readonly string[]
  keyProtection: readonly string[]
  /** What became known of it, such as `REVOKED`. */
  statuses: readonly string[]
}

/** Whose signature is believed. */
export type MetadataTrust = {
  anchors: readonly X509Certificate[]
  /** The host in the certificate that signs; needed where the anchors certify half the web. */
  host?: string | undefined
}

/** RFC 7518; what is symmetric, or no signature, proves nothing here. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']

const headerSchema = z.object({ x5c: z.array(z.base64()).min(1).max(10) })
const texts = z.array(z.string())
const statementSchema = z.object({
  description: z.string(),
  attestationRootCertificates: texts,
  attestationTypes: texts,
  keyProtection: texts,
})
const payloadSchema = z.object({
  no: z.number().int(),
  nextUpdate: z.iso.date(),
  entries: z.array(
    z.object({
      aaguid: z.string().toLowerCase().optional(),
      metadataStatement: statementSchema.optional(),
      statusReports: z.array(z.object({ status: z.string() })),
    }),
  ),
})

/** @throws Error where it is not signed by whom we believe, or is something else */
export async function readMetadata(
  blob: string,
  trust: MetadataTrust,
  now: Date,
): Promise<Metadata> {
  const jwt = blob.trim()
  const { x5c } = headerSchema.parse(decodeProtectedHeader(jwt))
  const chain = x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64')))
  const [signer] = chain
  if (!signer || !leadsToAnchor(chain, trust.anchors, now)) {
    throw new Error('its certificates do not lead to a root that is believed, or are not current')
  }
  if (trust.host !== undefined && signer.checkHost(trust.host) === undefined) {
    throw new Error(`it is not signed by ${trust.host}`)
  }
  const { payload } = await compactVerify(jwt, signer.publicKey, { algorithms: ALGORITHMS })
  return metadataOf(payloadSchema.parse(JSON.parse(Buffer.from(payload).toString('utf8'))))
}

function metadataOf({ no, nextUpdate, entries }: z.infer<typeof payloadSchema>): Metadata {
  const authenticators = new Map<string, AuthenticatorMetadata>()
  for (const { aaguid, metadataStatement: statement, statusReports } of entries) {
    if (!aaguid || !statement) continue
    authenticators.set(aaguid, {
      description: statement.description,
      roots: statement.attestationRootCertificates,
      attestationTypes: statement.attestationTypes,
      keyProtection: statement.keyProtection,
      statuses: statusReports.map(({ status }) => status),
    })
  }
  return { no, nextUpdate: new Date(nextUpdate), authenticators }
}
