import { ASSERTION_CHECKS, type AssertionContext } from './assertion_checks.ts'
import { type Expectations, runChecks } from './check.ts'
import { decryptElement } from './decryption.ts'
import { SamlFault } from './fault.ts'
import type { IdpDescriptor } from './idp_metadata.ts'
import { NS } from './names.ts'
import {
  assertionsIn,
  DECRYPTED_CHECKS,
  RESPONSE_CHECKS,
  type ResponseContext,
} from './response_checks.ts'
import { MESSAGE_LIMITS } from './scan_xml.ts'
import { checkSignatureShapes, signatureOf, verifiedXml } from './signature.ts'
import type { SpKeys } from './sp_keys.ts'
import { isNamed, parseXml, type XmlDocument, type XmlElement } from './xml.ts'

/**
 * From the field of a form to an assertion that may be believed. The order matters: text, structure,
 * what the message says it is, signatures; and then only what was signed is read again, by itself.
 */

export type ResponseRules = Expectations &
  Omit<AssertionContext, 'assertion'> &
  Pick<ResponseContext, 'wantEncrypted'> & {
    wantAssertionSigned: boolean
    wantResponseSigned: boolean
  }

/**
 * @param field `SAMLResponse` of HTTP-POST (bindings §3.5.4)
 * @returns the assertion, verified and checked
 * @throws SamlFault
 */
export function readResponse(
  field: string,
  rules: ResponseRules,
  idp: Pick<IdpDescriptor, 'certificates'>,
  keys: () => Pick<SpKeys, 'decryption'>,
): XmlElement {
  const document = parseXml(decodePost(field))
  runChecks(RESPONSE_CHECKS, { ...rules, response: document.root })
  const assertion = signedAssertion(document, rules, idp.certificates, keys)
  runChecks(ASSERTION_CHECKS, { ...rules, assertion })
  return assertion
}

/** Base64 as forms carry it, of UTF-8. @throws SamlFault */
export function decodePost(field: string): string {
  if (field.length > (MESSAGE_LIMITS.maxBytes * 3) / 2) {
    throw new SamlFault('xml_size', `more than ${MESSAGE_LIMITS.maxBytes} bytes`)
  }
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(field)) throw new SamlFault('base64', 'it is not base64')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(field, 'base64'))
  } catch {
    throw new SamlFault('xml_text', 'it is not UTF-8')
  }
}

/**
 * Every signature that there is has to hold, and those have to be there that the settings want. The
 * response is verified before anything in it is decrypted.
 */
function signedAssertion(
  document: XmlDocument,
  rules: ResponseRules,
  certificates: readonly string[],
  keys: () => Pick<SpKeys, 'decryption'>,
): XmlElement {
  const [found] = assertionsIn(document.root)
  checkSignatureShapes(document, [document.root, found!])
  const responseSigned = signatureOf(document.root) !== undefined
  if (rules.wantResponseSigned && !responseSigned) {
    throw new SamlFault('response_signature', 'the response is not signed (core §5.4)')
  }
  const trusted = responseSigned
    ? parseXml(verifiedXml(document, document.root, certificates))
    : document
  const [inner] = assertionsIn(trusted.root)
  const encrypted = isNamed(inner!, NS.assertion, 'EncryptedAssertion')
  // A signature over the assertion is checked where it was made: in the message as it came.
  const source = encrypted ? decrypted(inner!, keys()) : { ...document, root: found! }
  const signed = signatureOf(source.root) !== undefined
  if ((rules.wantAssertionSigned || !responseSigned) && !signed) {
    throw new SamlFault('assertion_signature', 'the assertion is not signed (core §5.4)')
  }
  if (!signed) return encrypted ? source.root : inner!
  return parseXml(verifiedXml(source, source.root, certificates)).root
}

function decrypted(element: XmlElement, keys: Pick<SpKeys, 'decryption'>): XmlDocument {
  const document = parseXml(decryptElement(element, keys.decryption))
  runChecks(DECRYPTED_CHECKS, { response: document.root })
  checkSignatureShapes(document, [document.root])
  return document
}
