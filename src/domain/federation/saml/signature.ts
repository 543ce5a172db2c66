import { getVerifiedXml } from '@node-saml/node-saml/lib/xml.js'
import { SignedXml } from 'xml-crypto'
import { quoted, SamlFault } from './fault.ts'
import { NS } from './names.ts'
import {
  attribute,
  children,
  elementsIn,
  everyElement,
  isNamed,
  textIn,
  type XmlDocument,
  type XmlElement,
} from './xml.ts'

/**
 * XML signatures as core §5.4 profiles them, and nothing that XML Signature allows besides. The shape
 * is checked before the library computes anything, so that what it looks up by name is what we saw.
 */

/** RFC 9231; what the library computes, without SHA-1 (core §5.4.1 lets a profile choose). */
const SIGNATURE_METHODS = [
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
  'http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1',
]
const DIGEST_METHODS = [
  'http://www.w3.org/2001/04/xmlenc#sha256',
  'http://www.w3.org/2001/04/xmlenc#sha512',
]
/** Core §5.4.3. */
const CANONICALIZATIONS = [
  'http://www.w3.org/2001/10/xml-exc-c14n#',
  'http://www.w3.org/2001/10/xml-exc-c14n#WithComments',
]
/** Core §5.4.4. */
const TRANSFORMS = ['http://www.w3.org/2000/09/xmldsig#enveloped-signature', ...CANONICALIZATIONS]
const INCLUSIVE_NAMESPACES = 'http://www.w3.org/2001/10/xml-exc-c14n#'

/** The signature of this very element: a direct child, and only one. */
export function signatureOf(element: XmlElement): XmlElement | undefined {
  const [signature, another] = children(element, NS.signature, 'Signature')
  if (another) throw new SamlFault('one_signature', `several of one ${element.localName}`)
  return signature
}

/**
 * Every signature of a document is one of `signable`, and of the shape of core §5.4.
 *
 * @throws SamlFault
 */
export function checkSignatureShapes(document: XmlDocument, signable: readonly XmlElement[]): void {
  const expected = signable.map(signatureOf)
  for (const element of everyElement(document.root)) {
    if (!isNamed(element, NS.signature, 'Signature')) continue
    const at = expected.indexOf(element)
    if (at < 0) throw new SamlFault('signature_place', 'a signature where none belongs')
    checkShape(element, signable[at]!)
  }
}

/** XML Signature §4: SignedInfo, SignatureValue, and KeyInfo, which nobody reads. */
function checkShape(signature: XmlElement, signed: XmlElement): void {
  if (children(signature, NS.signature, 'SignedInfo').length !== 1) {
    throw new SamlFault('one_signed_info', 'not one SignedInfo')
  }
  const parts = elementsIn(signature)
  const [info, value] = expectOnly(parts.slice(0, 2), ['SignedInfo', 'SignatureValue'])
  expectOnly(parts.slice(2), parts.length > 2 ? ['KeyInfo'] : [])
  textIn(value!)
  const [canonicalization, method, reference] = expectOnly(elementsIn(info!), [
    'CanonicalizationMethod',
    'SignatureMethod',
    'Reference',
  ])
  expectAlgorithm(canonicalization!, CANONICALIZATIONS)
  expectAlgorithm(method!, SIGNATURE_METHODS)
  expectOnlyPrefixes(canonicalization!)
  expectOnly(elementsIn(method!), [])
  checkReference(reference!, signed)
}

/** Core §5.4.2: one reference, to the ID of the element that the signature stands in. */
function checkReference(reference: XmlElement, signed: XmlElement): void {
  if (attribute(reference, 'URI') !== `#${attribute(signed, 'ID')}`) {
    throw new SamlFault('signature_reference', `is not to the ${signed.localName} it stands in`)
  }
  const [transforms, method, value] = expectOnly(elementsIn(reference), [
    'Transforms',
    'DigestMethod',
    'DigestValue',
  ])
  const steps = elementsIn(transforms!)
  if (steps.length > 2) throw new SamlFault('signature_transforms', 'more than two')
  expectOnly(steps, Array<string>(steps.length).fill('Transform'))
  for (const step of steps) {
    expectAlgorithm(step, TRANSFORMS)
    expectOnlyPrefixes(step)
  }
  expectAlgorithm(method!, DIGEST_METHODS)
  expectOnly(elementsIn(method!), [])
  textIn(value!)
}

function expectOnly(elements: XmlElement[], names: readonly string[]): XmlElement[] {
  const fits =
    elements.length === names.length &&
    elements.every((element, i) => isNamed(element, NS.signature, names[i]!))
  if (!fits) throw new SamlFault('signature_shape', `expected ${names.join(', ') || 'nothing'}`)
  return elements
}

/** Exclusive XML Canonicalization §3; some signers write it in the namespace of the algorithm. */
function expectOnlyPrefixes(algorithm: XmlElement): void {
  const spaces = [INCLUSIVE_NAMESPACES, attribute(algorithm, 'Algorithm') ?? '']
  const parts = elementsIn(algorithm)
  const known = parts.filter((part) =>
    spaces.some((space) => isNamed(part, space, 'InclusiveNamespaces')),
  )
  if (known.length < parts.length || parts.length > 1 || parts.some((p) => elementsIn(p).length)) {
    throw new SamlFault('signature_shape', 'something within an algorithm')
  }
}

function expectAlgorithm(element: XmlElement, allowed: readonly string[]): void {
  const algorithm = attribute(element, 'Algorithm')
  if (algorithm !== undefined && allowed.includes(algorithm)) return
  throw new SamlFault('signature_algorithm', `${element.localName} is ${quoted(algorithm)}`)
}

/**
 * @param element a direct or indirect part of the document; its shape has been checked
 * @param certificates PEM; KeyInfo of the message is never looked at
 * @returns the canonical text that was signed, without the signature: read this and nothing else
 * @throws SamlFault by `signature`, the same whatever the cause
 */
export function verifiedXml(
  { xml }: XmlDocument,
  element: XmlElement,
  certificates: readonly string[],
): string {
  const verified = libraryVerifies(xml, element, certificates)
  if (verified === null) {
    throw new SamlFault('signature', `of the ${element.localName} is by none of the certificates`)
  }
  return verified
}

function libraryVerifies(xml: string, element: XmlElement, certificates: readonly string[]) {
  try {
    const signers = signersOf(signatureOf(element)!, certificates)
    return signers.length === 0 ? null : getVerifiedXml(xml, asLibraryElement(element), signers)
  } catch {
    return null
  }
}

/**
 * Whose keys made it: over SignedInfo alone, which is small. The digest needs a canonical text of the
 * whole, for each certificate, and nobody gets that done who has no signature of the source to show.
 */
function signersOf(signature: XmlElement, certificates: readonly string[]): string[] {
  const [info, value] = elementsIn(signature)
  const [canonicalization, method] = elementsIn(info!)
  const library = new SignedXml()
  const text = library.getCanonXml(
    [attribute(canonicalization!, 'Algorithm') ?? ''],
    asLibraryElement(info!),
    { ancestorNamespaces: namespacesAround(info!) },
  )
  const Algorithm = library.SignatureAlgorithms[attribute(method!, 'Algorithm') ?? '']!
  const bytes = textIn(value!).replace(/\s/g, '')
  return certificates.filter((pem) => new Algorithm().verifySignature(text, pem, bytes))
}

/** Those that a PrefixList may call for; the innermost of a prefix holds. */
function namespacesAround(element: XmlElement): { prefix: string; namespaceURI: string }[] {
  const found = new Map<string, string>()
  let at = element.parentNode as XmlElement | null
  for (; at?.attributes; at = at.parentNode as XmlElement | null) {
    for (const { name, localName, value } of Array.from(at.attributes)) {
      const prefix = name.startsWith('xmlns:') ? (localName ?? '') : ''
      if (prefix && !found.has(prefix)) found.set(prefix, value)
    }
  }
  return [...found].map(([prefix, namespaceURI]) => ({ prefix, namespaceURI }))
}

type LibraryElement = Parameters<typeof getVerifiedXml>[1]

/** The same node: the library has the types of a browser. */
function asLibraryElement(element: XmlElement): LibraryElement {
  return element as unknown as LibraryElement
}
