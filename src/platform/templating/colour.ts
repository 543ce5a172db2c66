/**
 * Colours as an operator writes them, and the one question we ask of them: can a person read the one
 * on the other (WCAG 2.2 §1.4.3)?
 */
export type Rgb = readonly [red: number, green: number, blue: number]

export const BLACK: Rgb = [0, 0, 0]
export const WHITE: Rgb = [1, 1, 1]

const NUMBER = String.raw`([0-9]+(?:\.[0-9]+)?|\.[0-9]+)`
const FUNCTIONS = {
  rgb: new RegExp(`^rgb\\(${NUMBER}(%?)[ ,]+${NUMBER}(%?)[ ,]+${NUMBER}(%?)\\)$`),
  hsl: new RegExp(`^hsl\\(${NUMBER}(?:deg)?[ ,]+${NUMBER}%[ ,]+${NUMBER}%\\)$`),
  oklch: new RegExp(`^oklch\\(${NUMBER}(%?) +${NUMBER}(%?) +${NUMBER}(?:deg)?\\)$`),
}

/**
 * Reads `#rgb`, `#rrggbb`, `rgb(…)`, `hsl(…)` or `oklch(…)` without alpha, into sRGB from 0 to 1.
 * Undefined for anything else; nothing that a style sheet could mistake for more than a colour.
 */
export function parseColour(text: string): Rgb | undefined {
  return parseHex(text) ?? parseRgb(text) ?? parseHsl(text) ?? parseOklch(text)
}

export function toHex(colour: Rgb): string {
  return `#${colour
    .map((c) =>
      Math.round(clamp(c) * 255)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`
}

/** The contrast ratio of WCAG 2.2, from 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [darker, lighter] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number]
  return (lighter + 0.05) / (darker + 0.05)
}

/** Mixes towards `other`; share 0 is `colour`, 1 is `other`. */
export function mix(colour: Rgb, other: Rgb, share: number): Rgb {
  return colour.map((c, i) => c + (other[i]! - c) * share) as unknown as Rgb
}

function parseHex(text: string): Rgb | undefined {
  const digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text)?.[1]
  if (!digits) return undefined
  const wide = digits.length === 3 ? digits.replace(/./g, '$&$&') : digits
  return [0, 2, 4].map((i) => Number.parseInt(wide.slice(i, i + 2), 16) / 255) as unknown as Rgb
}

function parseRgb(text: string): Rgb | undefined {
  const m = FUNCTIONS.rgb.exec(text)
  if (!m) return undefined
  const channel = (value: string, unit: string) => clamp(Number(value) / (unit ? 100 : 255))
  return [channel(m[1]!, m[2]!), channel(m[3]!, m[4]!), channel(m[5]!, m[6]!)]
}

/** CSS Color 4 §7.1. */
function parseHsl(text: string): Rgb | undefined {
  const m = FUNCTIONS.hsl.exec(text)
  if (!m) return undefined
  const [h, s, l] = [Number(m[1]), clamp(Number(m[2]) / 100), clamp(Number(m[3]) / 100)]
  const channel = (n: number) => {
    const k = (n + h / 30) % 12
    return l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1))
  }
  return [channel(0), channel(8), channel(4)]
}

/** CSS Color 4 §9.3 and §18; a colour outside of sRGB is clipped. */
function parseOklch(text: string): Rgb | undefined {
  const match = FUNCTIONS.oklch.exec(text)
  if (!match) return undefined
  const lightness = clamp(Number(match[1]) / (match[2] ? 100 : 1))
  const chroma = Number(match[3]) * (match[4] ? 0.004 : 1)
  const hue = (Number(match[5]) * Math.PI) / 180
  const [a, b] = [chroma * Math.cos(hue), chroma * Math.sin(hue)]
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encode(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ]
}

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map(decode) as unknown as Rgb
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function encode(linear: number): number {
  return clamp(linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055)
}

function decode(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value))
}
