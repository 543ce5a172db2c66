import { expect } from 'chai'
import { HtmlValidate } from 'html-validate'
import { LOCALES } from '../../src/platform/templating/i18n.ts'
import type { ViewName } from '../../src/platform/templating/views.ts'
import { renderPage, withoutScriptFile } from './render.ts'
import { allSamples, samples } from './samples.ts'

const validator = new HtmlValidate({
  extends: ['html-validate:recommended', 'html-validate:document'],
  rules: {
    // Our own style: lower-case doctype, no slash on void elements, nothing beautified.
    'doctype-style': ['error', { style: 'lowercase' }],
    'no-trailing-whitespace': 'off',
    // Our own origin is no third party; the hash is in the address.
    'require-sri': ['error', { target: 'crossorigin' }],
    // Titles carry the brand, which is the operator's.
    'long-title': 'off',
  },
})

/** What they frame is of our making, or an application's page to sign out. */
const FRAMED = new Set<ViewName>(['interactions/signing_out', 'dev/preview'])

function idsOf(html: string): string[] {
  return [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!)
}

describe('the pages', () => {
  for (const [view, state, locals] of allSamples()) {
    it(`${view} (${state}) is valid, accessible HTML without inline code in every language`, () => {
      for (const locale of LOCALES) {
        const html = renderPage(view, locals, locale)
        const report = validator.validateStringSync(html)
        const messages = report.results.flatMap((result) => result.messages)
        expect(
          messages.map((m) => `${m.ruleId} ${m.line}:${m.column} ${m.message}`),
          `${locale}\n${html}`,
        ).to.deep.equal([])
        expect(html).to.match(
          new RegExp(
            `^<!doctype html>\\n<html lang="${locale}" dir="${locale === 'ar' ? 'rtl' : 'ltr'}">`,
          ),
        )
        expect(html.match(/<h1>/g)).to.have.length(1)
        if (!FRAMED.has(view)) expect(html).not.to.include('<iframe')
        expect(withoutScriptFile(html)).not.to.match(
          /<script|<style|<base|\son[a-z]+=|\sstyle=|javascript:/i,
        )
        expect(html.match(/<title>[^<]*<\/title>/)?.[0]).not.to.match(/bdi|undefined|\{/)
      }
    })
  }

  it('offer a way on or back, always', () => {
    for (const [view, state, locals] of allSamples()) {
      if (view.endsWith('_done')) continue
      const main = /<main[\s\S]*<\/main>/.exec(renderPage(view, locals))![0]
      if (view === 'home/index') continue
      expect(main, `${view} ${state}`).to.match(/<a [^>]*href=|<button [^>]*type="submit"/)
    }
  })

  it('post every form to its action with the hidden token', () => {
    for (const [view, state, locals] of allSamples()) {
      const html = renderPage(view, locals)
      for (const [form] of html.matchAll(/<form[\s\S]*?<\/form>/g)) {
        expect(form, `${view} ${state}`).to.match(
          /^<form id="[a-z0-9-]+" (hidden )?method="post" action="[^"]+"/,
        )
        expect(form, `${view} ${state}`).to.match(
          /<input type="hidden" name="(csrf|xsrf)" value="[^"]+">/,
        )
      }
    }
  })

  it('keep the ids that automation relies on', () => {
    const expected: Record<string, string[]> = {
      'interactions/login': ['login', 'password', 'sign-in', 'cancel'],
      'interactions/consent': [
        'allow',
        'cancel',
        'switch-account',
        'client-policy',
        'client-terms',
      ],
      'interactions/select_account': ['account-1', 'account-2', 'another-account'],
      'interactions/device_code': ['user_code', 'submit-code'],
      'interactions/device_confirm': ['confirm', 'abort', 'device-user-code', 'device-ip'],
      'interactions/device_done': ['device-outcome'],
      'interactions/logout': ['logout', 'stay'],
      'interactions/logged_out': ['continue'],
      'interactions/continue': ['continue'],
      'interactions/submit': ['continue'],
      'interactions/restart': ['restart', 'back-to-client', 'home'],
      'errors/error': ['reference-id', 'oauth-error', 'back', 'back-to-client', 'home'],
      'home/index': ['demo', 'docs', 'issuer'],
    }
    for (const [view, ids] of Object.entries(expected)) {
      const rendered = allSamples()
        .filter(([name]) => name === view)
        .flatMap(([name, , locals]) => idsOf(renderPage(name, locals)))
      expect(rendered).to.include.members(ids)
    }
  })

  it('switch languages by links that speak their own language', () => {
    const html = renderPage('interactions/login', samples['interactions/login'].minimal, 'de')
    expect(html).to.contain(
      '<a id="locale-de" href="?locale=de" lang="de" hreflang="de" aria-current="true">Deutsch</a>',
    )
    expect(html).to.contain(
      '<a id="locale-ar" href="?locale=ar" lang="ar" hreflang="ar">العربية</a>',
    )
  })
})

describe('errors on the sign-in page', () => {
  const login = samples['interactions/login'].minimal
  const input = (html: string, id: string) => new RegExp(`<input id="${id}"[^>]*>`).exec(html)![0]

  it('stay quiet where there is none', () => {
    const html = renderPage('interactions/login', login)
    expect(html).not.to.match(/role="alert"|aria-invalid|autofocus/)
    expect(html).to.contain('<title>Sign in – AuthCore</title>')
  })

  it('are announced, named in the title and tied to their fields', () => {
    const html = renderPage('interactions/login', {
      ...login,
      login: 'amira',
      error: 'invalid_credentials',
    })
    expect(html).to.contain('<title>Error: Sign in – AuthCore</title>')
    expect(html).to.contain('id="problem" role="alert"')
    expect(input(html, 'login')).to.contain('aria-invalid="true" aria-describedby="problem"')
    expect(input(html, 'password')).to.contain('aria-invalid="true" aria-describedby="problem"')
  })

  it('put the cursor into the first field that must be filled, and only there', () => {
    const filled = renderPage('interactions/login', {
      ...login,
      login: 'a',
      error: 'missing_fields',
    })
    expect(input(filled, 'login')).not.to.contain('autofocus')
    expect(input(filled, 'password')).to.contain('autofocus')
    const empty = renderPage('interactions/login', { ...login, error: 'missing_fields' })
    expect(input(empty, 'login')).to.contain('autofocus')
    expect(input(empty, 'password')).not.to.contain('autofocus')
  })

  it('tell when to try again without calling a field wrong', () => {
    const html = renderPage('interactions/login', {
      ...login,
      error: 'too_many_attempts',
      retryAfterS: 300,
    })
    expect(html).to.contain('Try again in 5 minutes.')
    expect(html).not.to.contain('aria-invalid')
  })

  it('never write a password back', () => {
    const states = Object.values(samples['interactions/login'].states)
    for (const locals of states.filter(({ identifierOnly }) => !identifierOnly)) {
      expect(input(renderPage('interactions/login', locals), 'password')).not.to.contain('value=')
    }
    for (const locals of Object.values(samples['interactions/password'].states)) {
      const html = renderPage('interactions/password', locals)
      expect(input(html, 'password')).not.to.contain('value=')
      expect(input(html, 'login')).to.contain('readonly')
    }
  })
})

describe('the consent page', () => {
  it('says which host asks, not what it calls itself', () => {
    const html = renderPage('interactions/consent', {
      ...samples['interactions/consent'].minimal,
      client: { name: 'Your Bank', uri: 'https://bäñk.example/your-bank.example' },
    })
    expect(html).to.contain('>xn--bk-via6c.example</a>')
  })

  it('warns of an application that nobody vouches for', () => {
    const consent = samples['interactions/consent']
    expect(renderPage('interactions/consent', consent.states['full']!)).to.contain(
      'id="unverified"',
    )
    expect(renderPage('interactions/consent', consent.states['full']!)).to.contain(
      '<span id="described-at">It comes from',
    )
    expect(renderPage('interactions/consent', consent.states['long']!)).not.to.contain(
      'unverified"',
    )
  })

  it('takes the words of standard scopes from the language, of others from the client', () => {
    const html = renderPage(
      'interactions/consent',
      samples['interactions/consent'].states['full']!,
      'de',
    )
    expect(html).to.contain('Ihre E-Mail-Adresse sehen')
    expect(html).to.contain('<bdi>Your loyalty card</bdi>')
    expect(html).to.contain('<bdi>reading_list</bdi>')
  })
})

describe('the page that ends a redirect chain', () => {
  it('refreshes at once and offers the same way as a link', () => {
    const html = renderPage('interactions/continue', { uri: '/authorize/u1?a=1&b=2' })
    expect(html).to.contain('<meta http-equiv="refresh" content="0;url=/authorize/u1?a=1&amp;b=2">')
    expect(html).to.contain('id="continue" href="/authorize/u1?a=1&amp;b=2"')
  })

  for (const uri of [
    'javascript:alert(1)',
    '//evil.example/',
    '/\\evil.example',
    'data:text/html,x',
  ]) {
    it(`refuses ${uri}`, () => {
      expect(() => renderPage('interactions/continue', { uri })).to.throw('it.uri')
    })
  }
})
