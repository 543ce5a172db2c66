import { expect } from 'chai'
import fc from 'fast-check'
import { brandStylesheet } from '../../../src/platform/templating/brand_stylesheet.ts'
import { contrast, parseColour, toHex } from '../../../src/platform/templating/colour.ts'

const name = 'Acme'

function token(css: string, property: string): string {
  return new RegExp(`--${property}: (#[0-9a-f]{6});`).exec(css)![1]!
}

describe('platform/templating/colour', () => {
  for (const [text, hex] of [
    ['#0b6b57', '#0b6b57'],
    ['#ABC', '#aabbcc'],
    ['rgb(11, 107, 87)', '#0b6b57'],
    ['rgb(11 107 87)', '#0b6b57'],
    ['rgb(100% 0% 50%)', '#ff0080'],
    ['rgb(300, 0, 0)', '#ff0000'],
    ['hsl(120 100% 25%)', '#008000'],
    ['hsl(240deg, 100%, 50%)', '#0000ff'],
    ['oklch(100% 0 0)', '#ffffff'],
    ['oklch(0 0 0)', '#000000'],
    ['oklch(62.8% 0.2577 29.23)', '#ff0000'],
    ['oklch(0.452 0.3132 264.05deg)', '#0000ff'],
  ] as const) {
    it(`reads ${text} as ${hex}`, () => {
      expect(toHex(parseColour(text)!)).to.equal(hex)
    })
  }

  for (const text of [
    '',
    'red',
    'transparent',
    'currentColor',
    '#12',
    '#12345',
    '#1234',
    '#0b6b5780',
    'rgb(1,2)',
    'rgb(1 2 3 / 50%)',
    'rgba(1,2,3,0.5)',
    'oklch(from red l c h)',
    'var(--x)',
    'url(https://evil.example/)',
    '#fff;}body{background:url(//evil.example)}',
    'rgb(1,2,3)}*{display:none}',
    '#fff\n',
    `rgb(${'1'.repeat(10_000)}x,2,3)`,
  ]) {
    it(`refuses ${JSON.stringify(text.slice(0, 48))}`, () => {
      expect(parseColour(text)).to.equal(undefined)
    })
  }

  it('measures contrast as WCAG does', () => {
    expect(contrast([1, 1, 1], [0, 0, 0])).to.be.closeTo(21, 0.001)
    expect(contrast(parseColour('#777')!, [1, 1, 1])).to.be.closeTo(4.48, 0.01)
  })
})

describe('platform/templating/brand_stylesheet', () => {
  it('is empty where no colour was chosen', () => {
    expect(brandStylesheet({ name })).to.equal('')
    expect(brandStylesheet({ name, colors: { light: {}, dark: undefined } })).to.equal('')
  })

  it('prints custom properties for each scheme', () => {
    const css = brandStylesheet({
      name,
      colors: {
        light: { accent: '#3b5bdb', background: '#f1f3f5' },
        dark: { accent: '#91a7ff', accentText: '#0b1030' },
      },
    })
    expect(css).to.equal(
      '@media (prefers-color-scheme: light) {\n  :root {\n' +
        '    --accent: #3b5bdb;\n    --accent-text: #ffffff;\n    --link: #3b5bdb;\n' +
        '    --background: #f1f3f5;\n    --glow: #f1f3f5;\n    --on-background: #000000;\n  }\n}\n' +
        '@media (prefers-color-scheme: dark) {\n  :root {\n' +
        '    --accent: #91a7ff;\n    --accent-text: #0b1030;\n    --link: #91a7ff;\n  }\n}\n',
    )
  })

  it('lends the light accent to the dark where none is chosen', () => {
    const css = brandStylesheet({ name, colors: { light: { accent: '#ffd400' } } })
    expect(css.match(/--accent: #ffd400/g)).to.have.length(2)
    expect(css.match(/--accent-text: #000000/g)).to.have.length(2)
  })

  it('keeps button texts and links readable whatever the accent', () => {
    const channel = fc.integer({ min: 0, max: 255 })
    fc.assert(
      fc.property(
        channel,
        channel,
        channel,
        fc.constantFrom('light', 'dark'),
        (r, g, b, scheme) => {
          const accent = `rgb(${r}, ${g}, ${b})`
          const css = brandStylesheet({
            name,
            colors: { [scheme]: { accent, background: accent } },
          })
          const colour = (property: string) => parseColour(token(css, property))!
          const surface = parseColour(scheme === 'light' ? '#ffffff' : '#161d1b')!
          expect(contrast(colour('accent-text'), colour('accent'))).to.be.at.least(4.5)
          expect(contrast(colour('on-background'), colour('background'))).to.be.at.least(4.5)
          const last = css.slice(css.indexOf(`scheme: ${scheme}`))
          expect(contrast(parseColour(token(last, 'link'))!, surface)).to.be.at.least(4.5)
        },
      ),
    )
  })

  it('refuses what is no colour, naming it', () => {
    expect(() => brandStylesheet({ name, colors: { dark: { accent: 'tomato' } } })).to.throw(
      'dark.accent must be an opaque colour such as #0b6b57 or oklch(48% 0.1 170), not "tomato"',
    )
    expect(() => brandStylesheet({ name, colors: { light: { background: '#fff}' } } })).to.throw(
      'light.background',
    )
  })

  it('refuses a text that cannot be read on its accent', () => {
    const light = { accent: '#ffd400', accentText: '#ffffff' }
    expect(() => brandStylesheet({ name, colors: { light } })).to.throw(
      'light.accentText has a contrast of 1.4:1',
    )
    expect(() => brandStylesheet({ name, colors: { light: { accentText: '#fff' } } })).to.throw(
      'light.accentText needs light.accent',
    )
  })
})
