/**
 * Reading BER (ITU-T X.690) as narrow as LDAP has it (RFC 4511 §5.1): one byte of tag, definite lengths
 * of up to four bytes. A directory is a stranger too: whatever points outside of what came is a fault,
 * never a shorter value and never a loop.
 */

export class BerFault extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'BerFault'
  }
}

export type Element = { tag: number; content: Buffer }

type Head = { tag: number; start: number; end: number }

/** @returns undefined where the head has not come whole yet */
function headAt(data: Buffer, at: number): Head | undefined {
  const [tag, first] = [data[at], data[at + 1]]
  if (tag === undefined || first === undefined) return undefined
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first }
  const bytes = first & 0x7f
  if (bytes === 0 || bytes > 4) throw new BerFault('a length that LDAP does not have')
  const start = at + 2 + bytes
  if (start > data.length) return undefined
  return { tag, start, end: start + data.readUIntBE(at + 2, bytes) }
}

/** Bytes of the message that `data` begins with; undefined where its head has not come whole yet. */
export function messageLength(data: Buffer): number | undefined {
  if (data.length > 0 && data[0] !== 0x30) throw new BerFault('not a message')
  return headAt(data, 0)?.end
}

/** The elements that `content` consists of. @throws BerFault */
export function elements(content: Buffer): Element[] {
  const all: Element[] = []
  for (let at = 0; at < content.length; ) {
    const head = headAt(content, at)
    if (!head || head.end > content.length) throw new BerFault('an element that ends outside')
    all.push({ tag: head.tag, content: content.subarray(head.start, head.end) })
    at = head.end
  }
  return all
}

/** The one element that `data` is, of this tag. @throws BerFault */
export function only(data: Buffer, tag: number): Buffer {
  const [first, ...others] = elements(data)
  if (others.length > 0) throw new BerFault('more than one element')
  return contentOf(first, tag)
}

/** @throws BerFault where it is not there, or another one */
export function contentOf(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new BerFault(`no element of tag ${tag}`)
  return element.content
}

/** INTEGER and ENUMERATED, of up to four bytes. @throws BerFault */
export function integerOf(content: Buffer): number {
  if (content.length < 1 || content.length > 4) throw new BerFault('an integer of another size')
  return content.readIntBE(0, content.length)
}
