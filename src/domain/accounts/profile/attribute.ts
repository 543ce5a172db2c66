/**
 * The attributes that a deployment keeps of people beside the standard claims: named, typed and worded
 * by the JSON Schema that `AUTHCORE_PROFILE_SCHEMA` names. `read_profile_schema.ts` makes them of it;
 * docs/ACCOUNT.md tells what may stand there.
 */

/** A text for each locale that has one; `''` is the one for all others. */
export type Words = Readonly<Record<string, string>>

/** When a person is asked for it, beside the profile page. */
export type Ask = 'sign_up' | 'after_sign_in' | 'profile_only'

export type Attribute = {
  name: string
  kind: 'text' | 'date' | 'number' | 'choice' | 'yes_no' | 'choices'
  /** Of kind `choice` and `choices`, in their order. */
  options: readonly { value: string; titles: Words }[]
  required: boolean
  ask: Ask
  /** Who gives it its value. */
  edit: 'person' | 'operator'
  /** Under which name applications get it, and by which scope; undefined where they do not. */
  claim: { name: string; scope: string } | undefined
  titles: Words
  descriptions: Words
  /** A JSON Schema (2020-12) of its values, without words of ours. */
  schema: Readonly<Record<string, unknown>>
}

/** A scope that the deployment made for its claims, in words for those who are asked. */
export type OwnScope = { name: string; titles: Words; descriptions: Words }

export type Fault = {
  kind: FaultKind
  /** The bound that is not kept, where there is one. */
  limit?: number | undefined
}
export type FaultKind =
  | 'required'
  | 'invalid'
  | 'too_short'
  | 'too_long'
  | 'too_small'
  | 'too_large'
  | 'number'
  | 'date'
  | 'email'
  | 'uri'

/** In this locale, or in the words for all others. */
export function wordsIn(words: Words, locale: string): string | undefined {
  return Object.hasOwn(words, locale) ? words[locale] : words['']
}
