import type { PersonalData } from '../../domain/personal_data/collect_personal_data.ts'
import type { Translator } from '../../platform/templating/i18n.ts'
import type { Views } from '../../platform/templating/views.ts'

/**
 * The file of `/account/data` as a page: part by part, and each thing by the names that it has there.
 * Nobody reads ten thousand events, so that a part ends after the newest ones and says how many more
 * the file has.
 */
type Part = Views['account/data_page']['parts'][number]
type Fact = Part['items'][number][number]

const SHOWN = 100

/** In their order; the page has words for each. */
const PARTS = [
  'account',
  'invitation',
  'password',
  'passkeys',
  'authenticators',
  'identities',
  'recovery_codes',
  'trusted_browsers',
  'sessions',
  'sign_in_places',
  'consents',
  'notification_browsers',
  'notices',
  'messages',
  'events',
] as const satisfies readonly (keyof PersonalData)[]

export function partsOf(data: PersonalData, { moment }: Pick<Translator, 'moment'>): Part[] {
  return PARTS.flatMap((kind) => {
    const things = [data[kind] ?? []].flat() as object[]
    if (things.length === 0) return []
    const items = things.slice(0, SHOWN).map((thing) => factsOf(thing, moment))
    return [{ kind, items, more: Math.max(0, things.length - SHOWN) }]
  })
}

/** What is in it, one by one; what is not there is left out. */
function factsOf(value: unknown, moment: (time: string) => string, name = ''): Fact[] {
  if (value === null || value === undefined || value === '') return []
  if (value instanceof Date) return [{ name, value: moment(value.toISOString()) }]
  if (Array.isArray(value) && value.every((each) => typeof each !== 'object')) {
    return value.length === 0 ? [] : [{ name, value: value.join(', ') }]
  }
  if (typeof value !== 'object') return [{ name, value: String(value) }]
  return Object.entries(value).flatMap(([member, inner]) =>
    factsOf(inner, moment, name === '' ? member : `${name}.${member}`),
  )
}
