import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { catalogueFaults, loadCatalogue } from '../../../src/platform/templating/catalogue.ts'
import {
  type Catalogue,
  createTranslator,
  LOCALES,
  type Locale,
  type Message,
} from '../../../src/platform/templating/i18n.ts'
import { initialOf } from '../../../src/platform/templating/initial.ts'

const catalogue = loadCatalogue(fileURLToPath(new URL('../../../views/locales', import.meta.url)))

describe('platform/templating/i18n', () => {
  it('escapes values and isolates their direction in element content', () => {
    const { t } = createTranslator(catalogue, 'en')
    expect(t('page.back_to', { client: '<b>&"' }).html).to.equal(
      'Back to <bdi>&lt;b&gt;&amp;&quot;</bdi>',
    )
  })

  it('gives plain text where no element can stand, isolated in right-to-left languages', () => {
    const params = { client: 'Acme' }
    expect(createTranslator(catalogue, 'en').text('page.back_to', params)).to.equal('Back to Acme')
    expect(createTranslator(catalogue, 'ar').text('page.back_to', params)).to.equal(
      'العودة إلى \u2068Acme\u2069',
    )
  })

  it('keeps the plus sign of a number before it, in right-to-left languages too', () => {
    const params = { to: '+491711234567' }
    const { t, text } = createTranslator(catalogue, 'ar')
    expect(t('verify_phone.lead', params).html).to.include('<bdi dir="ltr">+491711234567</bdi>')
    expect(text('verify_phone.lead', params)).to.include('\u2066+491711234567\u2069')
    const english = createTranslator(catalogue, 'en')
    expect(english.t('verify_phone.lead', params).html).to.include('<bdi>+491711234567</bdi>')
  })

  it('does not fill a placeholder that arrives inside a value', () => {
    const { text } = createTranslator(catalogue, 'en')
    expect(text('page.title', { title: '{brand}', brand: 'B' })).to.equal('{brand} – B')
  })

  it('does not find values on the prototype', () => {
    const messages = new Map<Locale, Map<string, Message>>([
      ['en', new Map([['k', '{constructor}']])],
    ])
    expect(() => createTranslator(messages, 'en').text('k')).to.throw('{constructor}')
  })

  for (const [locale, seconds, expected] of [
    ['en', 1, 'Try again in 1 second.'],
    ['en', 0, 'Try again in 1 second.'],
    ['en', 45.2, 'Try again in 46 seconds.'],
    ['en', 90, 'Try again in 2 minutes.'],
    ['en', 5400, 'Try again in 2 hours.'],
    ['de', 300, 'Versuchen Sie es in 5 Minuten erneut.'],
    ['fr', 3600, 'Réessayez dans 60 minutes.'],
    ['ja', 30, '30 秒後にもう一度お試しください。'],
    ['ar', 1, 'أعد المحاولة بعد ثانية واحدة.'],
    ['ar', 2, 'أعد المحاولة بعد ثانيتين.'],
    ['ar', 5, 'أعد المحاولة بعد 5 ثوانٍ.'],
    ['ar', 15, 'أعد المحاولة بعد 15 ثانية.'],
  ] as const) {
    it(`says in ${locale} when to try again after ${seconds} s`, () => {
      expect(createTranslator(catalogue, locale).wait(seconds).html).to.equal(expected)
    })
  }
})

describe('platform/templating/catalogue', () => {
  function changed(locale: Locale, change: (messages: Map<string, Message>) => void): Catalogue {
    const messages = new Map(catalogue.get(locale))
    change(messages)
    return new Map(catalogue).set(locale, messages)
  }

  it('says when something was in the words of each language, and in which time zone', () => {
    const said = LOCALES.map((locale) =>
      createTranslator(catalogue, locale).moment('2026-11-26T03:47:38.000Z'),
    )
    expect(new Set(said).size).to.equal(LOCALES.length)
    for (const text of said) expect(text).to.match(/UTC|غرينتش/)
    expect(said[0]).to.equal('Nov 26, 2026, 03:47 AM UTC')
  })

  it('holds every locale, whole', () => {
    expect([...catalogue.keys()]).to.deep.equal([...LOCALES])
    expect(catalogueFaults(catalogue)).to.deep.equal([])
  })

  it('names a key that is missing and one that is too many', () => {
    const faulty = changed('de', (messages) => {
      messages.delete('login.title')
      messages.set('login.titel', 'Anmelden')
    })
    expect(catalogueFaults(faulty)).to.deep.equal([
      'de: login.title is missing',
      'de: login.titel is not in en',
    ])
  })

  it('names an empty text, another placeholder and a plural form that is missing', () => {
    const faulty = changed('fr', (messages) => {
      messages.set('login.title', ' ')
      messages.set('page.back_to', 'Retour à {klient}')
      messages.set('wait.hours', { one: '{count} heure', other: '{count} heures' })
    })
    expect(catalogueFaults(faulty)).to.have.members([
      'fr: login.title is empty',
      'fr: page.back_to has other placeholders than en',
      'fr: wait.hours needs the plural forms many, one, other',
    ])
  })
})

describe('platform/templating/initial', () => {
  for (const [name, expected] of [
    ['Lantern Books', 'L'],
    ['  "acme"', 'A'],
    ['éclair', 'É'],
    ['日本', '日'],
    ['👩‍🚀 space', '👩‍🚀'],
    ['42', '4'],
    ['\u202e<>', '•'],
    ['', '•'],
    [' '.repeat(1_000_000), '•'],
  ] as const) {
    it(`stands for ${JSON.stringify(name.slice(0, 16))} with ${expected}`, () => {
      expect(initialOf(name)).to.equal(expected)
    })
  }
})
