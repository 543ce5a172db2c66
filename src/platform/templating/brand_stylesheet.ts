import { BLACK, contrast, mix, parseColour, type Rgb, toHex, WHITE } from './colour.ts'

/**
 * What makes the pages a customer's own: the name, a logo and colours, never style sheets or markup.
 * Colours arrive as text and leave as hex that we wrote ourselves. Whatever accent is chosen, its
 * button text and the links stay readable: where the customer did not say, we compute it.
 */
export type BrandColours = {
  /** Buttons; links where it is readable on the card. */
  accent?: string | undefined
  /** Text on the accent; black or white, whichever reads better, where absent. */
  accentText?: string | undefined
  /** Behind the card. */
  background?: string | undefined
}

export type Brand = {
  name: string
  /** An https URL or a path on our origin; shown instead of our mark and the name. */
  logoUri?: string | undefined
  /** Where `dark` gives no accent, the light one serves in the dark as well. */
  colors?: { light?: BrandColours | undefined; dark?: BrandColours | undefined } | undefined
}

type Scheme = 'light' | 'dark'

/** The card's own colours in `views/assets/authcore.css`, on which links must be readable. */
export const SCHEME_COLOURS = {
  light: { surface: '#ffffff', text: '#16211d' },
  dark: { surface: '#161d1b', text: '#e8eeeb' },
} as const

/** WCAG 2.2 §1.4.3, level AA. */
const READABLE = 4.5

/**
 * The style sheet that lays a brand over ours: custom properties only, empty where nothing was chosen.
 *
 * @throws Error naming each value that is no opaque hex, rgb(), hsl() or oklch() colour, and a pair
 *   that cannot be read
 */
export function brandStylesheet(brand: Brand): string {
  const light = brand.colors?.light ?? {}
  const dark = brand.colors?.dark ?? {}
  return [
    schemeRule('light', light),
    schemeRule('dark', {
      ...dark,
      accent: dark.accent ?? light.accent,
      accentText:
        dark.accent === undefined ? (dark.accentText ?? light.accentText) : dark.accentText,
    }),
  ].join('')
}

function schemeRule(scheme: Scheme, colours: BrandColours): string {
  const tokens = [...accentTokens(scheme, colours), ...backgroundTokens(scheme, colours)]
  if (tokens.length === 0) return ''
  const lines = tokens.map(([name, colour]) => `    --${name}: ${toHex(colour)};\n`)
  return `@media (prefers-color-scheme: ${scheme}) {\n  :root {\n${lines.join('')}  }\n}\n`
}

/** Of the sheet that the pages load, for what cannot load one. */
export type Accents = { accent: string; accentText: string; link: string }

const OUR_ACCENTS = {
  light: { accent: '#0b6b57', 'accent-text': '#ffffff', link: '#0b6b57' },
  dark: { accent: '#5fd9b9', 'accent-text': '#04241b', link: '#6fdec1' },
} as const

/** The brand's colours as hex, or ours where it has none. @throws as `brandStylesheet` */
export function brandAccents(brand: Brand): Record<Scheme, Accents> {
  const light = brand.colors?.light ?? {}
  const dark = brand.colors?.dark ?? {}
  return {
    light: accentsOf('light', light),
    dark: accentsOf('dark', dark.accent === undefined ? { ...dark, accent: light.accent } : dark),
  }
}

function accentsOf(scheme: Scheme, colours: BrandColours): Accents {
  const chosen = accentTokens(scheme, colours).map(([name, colour]) => [name, toHex(colour)])
  const all = { ...OUR_ACCENTS[scheme], ...Object.fromEntries(chosen) }
  return { accent: all.accent, accentText: all['accent-text'], link: all.link }
}

type Token = [name: string, colour: Rgb]

function accentTokens(scheme: Scheme, colours: BrandColours): Token[] {
  if (colours.accent === undefined) {
    if (colours.accentText === undefined) return []
    throw new Error(`brand colour ${scheme}.accentText needs ${scheme}.accent`)
  }
  const accent = colour(`${scheme}.accent`, colours.accent)
  return [
    ['accent', accent],
    ['accent-text', accentText(scheme, accent, colours.accentText)],
    ['link', readableOnCard(scheme, accent)],
  ]
}

function accentText(scheme: Scheme, accent: Rgb, chosen: string | undefined): Rgb {
  if (chosen === undefined) return blackOrWhiteOn(accent)
  const text = colour(`${scheme}.accentText`, chosen)
  const ratio = contrast(text, accent)
  if (ratio >= READABLE) return text
  throw new Error(
    `brand colour ${scheme}.accentText has a contrast of ${ratio.toFixed(1)}:1 on the accent; ` +
      `it needs ${READABLE}:1, or leave it out and it is chosen for you`,
  )
}

function backgroundTokens(scheme: Scheme, colours: BrandColours): Token[] {
  if (colours.background === undefined) return []
  const background = colour(`${scheme}.background`, colours.background)
  return [
    ['background', background],
    ['glow', background],
    ['on-background', blackOrWhiteOn(background)],
  ]
}

function colour(name: string, text: string): Rgb {
  const parsed = parseColour(text)
  if (parsed) return parsed
  throw new Error(
    `brand colour ${name} must be an opaque colour such as #0b6b57 or oklch(48% 0.1 170), not ${JSON.stringify(text)}`,
  )
}

/** One of the two always reaches 4.5:1. */
function blackOrWhiteOn(colour: Rgb): Rgb {
  return contrast(WHITE, colour) >= contrast(BLACK, colour) ? WHITE : BLACK
}

/** The accent, drawn towards the text colour until it can be read on the card. */
function readableOnCard(scheme: Scheme, accent: Rgb): Rgb {
  const surface = parseColour(SCHEME_COLOURS[scheme].surface)!
  const text = parseColour(SCHEME_COLOURS[scheme].text)!
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = mix(accent, text, share)
    // A little above the line, since the hex that is printed is rounded.
    if (contrast(mixed, surface) >= READABLE + 0.05) return mixed
  }
  return text
}
