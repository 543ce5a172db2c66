import { constants, createDecipheriv, type KeyObject, privateDecrypt } from 'node:crypto'
import { quoted, SamlFault } from './fault.ts'
import { NS } from './names.ts'
import { attribute, child, textIn, type XmlElement } from './xml.ts'

/**
 * An EncryptedAssertion or EncryptedID (core §2.2.4, §2.3.4): one EncryptedData, and its key for us
 * within it or beside it.
 * RSA-OAEP only: RSA 1.5 and Triple DES are refused by name. Whatever goes wrong with a key or a text
 * is one and the same fault, so that nobody learns from us what is inside.
 */

type Cipher = {
  name: 'aes-128-gcm' | 'aes-256-gcm' | 'aes-128-cbc' | 'aes-256-cbc'
  keyBytes: number
}

const CIPHERS: Readonly<Record<string, Cipher>> = {
  'http://www.w3.org/2009/xmlenc11#aes128-gcm': { name: 'aes-128-gcm', keyBytes: 16 },
  'http://www.w3.org/2009/xmlenc11#aes256-gcm': { name: 'aes-256-gcm', keyBytes: 32 },
  // Without integrity of its own: the assertion inside has to be signed, and that is checked.
  'http://www.w3.org/2001/04/xmlenc#aes128-cbc': { name: 'aes-128-cbc', keyBytes: 16 },
  'http://www.w3.org/2001/04/xmlenc#aes256-cbc': { name: 'aes-256-cbc', keyBytes: 32 },
}

/** Those that we say in our metadata, the best first. */
export const DATA_ENCRYPTION_METHODS: readonly string[] = Object.keys(CIPHERS)

const OAEP_SHA1_MGF1 = 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p'
const OAEP = 'http://www.w3.org/2009/xmlenc11#rsa-oaep'
const OAEP_HASHES: Readonly<Record<string, 'sha1' | 'sha256' | 'sha512'>> = {
  // Of a key transport, where collisions of SHA-1 are of no use (RFC 8017 §B.1).
  'http://www.w3.org/2000/09/xmldsig#sha1': 'sha1',
  'http://www.w3.org/2001/04/xmlenc#sha256': 'sha256',
  'http://www.w3.org/2001/04/xmlenc#sha512': 'sha512',
}
const MGF_HASHES: Readonly<Record<string, string>> = {
  'http://www.w3.org/2009/xmlenc11#mgf1sha1': 'sha1',
  'http://www.w3.org/2009/xmlenc11#mgf1sha256': 'sha256',
  'http://www.w3.org/2009/xmlenc11#mgf1sha512': 'sha512',
}
const XMLENC11 = 'http://www.w3.org/2009/xmlenc11#'

/** @returns the text of the element that was encrypted, untrusted. @throws SamlFault */
export function decryptElement(encrypted: XmlElement, keys: readonly KeyObject[]): string {
  const data = one(encrypted, NS.encryption, 'EncryptedData')
  const cipher = CIPHERS[algorithmOf(data)]
  if (!cipher) throw unsupported(algorithmOf(data))
  const wrapped = encryptedKey(encrypted, data)
  const oaepHash = oaepHashOf(one(wrapped, NS.encryption, 'EncryptionMethod'))
  const text = attempt(keys, (key) =>
    decipher(cipher, unwrap(key, cipherValue(wrapped), oaepHash), cipherValue(data)),
  )
  if (text === undefined) throw new SamlFault('decryption', 'it cannot be read with our keys')
  return text
}

/** XML Encryption §3.5: in the KeyInfo of the data, or its sibling where a peer puts it there. */
function encryptedKey(encrypted: XmlElement, data: XmlElement): XmlElement {
  const info = child(data, NS.signature, 'KeyInfo')
  const within = info && child(info, NS.encryption, 'EncryptedKey')
  return within ?? one(encrypted, NS.encryption, 'EncryptedKey')
}

function oaepHashOf(method: XmlElement): 'sha1' | 'sha256' | 'sha512' {
  const algorithm = attribute(method, 'Algorithm') ?? ''
  const digest = child(method, NS.signature, 'DigestMethod')
  const hash = digest ? OAEP_HASHES[attribute(digest, 'Algorithm') ?? ''] : 'sha1'
  const mgf = child(method, XMLENC11, 'MGF')
  const mask = algorithm === OAEP && mgf ? MGF_HASHES[attribute(mgf, 'Algorithm') ?? ''] : 'sha1'
  // Node takes one hash for both.
  if (![OAEP, OAEP_SHA1_MGF1].includes(algorithm) || !hash || mask !== hash) {
    throw unsupported(algorithm)
  }
  return hash
}

function unwrap(key: KeyObject, value: Buffer, oaepHash: string): Buffer {
  return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, value)
}

function decipher({ name, keyBytes }: Cipher, key: Buffer, value: Buffer): string {
  if (key.length !== keyBytes) throw new Error('a key of another length')
  const text = name.endsWith('gcm') ? decipherGcm(name, key, value) : decipherCbc(name, key, value)
  return new TextDecoder('utf-8', { fatal: true }).decode(text)
}

/** XML Encryption 1.1 §5.2.4: 96 bits of IV, the text, 128 bits of tag. */
function decipherGcm(name: string, key: Buffer, value: Buffer): Buffer {
  if (value.length < 28) throw new Error('too short')
  const options = { authTagLength: 16 }
  const open = createDecipheriv(name as 'aes-128-gcm', key, value.subarray(0, 12), options)
  open.setAuthTag(value.subarray(-16))
  return Buffer.concat([open.update(value.subarray(12, -16)), open.final()])
}

/** XML Encryption §5.2: only the last byte of the padding says something. */
function decipherCbc(name: string, key: Buffer, value: Buffer): Buffer {
  const open = createDecipheriv(name, key, value.subarray(0, 16)).setAutoPadding(false)
  const padded = Buffer.concat([open.update(value.subarray(16)), open.final()])
  const padding = padded.at(-1) ?? 0
  if (padding < 1 || padding > 16) throw new Error('no padding')
  return padded.subarray(0, -padding)
}

function attempt<T>(keys: readonly KeyObject[], work: (key: KeyObject) => T): T | undefined {
  for (const key of keys) {
    try {
      return work(key)
    } catch {
      // The next key; what was wrong with this one is nobody's business.
    }
  }
  return undefined
}

function cipherValue(of: XmlElement): Buffer {
  const value = one(one(of, NS.encryption, 'CipherData'), NS.encryption, 'CipherValue')
  return Buffer.from(textIn(value), 'base64')
}

function algorithmOf(of: XmlElement): string {
  return attribute(one(of, NS.encryption, 'EncryptionMethod'), 'Algorithm') ?? ''
}

function one(parent: XmlElement, namespace: string, name: string): XmlElement {
  const found = child(parent, namespace, name)
  if (!found) throw new SamlFault('encryption_shape', `no ${name}`)
  return found
}

function unsupported(algorithm: string): SamlFault {
  return new SamlFault('encryption_algorithm', `is ${quoted(algorithm)}`)
}
