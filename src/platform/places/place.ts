/**
 * Where an address probably is, as a file of addresses tells it: a country, perhaps a city, and how
 * far around it the truth may lie. Nothing here is ever more precise than a city.
 */
export type Place = {
  /** ISO 3166-1 alpha-2. */
  country: string | undefined
  /** By language tag, as the file has them. */
  cityNames: Readonly<Record<string, string>>
  /** Degrees, to a tenth: about ten kilometres. */
  point: Point | undefined
}

export type Point = { latitude: number; longitude: number; radiusKm: number }

/** What stands between city and country, where it is not a comma and a space. */
const SEPARATORS: Readonly<Record<string, string>> = { ja: '、', ar: '، ' }

/**
 * "Lyon, France", in the reader's language as far as the file and the platform know the names.
 * Undefined where not even the country is known.
 */
export function placeWords(place: Place | undefined, locale: string): string | undefined {
  if (!place) return undefined
  const language = locale.split('-', 1)[0]!
  const { cityNames } = place
  const city = cityNames[locale] ?? cityNames[language] ?? cityNames['en']
  const country = place.country && countryName(place.country, locale)
  const words = [city, country].filter((word) => word !== undefined && word !== '')
  return words.length === 0 ? undefined : words.join(SEPARATORS[language] ?? ', ')
}

export function countryName(country: string, locale: string): string {
  return new Intl.DisplayNames([locale, 'en'], { type: 'region' }).of(country) ?? country
}
