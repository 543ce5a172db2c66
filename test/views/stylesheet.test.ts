import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { SCHEME_COLOURS } from '../../src/platform/templating/brand_stylesheet.ts'
import { contrast, parseColour } from '../../src/platform/templating/colour.ts'
import { viewsDir } from './render.ts'

const css = readFileSync(join(viewsDir, 'assets/authcore.css'), 'utf8')
const [lightBlock, darkBlock] = [...css.matchAll(/:root \{([^}]*)\}/g)].map((match) => match[1]!)

function colours(block: string): Record<string, string> {
  return Object.fromEntries(
    [...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1]!, match[2]!]),
  )
}

const TEXT_PAIRS = [
  ['text', 'surface'],
  ['text', 'sunken'],
  ['text', 'line'],
  ['muted', 'surface'],
  ['muted', 'sunken'],
  ['link', 'surface'],
  ['link', 'sunken'],
  ['accent-text', 'accent'],
  ['problem', 'problem-ground'],
  ['notice', 'notice-ground'],
  ['on-background', 'background'],
  ['on-background', 'glow'],
] as const

const EDGE_PAIRS = [
  ['edge', 'surface'],
  ['edge', 'sunken'],
  ['problem', 'surface'],
  ['accent', 'surface'],
  ['accent', 'background'],
] as const

describe('the style sheet', () => {
  for (const [scheme, block] of [
    ['light', lightBlock],
    ['dark', darkBlock],
  ] as const) {
    const token = colours(block!)
    const ratio = (a: string, b: string) =>
      contrast(parseColour(token[a]!)!, parseColour(token[b]!)!)

    it(`keeps every text readable in the ${scheme} (WCAG 2.2 §1.4.3)`, () => {
      for (const [text, ground] of TEXT_PAIRS) {
        expect(ratio(text, ground), `${text} on ${ground}`).to.be.at.least(4.5)
      }
    })

    it(`keeps every edge of a control visible in the ${scheme} (WCAG 2.2 §1.4.11)`, () => {
      for (const [edge, ground] of EDGE_PAIRS) {
        expect(ratio(edge, ground), `${edge} on ${ground}`).to.be.at.least(3)
      }
    })

    it(`has in the ${scheme} the colours that brands are measured against`, () => {
      expect(token).to.include(SCHEME_COLOURS[scheme])
    })
  }

  it('is small', () => {
    expect(Buffer.byteLength(css)).to.be.below(16 * 1024)
  })

  it('speaks of start and end, never of left and right', () => {
    expect(css).not.to.match(
      /(?<!-)\b(left|right|top|bottom|width|height|(margin|padding|border)-(left|right|top|bottom))\s*:/,
    )
    expect(css).not.to.match(/text-align: (left|right)|float:/)
  })

  it('loads nothing', () => {
    expect(css).not.to.match(/url\(|@import|@font-face/)
  })

  it('heeds reduced motion and forced colours', () => {
    expect(css).to.contain('@media (prefers-reduced-motion: reduce)')
    expect(css).to.contain('@media (forced-colors: active)')
  })
})
