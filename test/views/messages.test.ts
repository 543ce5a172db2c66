import { expect } from 'chai'
import { createMessageRenderer } from '../../src/domain/messaging/render_message.ts'
import { catalogueFaults } from '../../src/platform/templating/catalogue.ts'
import { LOCALES, type Message } from '../../src/platform/templating/i18n.ts'
import { createRenderer } from '../../src/platform/templating/strict_eta.ts'
import { allMessages } from '../domain/messaging/sample_messages.ts'
import { catalogue, localeLinks, viewsDir } from './render.ts'
import { allSamples } from './samples.ts'

/** Remembers which keys were asked for. */
class RecordingMessages extends Map<string, Message> {
  static readonly used = new Set<string>()

  override get(key: string): Message | undefined {
    RecordingMessages.used.add(key)
    return super.get(key)
  }
}

describe('the messages', () => {
  it('say the same things in all six languages', () => {
    expect([...catalogue.keys()]).to.deep.equal([...LOCALES])
    expect(catalogueFaults(catalogue)).to.deep.equal([])
  })

  it('are all used by some page, and every page finds its own', () => {
    const english = new RecordingMessages(catalogue.get('en'))
    RecordingMessages.used.clear()
    const locales = new Map(catalogue).set('en', english)
    const renderer = createRenderer({ viewsDir, locales, brand: { name: 'AuthCore' } })
    for (const [view, , locals] of allSamples()) {
      renderer.render(view, locals, { locale: 'en', localeLinks })
    }
    const mails = createMessageRenderer({ renderer, issuer: 'https://login.example.test' })
    for (const sample of allMessages()) mails({ ...sample, locale: 'en' })
    const unused = [...english.keys()].filter((key) => !RecordingMessages.used.has(key))
    expect(unused).to.deep.equal([])
  })

  it('are not left in English', () => {
    const english = catalogue.get('en')!
    const same = LOCALES.filter((locale) => locale !== 'en').flatMap((locale) =>
      [...catalogue.get(locale)!]
        .filter(([key, message]) => message === english.get(key))
        .map(([key]) => `${locale} ${key}`),
    )
    // "Code" is a German and a French word, "No" a Spanish one; the title is only punctuation.
    expect(
      same.filter(
        (key) => !/ (page\.title|device_code\.label|second_factor\.totp\.label)$/.test(key),
      ),
    ).to.deep.equal(['es page.problem_title', 'es consent.no'])
  })
})
