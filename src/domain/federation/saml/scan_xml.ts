import { SamlFault } from './fault.ts'

/**
 * One pass over the text of a message before anything else reads it. What costs a parser dear (depth,
 * many nodes, many attributes) and what makes two readers see different texts (comments, CDATA,
 * processing instructions, document types and their entities) ends here, in linear time.
 */

export type XmlLimits = {
  maxBytes: number
  maxDepth: number
  maxElements: number
  maxAttributes: number
}

/**
 * A response with a thousand groups has some 1100 elements, a depth of 10 and 100 kB. Checking a
 * signature costs the square of the elements: 3000 take a fifth of a second, 10,000 two.
 */
export const MESSAGE_LIMITS: XmlLimits = {
  maxBytes: 256 * 1024,
  maxDepth: 32,
  maxElements: 3_000,
  maxAttributes: 64,
}

/** XML 1.0 §2.2: what no document may hold, and what looks like one character and is another. */
const FORBIDDEN = /[^\P{Cc}\t\n\r\u0080-\u009f]|[\ufffe\uffff]/u
const DECLARATION = /^<\?xml [^?<>]*\?>/
const FOREIGN_ENCODING = /encoding\s*=\s*["'](?!utf-8["'])/i

/**
 * @returns the text as a parser is to have it: without byte order mark, lines ended by LF (XML §2.11)
 * @throws SamlFault by `xml_size`, `xml_text`, `xml_markup`, `xml_depth`, `xml_elements` or
 *   `xml_attributes`
 */
export function scanXml(text: string, limits: XmlLimits, { comments = false } = {}): string {
  if (Buffer.byteLength(text) > limits.maxBytes) {
    throw new SamlFault('xml_size', `more than ${limits.maxBytes} bytes`)
  }
  const xml = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n')
  if (FORBIDDEN.test(xml)) throw new SamlFault('xml_text', 'a character that XML does not have')
  const declaration = DECLARATION.exec(xml)?.[0] ?? ''
  if (FOREIGN_ENCODING.test(declaration)) {
    throw new SamlFault('xml_text', 'an encoding other than UTF-8')
  }
  if (!/^\s*</.test(xml.slice(declaration.length))) {
    throw new SamlFault('xml_form', 'text before the first element')
  }
  walkTags(xml, declaration.length, limits, comments)
  return xml
}

function walkTags(xml: string, start: number, limits: XmlLimits, comments: boolean): void {
  let depth = 0
  let elements = 0
  for (let at = xml.indexOf('<', start); at >= 0; ) {
    const comment = comments && xml.startsWith('<!--', at)
    if (!comment) refuseMarkup(xml, at)
    const end = comment ? endOfComment(xml, at) : endOfTag(xml, at, limits)
    if (xml[at + 1] === '/') depth -= 1
    else if (!comment) {
      elements += 1
      if (xml[end - 1] !== '/') depth += 1
    }
    if (depth > limits.maxDepth) throw new SamlFault('xml_depth', `more than ${limits.maxDepth}`)
    if (elements > limits.maxElements) {
      throw new SamlFault('xml_elements', `more than ${limits.maxElements}`)
    }
    at = xml.indexOf('<', end)
  }
}

/** SAML core has no need of any of them, and each has been used to hide text from a reader. */
function refuseMarkup(xml: string, at: number): void {
  const next = xml[at + 1]
  if (next === '!') {
    const what = /^<!(--|\[CDATA\[|DOCTYPE)/i.exec(xml.slice(at, at + 10))?.[1] ?? 'declaration'
    const names: Record<string, string> = { '--': 'a comment', '[CDATA[': 'CDATA' }
    throw new SamlFault('xml_markup', names[what.toUpperCase()] ?? 'a document type or entity')
  }
  if (next === '?') throw new SamlFault('xml_markup', 'a processing instruction')
}

function endOfComment(xml: string, at: number): number {
  const end = xml.indexOf('-->', at + 4)
  if (end < 0) throw new SamlFault('xml_form', 'a comment that does not end')
  return end + 2
}

/** The place of the `>` that ends the tag: one between quotes does not. */
function endOfTag(xml: string, at: number, limits: XmlLimits): number {
  let attributes = 0
  for (let i = at + 1; i < xml.length; i++) {
    const character = xml[i]
    if (character === '>') return i
    if (character === '<') break
    if (character !== '"' && character !== "'") continue
    attributes += 1
    if (attributes > limits.maxAttributes) {
      throw new SamlFault('xml_attributes', `more than ${limits.maxAttributes} of one element`)
    }
    i = xml.indexOf(character, i + 1)
    if (i < 0) break
  }
  throw new SamlFault('xml_form', 'a tag that does not end')
}
