import { createRequire } from 'node:module'
import { SamlFault } from './fault.ts'
import { MESSAGE_LIMITS, scanXml, type XmlLimits } from './scan_xml.ts'

/**
 * Reading XML: the scan, then a parser that forgives nothing. By `require`, and with as much of the
 * DOM as we use, because the types of the package bring those of a whole browser into every file.
 */

export type XmlNode = { nodeType: number; parentNode: XmlNode | null }

export type XmlAttribute = {
  name: string
  localName: string | null
  namespaceURI: string | null
  value: string
}

export type XmlElement = XmlNode & {
  nodeName: string
  localName: string
  namespaceURI: string | null
  textContent: string
  childNodes: ArrayLike<XmlNode>
  attributes: ArrayLike<XmlAttribute>
  getAttribute(name: string): string | null
  hasAttribute(name: string): boolean
  toString(): string
}

type Parser = { parseFromString(xml: string, type: 'text/xml'): XmlElement }
type ParserOptions = { locator: object; errorHandler: (level: string, message: string) => void }

const require = createRequire(import.meta.url)
const { DOMParser } = require('@xmldom/xmldom') as {
  DOMParser: new (options: ParserOptions) => Parser
}

const ELEMENT = 1
const TEXT = 3

export type XmlDocument = {
  /** What was parsed, byte for byte: signatures are checked over this and nothing else. */
  xml: string
  root: XmlElement
}

/**
 * @param text untrusted
 * @throws SamlFault: see `scanXml`, and `xml_form` where it is not well-formed or has several roots
 */
export function parseXml(
  text: string,
  limits: XmlLimits = MESSAGE_LIMITS,
  options: { comments?: boolean } = {},
): XmlDocument {
  const xml = scanXml(text, limits, options)
  const roots = elementsIn(wellFormed(xml))
  const [root] = roots
  if (!root || roots.length !== 1) throw new SamlFault('xml_form', 'not one root element')
  for (const element of everyElement(root)) refuseUnbound(element)
  return { xml, root }
}

/** Namespaces in XML §5: the parser takes a prefix that nobody declared, and canonical XML fails by it. */
function refuseUnbound({ nodeName, namespaceURI, attributes }: XmlElement): void {
  const named = [{ name: nodeName, namespaceURI }, ...Array.from(attributes)]
  if (named.some((each) => each.name.includes(':') && !each.namespaceURI)) {
    throw new SamlFault('xml_form', 'a prefix that is not declared')
  }
}

function wellFormed(xml: string): XmlElement {
  const document = parseStrictly(xml)
  for (const node of Array.from(document.childNodes)) {
    const text = node.nodeType === TEXT && (node as XmlElement).textContent?.trim()
    if (text) throw new SamlFault('xml_form', 'text beside the root element')
  }
  return document
}

function parseStrictly(xml: string): XmlElement {
  try {
    return new DOMParser({
      locator: {},
      // A parser that repairs what it reads lets two readers read two things.
      errorHandler: () => {
        throw new SamlFault('xml_form', 'not well-formed')
      },
    }).parseFromString(xml, 'text/xml')
  } catch (error) {
    if (error instanceof SamlFault) throw error
    throw new SamlFault('xml_form', 'not well-formed')
  }
}

export function elementsIn(parent: XmlElement): XmlElement[] {
  return Array.from(parent.childNodes).filter((node) => node.nodeType === ELEMENT) as XmlElement[]
}

export function isNamed(element: XmlElement, namespace: string, name: string): boolean {
  return element.namespaceURI === namespace && element.localName === name
}

/** The direct children of this name. */
export function children(parent: XmlElement, namespace: string, name: string): XmlElement[] {
  return elementsIn(parent).filter((element) => isNamed(element, namespace, name))
}

/** The one direct child of this name, or undefined. @throws SamlFault where there are several */
export function child(parent: XmlElement, namespace: string, name: string): XmlElement | undefined {
  const found = children(parent, namespace, name)
  if (found.length > 1) throw new SamlFault('xml_structure', `several ${name}`)
  return found[0]
}

/** The element and all below it, in the order of the document. */
export function* everyElement(root: XmlElement): Generator<XmlElement> {
  yield root
  for (const element of elementsIn(root)) yield* everyElement(element)
}

/** Undefined where it is absent, which an empty one is not. */
export function attribute(element: XmlElement, name: string): string | undefined {
  return element.hasAttribute(name) ? (element.getAttribute(name) ?? undefined) : undefined
}

/**
 * The whole text of an element that has nothing but text; white space around it is dropped.
 *
 * @throws SamlFault where there are elements in it: what is between them would be read as one word
 */
export function textIn(element: XmlElement): string {
  if (elementsIn(element).length > 0) {
    throw new SamlFault('xml_structure', `elements in the text of ${element.localName}`)
  }
  return element.textContent.trim()
}

/** The text of the one direct child of this name; undefined where there is none. @throws SamlFault */
export function childText(parent: XmlElement, namespace: string, name: string): string | undefined {
  const found = child(parent, namespace, name)
  return found && textIn(found)
}

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

/** Text as it stands in an element or between the quotes of an attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"'\t\n\r]/g, (character) => ESCAPES[character]!)
}
