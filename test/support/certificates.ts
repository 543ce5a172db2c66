import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * Certificates of X.509 (RFC 5280) made in the process of the test, as much of DER as they need: any
 * subject, any alternative name, any time, which command-line tools make hard.
 */

export type Issued = {
  /** In PEM. */
  cert: string
  /** In PEM, PKCS #8. */
  key: string
  /** base64 of the DER, as in `x5c`. */
  der: string
  publicKey: KeyObject
  /** Signs others. */
  issuer: { name: Buffer; privateKey: KeyObject }
}

export type CertificateOptions = {
  /** Parts of the subject, the most general one first. */
  subject?: readonly (readonly [keyof typeof OIDS, string])[]
  altNames?: readonly (readonly ['dns' | 'uri' | 'ip' | 'email', string])[]
  /** P-256 without it. */
  rsaBits?: number
  /** Self-signed without one. */
  by?: Issued
  ca?: boolean
  purpose?: 'client' | 'server'
  /** The model that an attestation certificate is for (WebAuthn L3 §8.2.1): 16 bytes. */
  aaguid?: Buffer
  /** Seconds from now. */
  from?: number
  until?: number
}

const OIDS = {
  C: [0x55, 0x04, 0x06],
  O: [0x55, 0x04, 0x0a],
  OU: [0x55, 0x04, 0x0b],
  CN: [0x55, 0x04, 0x03],
  organizationIdentifier: [0x55, 0x04, 0x61],
} as const
const ECDSA_WITH_SHA256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]
const SHA256_WITH_RSA = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]
const BASIC_CONSTRAINTS = [0x55, 0x1d, 0x13]
const SUBJECT_ALT_NAME = [0x55, 0x1d, 0x11]
/** 1.3.6.1.4.1.45724.1.1.4 */
const FIDO_AAGUID = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xe5, 0x1c, 0x01, 0x01, 0x04]
const EXTENDED_KEY_USAGE = [0x55, 0x1d, 0x25]
const PURPOSES = {
  server: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01],
  client: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02],
} as const
/** The context tags of GeneralName. */
const ALT_NAME_TAGS = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const

let serial = 0x0100

export function issueCertificate(options: CertificateOptions = {}): Issued {
  const { publicKey, privateKey } = keyPair(options.rsaBits)
  const name = nameOf(options.subject ?? [['CN', 'client']])
  const signer = options.by?.issuer ?? { name, privateKey }
  const algorithm = algorithmOf(signer.privateKey)
  const { from = -60, until = 3_600 } = options
  serial += 1
  const content = sequence(
    tagged(0xa0, integer(2)),
    integer(serial),
    algorithm,
    signer.name,
    sequence(time(from), time(until)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensionsOf(options))),
  )
  const signature = sign('sha256', content, signer.privateKey)
  const der = sequence(content, algorithm, tagged(0x03, Buffer.from([0]), signature))
  return {
    cert: pem('CERTIFICATE', der),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    der: der.toString('base64'),
    publicKey,
    issuer: { name, privateKey },
  }
}

function keyPair(rsaBits: number | undefined) {
  return rsaBits === undefined
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: rsaBits })
}

/** Of RSA it has NULL for parameters (RFC 4055 §5). */
function algorithmOf({ asymmetricKeyType }: KeyObject): Buffer {
  return asymmetricKeyType === 'rsa'
    ? sequence(oid(SHA256_WITH_RSA), tagged(0x05))
    : sequence(oid(ECDSA_WITH_SHA256))
}

function extensionsOf({
  ca = false,
  altNames = [],
  purpose,
  aaguid,
}: CertificateOptions): Buffer[] {
  const names = altNames.map(([kind, value]) =>
    tagged(ALT_NAME_TAGS[kind], kind === 'ip' ? address(value) : Buffer.from(value, 'latin1')),
  )
  return [
    extension(BASIC_CONSTRAINTS, ca ? sequence(Buffer.from([0x01, 0x01, 0xff])) : sequence()),
    ...(names.length > 0 ? [extension(SUBJECT_ALT_NAME, sequence(...names))] : []),
    ...(aaguid ? [extension(FIDO_AAGUID, tagged(0x04, aaguid))] : []),
    ...(purpose ? [extension(EXTENDED_KEY_USAGE, sequence(oid(PURPOSES[purpose])))] : []),
  ]
}

function nameOf(parts: NonNullable<CertificateOptions['subject']>): Buffer {
  return sequence(
    ...parts.map(([type, value]) =>
      tagged(0x31, sequence(oid(OIDS[type]), tagged(0x0c, Buffer.from(value, 'utf8')))),
    ),
  )
}

function address(text: string): Buffer {
  return Buffer.from((isIPv4(text) ? ipaddr.IPv4 : ipaddr.IPv6).parse(text).toByteArray())
}

function extension(type: readonly number[], value: Buffer): Buffer {
  return sequence(oid(type), tagged(0x04, value))
}

/** GeneralizedTime (RFC 5280 §4.1.2.5.2). */
function time(secondsFromNow: number): Buffer {
  const iso = new Date(Date.now() + secondsFromNow * 1_000).toISOString()
  return tagged(0x18, Buffer.from(`${iso.replace(/[-:T]/g, '').slice(0, 14)}Z`))
}

function integer(value: number): Buffer {
  return tagged(0x02, Buffer.from(value < 0x80 ? [value] : [value >> 8, value & 0xff]))
}

function oid(bytes: readonly number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes))
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, ...parts)
}

function tagged(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
