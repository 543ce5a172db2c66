import { expect } from 'chai'
import { chooseLocale } from '../../../src/platform/templating/choose_locale.ts'
import { LOCALES } from '../../../src/platform/templating/i18n.ts'

const choose = (wishes: { chosen?: string; uiLocales?: string; acceptLanguage?: string }) =>
  chooseLocale({ ...wishes, supported: LOCALES, fallback: 'en' })

describe('platform/templating/choose_locale', () => {
  for (const [wishes, expected] of [
    [{}, 'en'],
    [{ uiLocales: 'de' }, 'de'],
    [{ uiLocales: 'de-CH' }, 'de'],
    [{ uiLocales: 'DE-ch-1996' }, 'de'],
    [{ uiLocales: 'zh-Hant-TW fr-CA en' }, 'fr'],
    [{ uiLocales: 'tlh x-klingon' }, 'en'],
    [{ uiLocales: '' }, 'en'],
    [{ uiLocales: 'de,fr' }, 'en'],
    [{ uiLocales: 'dex' }, 'en'],
    [{ uiLocales: 'ja', acceptLanguage: 'de' }, 'ja'],
    [{ uiLocales: 'zh', acceptLanguage: 'de' }, 'de'],
    [{ chosen: 'ar', uiLocales: 'ja', acceptLanguage: 'de' }, 'ar'],
    [{ chosen: 'xx', uiLocales: 'ja' }, 'ja'],
    [{ acceptLanguage: 'de-AT,de;q=0.9,en;q=0.8' }, 'de'],
    [{ acceptLanguage: 'en;q=0.2, es;q=0.9' }, 'es'],
    [{ acceptLanguage: 'zh-CN,zh;q=0.9' }, 'en'],
    [{ acceptLanguage: '*' }, 'en'],
    [{ acceptLanguage: 'fr;q=0' }, 'en'],
    [{ acceptLanguage: 'de;q=abc' }, 'en'],
    [{ acceptLanguage: '' }, 'en'],
    [{ acceptLanguage: ';;;,,,=' }, 'en'],
    [{ acceptLanguage: '__proto__, constructor' }, 'en'],
    [{ uiLocales: `de ${'x'.repeat(200)}` }, 'en'],
    [{ acceptLanguage: `de,${'x'.repeat(200)}` }, 'en'],
    [{ acceptLanguage: `de,${'x'.repeat(100)}` }, 'de'],
  ] as const) {
    it(`answers ${JSON.stringify(wishes).slice(0, 80)} with ${expected}`, () => {
      expect(choose(wishes)).to.equal(expected)
    })
  }

  it('takes the fallback for `*`, whichever it is', () => {
    expect(chooseLocale({ acceptLanguage: '*', supported: LOCALES, fallback: 'de' })).to.equal('de')
  })

  it('keeps nothing of a hundred thousand distinct wishes', () => {
    const round = (from: number) => {
      for (let i = from; i < from + 50_000; i += 1) {
        choose({ uiLocales: `x${i}-${i}`, acceptLanguage: `y${i}-${i};q=0.5` })
      }
    }
    round(0)
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    round(50_000)
    globalThis.gc?.()
    // Each wish kept would cost 100 bytes and more, five megabytes; what is left over is noise.
    expect(process.memoryUsage().heapUsed - before).to.be.below(globalThis.gc ? 1e6 : 64e6)
  })
})
