import { z } from 'zod'
import { parseDurationS } from '../../../core/duration.ts'
import { attributeSettings } from './attribute_mapping.ts'
import { readCertificate } from './certificate.ts'
import { SamlFault } from './fault.ts'
import { isWebUri, METADATA_LIMITS, readIdpMetadata } from './idp_metadata.ts'
import { NAME_ID_FORMATS, type NameIdFormat } from './names.ts'

/**
 * The settings of a connection of kind `saml`, by the names of its file. What would leave a message
 * unchecked cannot be said here: there is no setting for it, or the combination is a fault.
 */

/** An entity is named by a URI of at most 1024 characters (metadata §2.3.2). */
const entityId = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[!-~]+$/, { error: 'must be a URI: no spaces, ASCII only' })

const webUri = z.string().refine(isWebUri, {
  error: 'must be an address such as https://idp.example.com/sso, without credentials',
})

const certificate = z.string().transform((text, ctx) => {
  try {
    return readCertificate(text).toString()
  } catch (error) {
    ctx.addIssue({ code: 'custom', message: messageOf(error) })
    return z.NEVER
  }
})

function duration(minS: number, maxS: number) {
  const error = `must be a duration from ${minS}s to ${maxS}s, such as 90s or 5m`
  return z.union([z.string(), z.number()]).transform((value, ctx) => {
    const seconds = parseDurationS(String(value))
    if (seconds !== undefined && seconds >= minS && seconds <= maxS) return seconds
    ctx.addIssue({ code: 'custom', message: error })
    return z.NEVER
  })
}

const WAYS = ['metadata_url', 'metadata_file', 'metadata', 'sso_url'] as const

const idpSettings = z
  .strictObject({
    metadata_url: webUri.optional(),
    metadata_file: z.string().min(1).optional(),
    /** The XML itself. */
    metadata: z.string().max(METADATA_LIMITS.maxBytes).optional(),
    /** PEM; where given, the metadata has to be signed by one of them. */
    metadata_certificates: z.array(certificate).min(1).optional(),
    metadata_refresh: duration(60, 86_400).default(3_600),
    /** Which of the metadata, or the one that the addresses below belong to. */
    entity_id: entityId.optional(),
    sso_url: webUri.optional(),
    slo_url: webUri.optional(),
    certificates: z.array(certificate).min(1).max(10).optional(),
  })
  .superRefine((idp, ctx) => {
    const fault = (path: string, message: string) =>
      ctx.addIssue({ code: 'custom', path: [path], message })
    const ways = WAYS.filter((way) => idp[way] !== undefined)
    if (ways.length !== 1) return fault(ways[1] ?? WAYS[0], `give one of ${WAYS.join(', ')}`)
    if (idp.sso_url === undefined) {
      for (const name of ['certificates', 'slo_url'] as const) {
        if (idp[name]) fault(name, 'comes from the metadata')
      }
    } else {
      if (!idp.entity_id) fault('entity_id', 'is needed beside sso_url')
      if (!idp.certificates) fault('certificates', 'are needed beside sso_url')
      if (idp.metadata_certificates) fault('metadata_certificates', 'there is no metadata')
    }
    if (idp.metadata !== undefined) {
      const unreadable = faultOfMetadata(idp.metadata, idp)
      if (unreadable) fault('metadata', unreadable)
    }
  })

export type IdpSettings = z.output<typeof idpSettings>

function faultOfMetadata(text: string, idp: { entity_id?: string | undefined }) {
  try {
    // The signature is checked with the time, when it is opened.
    readIdpMetadata(text, { entityId: idp.entity_id })
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function messageOf(error: unknown): string {
  if (error instanceof SamlFault) return error.message
  throw error
}

const classRefs = z
  .union([entityId, z.array(entityId).min(1).max(20)])
  .transform((refs) => (typeof refs === 'string' ? [refs] : refs))

const formats = Object.keys(NAME_ID_FORMATS) as [NameIdFormat, ...NameIdFormat[]]

export const samlSettings = z
  .strictObject({
    idp: idpSettings,
    /** Ours; default: where our metadata is. */
    entity_id: entityId.optional(),
    sp_certificate: certificate,
    /** Of the pair that comes, or of the one that goes: published, decrypts, never signs. */
    sp_certificate_next: certificate.optional(),
    request_binding: z.enum(['redirect', 'post']).default('redirect'),
    signature_algorithm: z.enum(['rsa-sha256', 'rsa-sha512']).default('rsa-sha256'),
    want_assertions_signed: z.boolean().default(true),
    want_response_signed: z.boolean().default(false),
    want_assertions_encrypted: z.boolean().default(false),
    name_id_format: z.enum(formats).default('persistent'),
    attributes: attributeSettings,
    /** acr → AuthnContextClassRef, one or several of the same worth. */
    acr: z.record(z.string().min(1), classRefs).default({}),
    /** How far the clock there may be from ours. */
    clock_skew: duration(0, 300).default(60),
    /** From IssueInstant until it comes to us. */
    max_assertion_age: duration(30, 3_600).default(600),
    idp_initiated: z.boolean().default(false),
    /** The client id of the application that such a response leads to. */
    idp_initiated_client: z.string().min(1).max(255).optional(),
    /** The name of the parameter in which the source takes a login name; not of SAML. */
    login_hint_parameter: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/)
      .optional(),
  })
  .superRefine((settings, ctx) => {
    const fault = (path: string, message: string) =>
      ctx.addIssue({ code: 'custom', path: [path], message })
    if (!settings.want_assertions_signed && !settings.want_response_signed) {
      fault('want_assertions_signed', 'the response or the assertion has to be signed')
    }
    if (settings.name_id_format === 'transient' && !settings.attributes.subject) {
      fault('name_id_format', 'a transient NameID names nobody: give attributes.subject')
    }
    if (settings.idp_initiated && !settings.idp_initiated_client) {
      fault('idp_initiated_client', 'is needed beside idp_initiated')
    }
    if (/^(SAML|RelayState$|Sig)/i.test(settings.login_hint_parameter ?? '')) {
      fault('login_hint_parameter', 'is a parameter of SAML')
    }
  })

export type SamlSettings = z.output<typeof samlSettings>
