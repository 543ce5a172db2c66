import { LOCALES } from '../../../platform/templating/i18n.ts'
import type { ProfileFieldView, StandardFieldName } from '../../../platform/templating/views.ts'
import { type Attribute, type Fault, wordsIn } from './attribute.ts'
import { isLanguageTag } from './formats.ts'
import { type AddressMember, type Field, optionName, type Typed } from './profile_fields.ts'

/** How the fields of a profile look on a page: their words, and what browsers know of them. */

/** The word under which browsers know what stands there (HTML §4.10.18.7), where they do. */
const AUTOCOMPLETE: Readonly<Record<StandardFieldName | AddressMember, string | undefined>> = {
  name: 'name',
  given_name: 'given-name',
  middle_name: 'additional-name',
  family_name: 'family-name',
  nickname: 'nickname',
  gender: 'sex',
  birthdate: 'bday',
  locale: 'language',
  zoneinfo: undefined,
  website: 'url',
  profile: undefined,
  picture: 'photo',
  street_address: 'street-address',
  postal_code: 'postal-code',
  locality: 'address-level2',
  region: 'address-level1',
  country: 'country-name',
}

/** @param faults by the names of fields */
export function viewsOf(
  fields: readonly Field[],
  { typed, faults, locale }: { typed: Typed; faults?: ReadonlyMap<string, Fault>; locale: string },
): ProfileFieldView[] {
  return fields.map((field) => {
    const fault = faults?.get(field.name)
    const { name, required } = field
    const filled = { name, required, value: typed[name] ?? '' }
    return {
      ...filled,
      ...(field.kind === 'attribute'
        ? ofAttribute(field, { typed, locale })
        : ofClaim(field, filled.value)),
      problem: fault?.kind,
      limit: fault?.limit,
    }
  })
}

type Look = Pick<
  ProfileFieldView,
  'claim' | 'control' | 'title' | 'description' | 'options' | 'autocomplete' | 'inputMode'
>

function ofClaim(field: Field & { kind: 'claim' | 'address' }, value: string): Look {
  const claim = field.kind === 'claim' ? field.claim : field.member
  const look = { claim, autocomplete: AUTOCOMPLETE[claim] }
  if (claim === 'locale') return { ...look, control: 'choice', options: languages(value) }
  return { ...look, control: claim === 'street_address' ? 'lines' : 'text' }
}

/** Those of the pages, in their own words, and the one of the account where it is another. */
function languages(value: string): ProfileFieldView['options'] {
  const known: string[] = [...LOCALES]
  const all =
    value === '' || known.includes(value) || !isLanguageTag(value) ? known : [value, ...known]
  return all.map((tag) => ({
    value: tag,
    title: new Intl.DisplayNames([tag], { type: 'language' }).of(tag) ?? tag,
    chosen: tag === value,
  }))
}

function ofAttribute(
  field: Field & { kind: 'attribute' },
  { typed, locale }: { typed: Typed; locale: string },
): Look {
  const { attribute } = field
  return {
    control: attribute.kind,
    title: wordsIn(attribute.titles, locale) ?? attribute.name,
    description: wordsIn(attribute.descriptions, locale),
    inputMode: inputModeOf(attribute),
    options: attribute.options.map(({ value, titles }, i) => ({
      value,
      name: optionName(field, i),
      title: wordsIn(titles, locale) ?? value,
      chosen:
        attribute.kind === 'choices'
          ? typed[optionName(field, i)] !== undefined
          : typed[field.name] === value,
    })),
  }
}

function inputModeOf({ kind, schema }: Attribute): ProfileFieldView['inputMode'] {
  if (kind === 'number') return schema['type'] === 'integer' ? 'numeric' : 'decimal'
  if (schema['format'] === 'email') return 'email'
  return schema['format'] === 'uri' ? 'url' : undefined
}
