import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { Issued } from './certificates.ts'

/**
 * An authenticator in software, for tests that need what no real one would send: it makes and uses
 * keys of ES256, with the attestation of a maker if need be (WebAuthn L3 §6, §8.2), and every part of what it sends can be bent.
 */
export type SoftKey = {
  credentialId: Buffer
  privateKey: KeyObject
  userHandle: string
  signCount: number
  backupEligible: boolean
}

export type Bend = {
  origin?: string
  rpId?: string
  type?: string
  challenge?: string
  crossOrigin?: boolean
  topOrigin?: string
  userPresent?: boolean
  userVerified?: boolean
  backupEligible?: boolean
  backedUp?: boolean
  signCount?: number
  userHandle?: string | undefined
  credentialId?: Buffer
  /** The model, 16 bytes; of none without. */
  aaguid?: Buffer
  /** Format `packed`: by these certificates, the first one with its key, or `self`. */
  attestation?: readonly [Issued, ...Issued[]] | 'self'
  /** Bytes behind the public key. */
  trailing?: Buffer
}

type CreationOptions = {
  rp: { id: string }
  user: { id: string }
  challenge: string
  excludeCredentials: { id: string }[]
}
type RequestOptions = { rpId: string; challenge: string }

/** A new key and the `RegistrationResponseJSON` for these options, as text. */
export function createSoftKey(
  optionsJson: string,
  { origin, ...bend }: Bend & { origin: string },
): { key: SoftKey; response: string } {
  const options = JSON.parse(optionsJson) as CreationOptions
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key: SoftKey = {
    credentialId: bend.credentialId ?? randomBytes(32),
    privateKey,
    userHandle: options.user.id,
    signCount: bend.signCount ?? 0,
    backupEligible: bend.backupEligible ?? true,
  }
  const { x, y } = publicKey.export({ format: 'jwk' })
  const cose = cbor(
    new Map<number, unknown>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x!, 'base64url')],
      [-3, Buffer.from(y!, 'base64url')],
    ]),
  )
  const idLength = Buffer.alloc(2)
  idLength.writeUInt16BE(key.credentialId.length)
  const attested = Buffer.concat([
    bend.aaguid ?? Buffer.alloc(16),
    idLength,
    key.credentialId,
    cose,
    bend.trailing ?? Buffer.alloc(0),
  ])
  const data = authenticatorData(options.rp.id, key, bend, attested)
  const clientDataJSON = clientData('webauthn.create', options.challenge, { origin, ...bend })
  const attestationObject = cbor(
    new Map<string, unknown>([
      ['fmt', bend.attestation ? 'packed' : 'none'],
      ['attStmt', packed(bend.attestation, { data, clientDataJSON, privateKey })],
      ['authData', data],
    ]),
  )
  const id = key.credentialId.toString('base64url')
  const response = {
    clientDataJSON,
    attestationObject: attestationObject.toString('base64url'),
    transports: ['internal'],
  }
  return { key, response: JSON.stringify({ id, rawId: id, type: 'public-key', response }) }
}

/** The attestation statement; an empty one where there is no attestation. */
function packed(
  by: Bend['attestation'],
  made: { data: Buffer; clientDataJSON: string; privateKey: KeyObject },
): Map<string, unknown> {
  if (!by) return new Map()
  const hash = createHash('sha256').update(Buffer.from(made.clientDataJSON, 'base64url')).digest()
  const key = by === 'self' ? made.privateKey : by[0].issuer.privateKey
  return new Map<string, unknown>([
    ['alg', -7],
    ['sig', sign('sha256', Buffer.concat([made.data, hash]), key)],
    ...(by === 'self'
      ? []
      : [['x5c', by.map(({ der }) => Buffer.from(der, 'base64'))] as [string, unknown]]),
  ])
}

/** The `AuthenticationResponseJSON` for these options, as text; the key counts on where it counts. */
export function useSoftKey(
  key: SoftKey,
  optionsJson: string,
  { origin, ...bend }: Bend & { origin: string },
): string {
  const options = JSON.parse(optionsJson) as RequestOptions
  if (bend.signCount !== undefined) key.signCount = bend.signCount
  else if (key.signCount > 0) key.signCount += 1
  const data = authenticatorData(options.rpId, key, bend)
  const clientDataJSON = clientData('webauthn.get', options.challenge, { origin, ...bend })
  const hash = createHash('sha256').update(Buffer.from(clientDataJSON, 'base64url')).digest()
  const signature = sign('sha256', Buffer.concat([data, hash]), key.privateKey)
  const id = (bend.credentialId ?? key.credentialId).toString('base64url')
  const userHandle = 'userHandle' in bend ? bend.userHandle : key.userHandle
  const response = {
    clientDataJSON,
    authenticatorData: data.toString('base64url'),
    signature: signature.toString('base64url'),
    ...(userHandle === undefined ? {} : { userHandle }),
  }
  return JSON.stringify({ id, rawId: id, type: 'public-key', response })
}

/** The options that a page hands to its script. */
export function optionsOn(html: string): string {
  const [, escaped] = /data-options="([^"]*)"/.exec(html) ?? []
  if (escaped === undefined) throw new Error('the page asks for no passkey')
  return escaped
    .replaceAll('&quot;', '"')
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

function clientData(type: string, challenge: string, bend: Bend & { origin: string }): string {
  const { origin, crossOrigin = false, topOrigin } = bend
  const said = {
    type: bend.type ?? type,
    challenge: bend.challenge ?? challenge,
    origin,
    crossOrigin,
    ...(topOrigin === undefined ? {} : { topOrigin }),
  }
  return Buffer.from(JSON.stringify(said)).toString('base64url')
}

function authenticatorData(rpId: string, key: SoftKey, bend: Bend, attested?: Buffer): Buffer {
  const { userPresent = true, userVerified = true } = bend
  const eligible = bend.backupEligible ?? key.backupEligible
  const backedUp = bend.backedUp ?? eligible
  const flags =
    Number(userPresent) |
    (Number(userVerified) << 2) |
    (Number(eligible) << 3) |
    (Number(backedUp) << 4) |
    (Number(attested !== undefined) << 6)
  const head = Buffer.alloc(5)
  head.writeUInt8(flags)
  head.writeUInt32BE(key.signCount, 1)
  const rpIdHash = createHash('sha256')
    .update(bend.rpId ?? rpId)
    .digest()
  return Buffer.concat([rpIdHash, head, ...(attested ? [attested] : [])])
}

/** RFC 8949, as much as an authenticator needs. */
function cbor(value: unknown): Buffer {
  if (typeof value === 'number') return value < 0 ? cborHead(1, -1 - value) : cborHead(0, value)
  if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    return Buffer.concat([cborHead(3, bytes.length), bytes])
  }
  if (Buffer.isBuffer(value)) return Buffer.concat([cborHead(2, value.length), value])
  if (Array.isArray(value)) {
    return Buffer.concat([cborHead(4, value.length), ...value.map(cbor)])
  }
  const entries = [...(value as Map<unknown, unknown>)]
  return Buffer.concat([cborHead(5, entries.length), ...entries.flat().map(cbor)])
}

function cborHead(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count])
  if (count < 256) return Buffer.from([(major << 5) | 24, count])
  return Buffer.from([(major << 5) | 25, count >> 8, count & 0xff])
}
