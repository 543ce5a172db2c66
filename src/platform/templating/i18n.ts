import { escapeHtml, SafeHtml } from './safe_html.ts'

/**
 * Which language a page speaks, and how a message becomes text. The messages themselves are read by
 * `catalogue.ts`. Nothing here remembers what a caller sent: the only tables are as long as the list
 * of our locales.
 */
export const LOCALES = ['en', 'de', 'es', 'fr', 'ja', 'ar'] as const
export type Locale = (typeof LOCALES)[number]

/** A text, or one text per plural category of the locale, chosen by the number `count`. */
export type Message = string | Partial<Record<Intl.LDMLPluralRule, string>>
export type Messages = ReadonlyMap<string, Message>
export type Catalogue = ReadonlyMap<Locale, Messages>
export type Params = Readonly<Record<string, string | number>>

export type Translator = {
  readonly locale: Locale
  readonly dir: 'ltr' | 'rtl'
  /** For element content: each value is escaped and isolated from the direction of its surroundings. */
  t(key: string, params?: Params): SafeHtml
  /** For attributes and titles, where no element can stand. Escaped by the view as any text. */
  text(key: string, params?: Params): string
  has(key: string): boolean
  /** What somebody has written, with its own direction. */
  bdi(value: string): SafeHtml
  /** "Try again in 5 minutes." */
  wait(retryAfterS: number): SafeHtml
  /** "26 Nov 2026, 03:47 UTC", of an ISO 8601 time: pages work without knowing where a person is. */
  moment(time: string): string
}

function directionOf(locale: Locale): 'ltr' | 'rtl' {
  return locale === 'ar' ? 'rtl' : 'ltr'
}

export function createTranslator(catalogue: Catalogue, locale: Locale): Translator {
  const messages = catalogue.get(locale)
  if (!messages) throw new Error(`there are no messages for the locale ${locale}`)
  const dir = directionOf(locale)
  const plurals = new Intl.PluralRules(locale)
  const numbers = new Intl.NumberFormat(locale)
  const moments = new Intl.DateTimeFormat(locale, MOMENT)

  function fill(key: string, params: Params, isolate: (value: string) => string): string {
    const message = messages!.get(key)
    if (message === undefined) throw new Error(`there is no message ${key} in ${locale}`)
    return pick(message, params, plurals).replace(PLACEHOLDER, (_, name: string) => {
      const value = Object.hasOwn(params, name) ? params[name] : undefined
      if (value === undefined) throw new Error(`the message ${key} needs {${name}}`)
      return typeof value === 'number' ? numbers.format(value) : isolate(value)
    })
  }

  const bdi = (value: string) => `<bdi${ltr(value)}>${escapeHtml(value)}</bdi>`
  const t = (key: string, params: Params = {}) => new SafeHtml(fill(key, params, bdi))
  const ltr = (value: string) => (dir === 'rtl' && !LETTER.test(value) ? ' dir="ltr"' : '')
  // U+2068 and U+2066 … U+2069 (Unicode TR9) do what `<bdi>` does, where no markup can stand.
  const isolated = (value: string) => `${LETTER.test(value) ? '\u2068' : '\u2066'}${value}\u2069`
  const text = (key: string, params: Params = {}) =>
    fill(key, params, (value) => (dir === 'rtl' ? isolated(value) : value))

  return {
    locale,
    dir,
    t,
    bdi: (value) => new SafeHtml(bdi(value)),
    text,
    has: (key) => messages.has(key),
    wait: (retryAfterS) => t(...waitMessage(retryAfterS)),
    moment: (time) => moments.format(new Date(time)),
  }
}

/** What has none has no direction of its own either, and is a number: with `+` before, not after it. */
const LETTER = /\p{L}/u

const MOMENT = {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
  timeZoneName: 'short',
} as const satisfies Intl.DateTimeFormatOptions

export const PLACEHOLDER = /\{([A-Za-z]+)\}/g

function pick(message: Message, params: Params, plurals: Intl.PluralRules): string {
  if (typeof message === 'string') return message
  const form = message[plurals.select(Number(params['count']))] ?? message.other
  return form ?? ''
}

function waitMessage(retryAfterS: number): [key: string, params: Params] {
  const seconds = Math.max(1, Math.ceil(retryAfterS))
  if (seconds < 90) return ['wait.seconds', { count: seconds }]
  if (seconds < 5400) return ['wait.minutes', { count: Math.ceil(seconds / 60) }]
  return ['wait.hours', { count: Math.ceil(seconds / 3600) }]
}
