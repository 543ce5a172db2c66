import Negotiator from 'negotiator'

/** Longer than this, a list of languages is not a person's wish. */
const MAX_LENGTH = 200

export type LocaleWishes<L extends string> = {
  /** What the person chose on our own language switch. */
  chosen?: string | undefined
  /** OpenID Connect Core §3.1.2.1: BCP 47 tags separated by spaces, the dearest first. */
  uiLocales?: string | undefined
  /** RFC 9110 §12.5.4. */
  acceptLanguage?: string | undefined
  supported: readonly L[]
  fallback: L
}

/**
 * The language of a page: the person's own choice, then what the client asked for, then what the
 * browser sends, then the fallback. Keeps nothing: a hundred thousand distinct wishes leave no trace.
 */
export function chooseLocale<L extends string>(wishes: LocaleWishes<L>): L {
  const { supported, fallback } = wishes
  return (
    lookUp(wishes.chosen, supported) ??
    lookUp(wishes.uiLocales, supported) ??
    negotiate(wishes.acceptLanguage, supported, fallback) ??
    fallback
  )
}

function lookUp<L extends string>(list: string | undefined, supported: readonly L[]) {
  if (list === undefined || list.length > MAX_LENGTH) return undefined
  for (const tag of list.split(' ')) {
    const locale = lookUpTag(tag, supported)
    if (locale) return locale
  }
  return undefined
}

/** RFC 4647 §3.4: `de-CH-1996`, then `de-CH`, then `de`. */
function lookUpTag<L extends string>(tag: string, supported: readonly L[]): L | undefined {
  const parts = tag.toLowerCase().split('-')
  for (let length = parts.length; length > 0; length -= 1) {
    const range = parts.slice(0, length).join('-')
    const locale = supported.find((candidate) => candidate.toLowerCase() === range)
    if (locale) return locale
  }
  return undefined
}

function negotiate<L extends string>(
  header: string | undefined,
  supported: readonly L[],
  fallback: L,
): L | undefined {
  if (!header || header.length > MAX_LENGTH) return undefined
  // The fallback stands first, since `*` takes the first that is offered.
  const offered = [fallback, ...supported.filter((locale) => locale !== fallback)]
  const negotiator = new Negotiator({ headers: { 'accept-language': header } })
  return negotiator.language(offered) as L | undefined
}
