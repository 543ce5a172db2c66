import { constants, createCipheriv, publicEncrypt, randomBytes, sign } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { SignedXml } from 'xml-crypto'
import type { Issued } from './certificates.ts'

/**
 * An identity provider that says whatever a test wants, right or wrong: responses, assertions and
 * messages of logout, signed by any key over any part by any algorithm, and encrypted.
 */

export type Forge = {
  idpEntityId: string
  spEntityId: string
  acsUri: string
  now: Date
}

export const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256'
export const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'
const EXC_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#'
const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature'
export const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'
export const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success'
export const PASSWORD_CLASS = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport'

/** Null leaves it out. */
export type AssertionParts = {
  id?: string
  version?: string
  issuer?: string | null
  issuerFormat?: string
  issueInstant?: Date
  /** The inside of NameID, as XML; null: no NameID. */
  nameId?: string | null
  /** The attributes of NameID, as XML. */
  nameIdAttributes?: string
  recipient?: string | null
  inResponseTo?: string | null
  /** Of the confirmation. */
  confirmedUntil?: Date | null
  method?: string
  /** More SubjectConfirmation, before ours, as XML. */
  confirmations?: string
  notBefore?: Date | null
  notOnOrAfter?: Date | null
  /** One restriction for each list. */
  audiences?: string[][]
  /** More conditions, as XML. */
  conditions?: string
  authnInstant?: Date
  sessionIndex?: string
  sessionNotOnOrAfter?: Date
  classRef?: string | null
  /** In place of the AuthnStatement, as XML. */
  authnStatement?: string
  /** Name → values, or the statement as XML. */
  attributes?: Record<string, string[]> | string
}

export type ResponseParts = {
  id?: string
  version?: string
  issuer?: string | null
  issueInstant?: Date
  destination?: string | null
  inResponseTo?: string | null
  status?: string
  secondStatus?: string
  /** Before the assertion, as XML. */
  before?: string
}

const ago = (now: Date, seconds: number) => new Date(now.getTime() - seconds * 1_000)

function attr(name: string, value: string | Date | null | undefined): string {
  if (value === null || value === undefined) return ''
  return ` ${name}="${value instanceof Date ? value.toISOString() : value}"`
}

export function assertionXml(forge: Forge, requestId: string | null, parts: AssertionParts = {}) {
  const { now } = forge
  const { id = `_a${randomBytes(16).toString('hex')}`, version = '2.0', attributes = {} } = parts
  const issuer = parts.issuer === undefined ? forge.idpEntityId : parts.issuer
  return (
    `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="${id}"` +
    `${attr('Version', version)}${attr('IssueInstant', parts.issueInstant ?? now)}>` +
    (issuer === null
      ? ''
      : `<saml:Issuer${attr('Format', parts.issuerFormat)}>${issuer}</saml:Issuer>`) +
    subjectXml(forge, requestId, parts) +
    `<saml:Conditions${attr('NotBefore', parts.notBefore === undefined ? ago(now, 30) : parts.notBefore)}` +
    `${attr('NotOnOrAfter', parts.notOnOrAfter === undefined ? ago(now, -300) : parts.notOnOrAfter)}>` +
    (parts.audiences ?? [[forge.spEntityId]]).map(restrictionXml).join('') +
    `${parts.conditions ?? ''}</saml:Conditions>` +
    (parts.authnStatement ?? authnStatementXml(now, parts)) +
    (typeof attributes === 'string' ? attributes : attributesXml(attributes)) +
    '</saml:Assertion>'
  )
}

function subjectXml(forge: Forge, requestId: string | null, parts: AssertionParts): string {
  const { nameId = 'opaque-1', nameIdAttributes = ` Format="${PERSISTENT}"` } = parts
  const named = nameId === null ? '' : `<saml:NameID${nameIdAttributes}>${nameId}</saml:NameID>`
  const recipient = parts.recipient === undefined ? forge.acsUri : parts.recipient
  const inResponseTo = parts.inResponseTo === undefined ? requestId : parts.inResponseTo
  const until = parts.confirmedUntil === undefined ? ago(forge.now, -300) : parts.confirmedUntil
  return (
    `<saml:Subject>${named}${parts.confirmations ?? ''}<saml:SubjectConfirmation` +
    `${attr('Method', parts.method ?? 'urn:oasis:names:tc:SAML:2.0:cm:bearer')}>` +
    `<saml:SubjectConfirmationData${attr('Recipient', recipient)}` +
    `${attr('InResponseTo', inResponseTo)}${attr('NotOnOrAfter', until)}/>` +
    '</saml:SubjectConfirmation></saml:Subject>'
  )
}

function restrictionXml(audiences: string[]): string {
  const inner = audiences.map((audience) => `<saml:Audience>${audience}</saml:Audience>`).join('')
  return `<saml:AudienceRestriction>${inner}</saml:AudienceRestriction>`
}

export function authnStatementXml(now: Date, parts: AssertionParts = {}): string {
  const { classRef = PASSWORD_CLASS, sessionIndex = '_session1' } = parts
  const context =
    classRef === null ? '' : `<saml:AuthnContextClassRef>${classRef}</saml:AuthnContextClassRef>`
  return (
    `<saml:AuthnStatement${attr('AuthnInstant', parts.authnInstant ?? now)}` +
    `${attr('SessionIndex', sessionIndex)}${attr('SessionNotOnOrAfter', parts.sessionNotOnOrAfter)}>` +
    `<saml:AuthnContext>${context}</saml:AuthnContext></saml:AuthnStatement>`
  )
}

export function attributesXml(attributes: Record<string, string[]>): string {
  const each = Object.entries(attributes).map(
    ([name, values]) =>
      `<saml:Attribute Name="${name}">${values
        .map((value) => `<saml:AttributeValue>${value}</saml:AttributeValue>`)
        .join('')}</saml:Attribute>`,
  )
  return each.length > 0
    ? `<saml:AttributeStatement>${each.join('')}</saml:AttributeStatement>`
    : ''
}

export function responseXml(
  forge: Forge,
  requestId: string | null,
  assertions: string,
  parts: ResponseParts = {},
): string {
  const { id = `_r${randomBytes(16).toString('hex')}`, version = '2.0', status = SUCCESS } = parts
  const issuer = parts.issuer === undefined ? forge.idpEntityId : parts.issuer
  const destination = parts.destination === undefined ? forge.acsUri : parts.destination
  const inResponseTo = parts.inResponseTo === undefined ? requestId : parts.inResponseTo
  const second = parts.secondStatus ? `<samlp:StatusCode Value="${parts.secondStatus}"/>` : ''
  return (
    '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"' +
    ` xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="${id}"${attr('Version', version)}` +
    `${attr('IssueInstant', parts.issueInstant ?? forge.now)}${attr('Destination', destination)}` +
    `${attr('InResponseTo', inResponseTo)}>` +
    (issuer === null ? '' : `<saml:Issuer>${issuer}</saml:Issuer>`) +
    `<samlp:Status><samlp:StatusCode Value="${status}">${second}</samlp:StatusCode></samlp:Status>` +
    `${parts.before ?? ''}${assertions}</samlp:Response>`
  )
}

export type SigningOptions = {
  algorithm?: string
  digest?: string
  transforms?: string[]
  canonicalization?: string
  /** PrefixList of InclusiveNamespaces, as Java's libraries write it. */
  prefixes?: string[]
  /** The certificate in KeyInfo: of the signer unless said otherwise. */
  keyInfo?: string | null
}

/** Signs the element of this ID; the signature stands behind its Issuer. */
export function signElement(xml: string, id: string, by: Issued, options: SigningOptions = {}) {
  const signer = new SignedXml({
    privateKey: by.key,
    ...(options.keyInfo === null ? {} : { publicCert: options.keyInfo ?? by.cert }),
    signatureAlgorithm: options.algorithm ?? RSA_SHA256,
    canonicalizationAlgorithm: options.canonicalization ?? EXC_C14N,
    inclusiveNamespacesPrefixList: options.prefixes ?? [],
  })
  signer.addReference({
    xpath: `//*[@ID='${id}']`,
    digestAlgorithm: options.digest ?? SHA256,
    transforms: options.transforms ?? [ENVELOPED, EXC_C14N],
    inclusiveNamespacesPrefixList: options.prefixes ?? [],
  })
  const issuer = `//*[@ID='${id}']/*[local-name(.)='Issuer']`
  signer.computeSignature(xml, {
    prefix: 'ds',
    location: { reference: issuer, action: 'after' },
  })
  return signer.getSignedXml()
}

/** The ID of the first element of this name. */
export function idOf(xml: string, element: string): string {
  const found = new RegExp(`<(?:\\w+:)?${element}\\b[^>]*\\bID="([^"]+)"`).exec(xml)?.[1]
  if (!found) throw new Error(`no ${element} in the message`)
  return found
}

export function post(xml: string): string {
  return Buffer.from(xml).toString('base64')
}

/** A signed query of HTTP-Redirect, without the question mark. */
export function redirectQuery(
  field: 'SAMLRequest' | 'SAMLResponse',
  xml: string | Buffer,
  by: Issued | undefined,
  { relayState, algorithm = RSA_SHA256 }: { relayState?: string; algorithm?: string } = {},
): string {
  const message = Buffer.isBuffer(xml) ? xml : deflateRawSync(Buffer.from(xml))
  const parts = [`${field}=${encodeURIComponent(message.toString('base64'))}`]
  if (relayState !== undefined) parts.push(`RelayState=${encodeURIComponent(relayState)}`)
  if (!by) return parts.join('&')
  parts.push(`SigAlg=${encodeURIComponent(algorithm)}`)
  const hash = algorithm.endsWith('sha1') ? 'sha1' : 'sha256'
  const signature = sign(hash, Buffer.from(parts.join('&')), by.key).toString('base64')
  return `${parts.join('&')}&Signature=${encodeURIComponent(signature)}`
}

const CIPHERS = {
  'aes128-gcm': ['http://www.w3.org/2009/xmlenc11#aes128-gcm', 'aes-128-gcm', 16, 12],
  'aes256-gcm': ['http://www.w3.org/2009/xmlenc11#aes256-gcm', 'aes-256-gcm', 32, 12],
  'aes128-cbc': ['http://www.w3.org/2001/04/xmlenc#aes128-cbc', 'aes-128-cbc', 16, 16],
  'aes256-cbc': ['http://www.w3.org/2001/04/xmlenc#aes256-cbc', 'aes-256-cbc', 32, 16],
} as const

const TRANSPORTS = {
  'oaep-sha1': ['http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p', 'sha1', ''],
  'oaep-sha256': [
    'http://www.w3.org/2009/xmlenc11#rsa-oaep',
    'sha256',
    `<ds:DigestMethod Algorithm="${SHA256}"/>` +
      '<xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#"' +
      ' Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/>',
  ],
} as const

export type EncryptionOptions = {
  cipher?: keyof typeof CIPHERS
  transport?: keyof typeof TRANSPORTS
  /** Named in the message in place of what was done. */
  claimTransport?: string
  claimCipher?: string
  /** The key beside the data, and not within its KeyInfo. */
  keyBeside?: boolean
  /** What encrypts, in place of EncryptedAssertion. */
  element?: string
}

/** @param certificate of whom it is for, in PEM */
export function encryptElement(xml: string, certificate: string, options: EncryptionOptions = {}) {
  const [cipherUri, cipher, keyBytes, ivBytes] = CIPHERS[options.cipher ?? 'aes256-gcm']
  const [transportUri, oaepHash, parameters] = TRANSPORTS[options.transport ?? 'oaep-sha1']
  const key = randomBytes(keyBytes)
  const iv = randomBytes(ivBytes)
  const gcm = cipher.endsWith('gcm')
  const close = createCipheriv(cipher as 'aes-256-gcm', key, iv)
  const text = [iv, close.update(xml, 'utf8'), close.final()]
  const value = Buffer.concat(gcm ? [...text, close.getAuthTag()] : text)
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const wrapped = publicEncrypt({ key: certificate, padding, oaepHash }, key)
  const encryptedKey =
    `<xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="${options.claimTransport ?? transportUri}">` +
    `${parameters}</xenc:EncryptionMethod>${cipherData(wrapped)}</xenc:EncryptedKey>`
  const info = options.keyBeside ? '' : `<ds:KeyInfo>${encryptedKey}</ds:KeyInfo>`
  const element = options.element ?? 'EncryptedAssertion'
  return (
    `<saml:${element} xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"` +
    ' xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">' +
    `<xenc:EncryptedData><xenc:EncryptionMethod Algorithm="${options.claimCipher ?? cipherUri}"/>` +
    `${info}${cipherData(value)}</xenc:EncryptedData>` +
    `${options.keyBeside ? encryptedKey : ''}</saml:${element}>`
  )
}

function cipherData(value: Buffer): string {
  const text = value.toString('base64')
  return `<xenc:CipherData><xenc:CipherValue>${text}</xenc:CipherValue></xenc:CipherData>`
}

/** Metadata of an identity provider; `keys` are KeyDescriptors as XML, or certificates in base64. */
export function idpMetadata(input: {
  entityId: string
  keys: string[]
  sso?: string
  slo?: string
  sloResponse?: string
  attributes?: string
  roleAttributes?: string
}): string {
  const keys = input.keys.map((key) => (key.startsWith('<') ? key : keyDescriptor(key)))
  const bindings = ['HTTP-Redirect', 'HTTP-POST'].map(
    (name) => `urn:oasis:names:tc:SAML:2.0:bindings:${name}`,
  )
  const slo = input.slo
  return (
    '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"' +
    ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="${input.entityId}"${input.attributes ?? ''}>` +
    '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"' +
    `${input.roleAttributes ?? ''}>${keys.join('')}` +
    (slo === undefined
      ? ''
      : bindings
          .map(
            (binding) =>
              `<md:SingleLogoutService Binding="${binding}" Location="${slo}"` +
              `${attr('ResponseLocation', input.sloResponse)}/>`,
          )
          .join('')) +
    bindings
      .map(
        (binding) =>
          `<md:SingleSignOnService Binding="${binding}" Location="${input.sso ?? 'https://idp.example/sso'}"/>`,
      )
      .join('') +
    '</md:IDPSSODescriptor></md:EntityDescriptor>'
  )
}

export function keyDescriptor(der: string, use?: 'signing' | 'encryption'): string {
  return (
    `<md:KeyDescriptor${attr('use', use)}><ds:KeyInfo><ds:X509Data>` +
    `<ds:X509Certificate>${der}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
  )
}

/** LogoutRequest or LogoutResponse. */
export function logoutXml(
  forge: Forge,
  element: 'LogoutRequest' | 'LogoutResponse',
  destination: string,
  parts: {
    id?: string
    issuer?: string
    issueInstant?: Date
    notOnOrAfter?: Date
    inResponseTo?: string
    /** After the Issuer, as XML. */
    content?: string
  } = {},
): string {
  const { id = `_l${randomBytes(16).toString('hex')}`, issuer = forge.idpEntityId } = parts
  return (
    `<samlp:${element} xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"` +
    ` xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="${id}" Version="2.0"` +
    `${attr('IssueInstant', parts.issueInstant ?? forge.now)}${attr('Destination', destination)}` +
    `${attr('NotOnOrAfter', parts.notOnOrAfter)}${attr('InResponseTo', parts.inResponseTo)}>` +
    `<saml:Issuer>${issuer}</saml:Issuer>${parts.content ?? ''}</samlp:${element}>`
  )
}
