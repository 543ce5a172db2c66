import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { LOCALES } from '../../src/platform/templating/i18n.ts'
import type { ViewName, Views } from '../../src/platform/templating/views.ts'
import { renderPage, viewsDir, withoutScriptFile } from './render.ts'
import { allSamples, samples } from './samples.ts'

const HOSTILE = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`
/** These choose words or are times; what is none of them is a fault of the caller, and throws. */
const NO_TEXT = new Set([
  ...['kind', 'reason', 'outcome', 'error', 'method', 'page', 'passwordError', 'done', 'claim'],
  ...['passkeyError', 'sort', 'by', 'step', 'problem', 'control', 'language', 'locale'],
  ...['fault'],
  ...['askedAt', 'at', 'since', 'addedAt', 'usedAt', 'seenAt', 'passwordChangedAt'],
])

/** Pages that are nothing without their own link, which is always ours. */
const LINKED = new Set<ViewName>([
  'interactions/continue',
  'interactions/signing_out',
  'interactions/second_factor',
  'interactions/recovery_codes',
  'account/email',
  'account/phone',
  'interactions/password',
  'interactions/email_sign_in',
  'interactions/email_code',
  'interactions/confirm_sign_in',
  'interactions/connection_failed',
  'interactions/directory_password',
  'interactions/link_account',
  'interactions/unsolicited',
])

function everyText(
  value: unknown,
  change: (text: string, name: string) => string,
  name = '',
): unknown {
  if (typeof value === 'string') return change(value, name)
  if (Array.isArray(value)) return value.map((item) => everyText(item, change, name))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, everyText(item, change, key)]),
  )
}

function hostileText(text: string, name: string): string {
  if (NO_TEXT.has(name)) return text
  if (/^uri$|Uri$|^action$|Action$/.test(name)) return `${text}${HOSTILE.replaceAll(' ', '/')}`
  return HOSTILE
}

function hostile<L>(locals: L): L {
  return everyText(locals, hostileText) as L
}

function tagsOf(html: string): string[] {
  return [...html.matchAll(/<\/?([a-z][a-z0-9]*)/gi)].map((match) => match[1]!)
}

describe('markup in any text of any page', () => {
  for (const [view, state, locals] of allSamples()) {
    it(`is only text in ${view} (${state})`, () => {
      for (const locale of LOCALES) {
        const html = withoutScriptFile(renderPage(view, hostile(locals), locale))
        expect(html).not.to.contain('<script')
        expect(html).not.to.contain('<img src=x')
        expect(html).not.to.match(/="[^"]*"'/)
      }
    })
  }

  it('leaves the elements of a page as they were', () => {
    for (const view of ['interactions/login', 'interactions/device_confirm'] as const) {
      const locals = samples[view].minimal
      expect(tagsOf(renderPage(view, hostile(locals)))).to.deep.equal(
        tagsOf(renderPage(view, locals)),
      )
    }
  })

  it('is only text in an OAuth error, the brand and the refresh', () => {
    const html = renderPage('errors/error', {
      kind: 'invalid_request',
      referenceId: HOSTILE,
      oauthError: { error: HOSTILE, description: HOSTILE },
    })
    expect(html).not.to.contain('<script')
    const refresh = renderPage('interactions/continue', { uri: `/a"><script>alert(1)</script>` })
    expect(refresh).to.contain('content="0;url=/a&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"')
  })

  it('does not turn into a link that runs', () => {
    for (const scheme of [
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      'java\tscript:alert(1)',
      'data:text/html,x',
    ]) {
      const change = (text: string, name: string) => (/^uri$|Uri$/.test(name) ? scheme : text)
      for (const [view, , locals] of allSamples()) {
        if (LINKED.has(view)) continue
        const html = renderPage(view as ViewName, everyText(locals, change) as typeof locals)
        expect(html.toLowerCase()).not.to.match(/javascript:|java\tscript|text\/html/)
      }
    }
  })
})

describe('a local that was not given', () => {
  for (const view of Object.keys(samples) as ViewName[]) {
    for (const name of Object.keys(samples[view].minimal)) {
      it(`stops ${view} where it is ${name}`, () => {
        const { [name]: _, ...rest } = samples[view].minimal as unknown as Record<string, unknown>
        expect(() => renderPage(view, rest as unknown as Views[typeof view])).to.throw(`it.${name}`)
      })
    }
  }
})

describe('the templates', () => {
  const templates = readdirSync(viewsDir, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.eta'),
  )

  it('are there', () => {
    expect(templates).to.have.length.greaterThan(Object.keys(samples).length)
  })

  for (const file of templates) {
    const text = readFileSync(join(viewsDir, file), 'utf8')

    it(`${file} prints raw markup only from includes and the body`, () => {
      for (const [, raw] of text.matchAll(/<%~\s*(.*?)\s*%>/gs)) {
        expect(raw).to.match(/^(include\('\/partials\/[a-z_]+'(, \{.*\})?\)|it\.body)$/s)
      }
    })

    it(`${file} holds no inline code and quotes every attribute it fills`, () => {
      // No mail program loads a style sheet: a mail brings its own.
      const page = file === 'messages/mail.eta' ? text.replace(/<style>.*<\/style>/s, '') : text
      expect(withoutScriptFile(page)).not.to.match(/<script|<style|\sstyle=|\son[a-z]+=/i)
      expect(text).not.to.match(/\s[a-z-]+=<%=/)
    })
  }
})
