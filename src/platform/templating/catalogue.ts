import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Catalogue,
  LOCALES,
  type Locale,
  type Message,
  type Messages,
  PLACEHOLDER,
} from './i18n.ts'

/**
 * Reads `views/locales/*.json`: flat keys, each a text with `{name}` placeholders or one text per
 * plural category. A catalogue with a gap does not load, so no person meets a key instead of a word.
 *
 * @throws Error naming every fault in every locale
 */
export function loadCatalogue(localesDir: string): Catalogue {
  const catalogue = new Map<Locale, Messages>()
  for (const locale of LOCALES) {
    const file = readFileSync(join(localesDir, `${locale}.json`), 'utf8')
    catalogue.set(locale, new Map(Object.entries(JSON.parse(file) as Record<string, Message>)))
  }
  const faults = catalogueFaults(catalogue)
  if (faults.length > 0) throw new Error(`the locales are not whole:\n  ${faults.join('\n  ')}`)
  return catalogue
}

/** What keeps the locales from saying the same things: English is the measure. */
export function catalogueFaults(catalogue: Catalogue): string[] {
  const reference = catalogue.get('en') ?? new Map()
  return [...catalogue].flatMap(([locale, messages]) => {
    const categories = pluralCategories(locale)
    return [
      ...[...reference.keys()]
        .filter((key) => !messages.has(key))
        .map((key) => `${locale}: ${key} is missing`),
      ...[...messages].flatMap(([key, message]) =>
        messageFaults(categories, message, reference.get(key)).map(
          (fault) => `${locale}: ${key} ${fault}`,
        ),
      ),
    ]
  })
}

function messageFaults(categories: string, message: Message, reference?: Message): string[] {
  if (reference === undefined) return ['is not in en']
  if (typeof message !== typeof reference) return ['has plural forms in one locale only']
  const faults = typeof message === 'string' ? [] : categoryFaults(categories, message)
  if (texts(message).some((text) => text.trim() === '')) faults.push('is empty')
  if (placeholders(message) !== placeholders(reference))
    faults.push('has other placeholders than en')
  return faults
}

function categoryFaults(expected: string, forms: Exclude<Message, string>): string[] {
  const given = Object.keys(forms).toSorted().join(', ')
  return expected === given ? [] : [`needs the plural forms ${expected}`]
}

function pluralCategories(locale: Locale): string {
  return new Intl.PluralRules(locale).resolvedOptions().pluralCategories.toSorted().join(', ')
}

function texts(message: Message): string[] {
  return typeof message === 'string' ? [message] : Object.values(message)
}

/** Over all plural forms together: Arabic says "one minute" without a number. */
function placeholders(message: Message): string {
  const text = texts(message).join('\n')
  // Most have none, and every start looks at all of them.
  if (!text.includes('{')) return ''
  const names = [...text.matchAll(PLACEHOLDER)].map((match) => match[1]!)
  return [...new Set(names)].toSorted().join()
}
