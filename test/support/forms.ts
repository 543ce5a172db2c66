/**
 * Reads the forms of our own pages: lower-case tags, quoted attributes, no form inside a comment.
 * Enough to send a page back as a browser would; not a parser for anybody's HTML.
 */

export type Form = {
  id: string
  /** As written; empty means the page's own address. */
  action: string
  method: 'get' | 'post'
  /** What a browser would send if nobody touched the form, without any button. */
  fields: URLSearchParams
  buttons: {
    id: string
    name: string
    value: string
    text: string
    formaction: string | undefined
  }[]
}

/** Those that only a script would show come last. */
export function parseForms(html: string): Form[] {
  const found = [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)]
  const [hidden, visible] = [true, false].map((which) =>
    found.filter(([, tag = '']) => 'hidden' in attributes(tag) === which),
  )
  return [...visible!, ...hidden!].map(([, tag = '', content = '']) => {
    const { id = '', action = '', method = 'get' } = attributes(tag)
    return {
      id,
      action,
      method: method.toLowerCase() === 'post' ? 'post' : 'get',
      fields: new URLSearchParams(fields(content)),
      buttons: buttons(content),
    }
  })
}

/** The address of `<meta http-equiv="refresh" content="0; url=…">`, or undefined. */
export function metaRefresh(html: string): string | undefined {
  const tag = /<meta\b[^>]*http-equiv="refresh"[^>]*>/i.exec(html)?.[0]
  return tag && refreshUrl(attributes(tag)['content'] ?? '')
}

/** The address in `0; url=…`, as in the header Refresh. */
export function refreshUrl(content: string): string | undefined {
  return /url=['"]?([^'"]+)/i.exec(content)?.[1]
}

/** Text without tags, entities read, white space folded: for "the page says …". */
export function textOf(html: string): string {
  const visible = html.replace(/<(script|style|title)\b.*?<\/\1>/gs, ' ').replace(/<[^>]*>/g, ' ')
  return decode(visible).replace(/\s+/g, ' ').trim()
}

const CONTROL =
  /<input\b([^>]*)>|<textarea\b([^>]*)>(.*?)<\/textarea>|<select\b([^>]*)>(.*?)<\/select>/gs

function fields(html: string): [string, string][] {
  return [...html.matchAll(CONTROL)].flatMap(([, input, area, text = '', select, options = '']) => {
    if (input !== undefined) return inputField(attributes(input))
    const name = attributes(area ?? select ?? '')['name']
    if (name === undefined) return []
    return [[name, area === undefined ? chosen(options) : decode(text)] as [string, string]]
  })
}

function inputField(input: Record<string, string>): [string, string][] {
  const { name, type = 'text', value } = input
  if (name === undefined || 'disabled' in input || /^(submit|button|image)$/.test(type)) return []
  const isTick = type === 'checkbox' || type === 'radio'
  if (isTick && !('checked' in input)) return []
  return [[name, value ?? (isTick ? 'on' : '')]]
}

function chosen(html: string): string {
  const options = [...html.matchAll(/<option\b([^>]*)>([^<]*)/g)].map(([, tag = '', text = '']) => {
    const option = attributes(tag)
    return { value: option['value'] ?? decode(text).trim(), selected: 'selected' in option }
  })
  return (options.find((option) => option.selected) ?? options[0])?.value ?? ''
}

function buttons(html: string): Form['buttons'] {
  return [...html.matchAll(/<button\b([^>]*)>(.*?)<\/button>/gs)].map(([, tag = '', text = '']) => {
    const { id = '', name = '', value = '', formaction } = attributes(tag)
    return { id, name, value, text: textOf(text), formaction }
  })
}

function attributes(tag: string): Record<string, string> {
  const found = tag.matchAll(/([\w:-]+)(?:="([^"]*)"|='([^']*)')?/g)
  return Object.fromEntries(
    [...found].map(([, name = '', double, single]) => [name, decode(double ?? single ?? '')]),
  )
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ' }

function decode(text: string): string {
  return text.replace(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal) return String.fromCodePoint(Number(decimal))
    return ENTITIES[name] ?? whole
  })
}
