import { SafeHtml } from './safe_html.ts'
import { isImageUri, isWebUri } from './web_uri.ts'

/**
 * What a view is given, made strict: reading a local that was not given throws, at any depth, so a
 * typing mistake never becomes an empty place on a page. Whether an optional local is there is asked
 * with `'error' in it`; one that is `undefined` counts as absent, and so does an address that no page
 * may link to (`javascript:` and the like), whoever registered it.
 */
class MissingLocalError extends Error {
  constructor(path: string) {
    super(`a view used ${path}, which was not given`)
    this.name = 'MissingLocalError'
  }
}

type Plain = Record<string, unknown>

const LINK = /^(?:uri|href|action)$|(?:Uri|Action)$/
const sealed = new WeakSet<object>()

/** @param path how the value is written in a view, for the message: `it`, `it.client` */
export function strictLocals<T extends object>(locals: T, path = 'it'): T {
  return strict(locals, path) as T
}

function strict(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof SafeHtml || sealed.has(value)) return value
  if (Array.isArray(value)) return value.map((item, i) => strict(item, `${path}[${i}]`))
  return strictObject(value as Plain, path)
}

function strictObject(value: Plain, path: string): Plain {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`${path} is not plain data`)
  }
  const own: Plain = Object.create(null)
  for (const [name, item] of Object.entries(value)) {
    if (isPresent(name, item)) own[name] = strict(item, `${path}.${name}`)
  }
  const proxy = new Proxy(own, {
    get(target, name) {
      if (typeof name === 'symbol' || name in target) return target[name as string]
      throw new MissingLocalError(`${path}.${name}`)
    },
  })
  sealed.add(proxy)
  return proxy
}

function isPresent(name: string, item: unknown): boolean {
  if (item === undefined) return false
  if (typeof item !== 'string' || !LINK.test(name)) return true
  return name === 'logoUri' ? isImageUri(item) : isWebUri(item)
}
