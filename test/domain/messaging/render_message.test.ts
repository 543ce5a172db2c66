import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { HtmlValidate } from 'html-validate'
import { loadOverrides } from '../../../src/domain/messaging/overrides.ts'
import { createMessageRenderer } from '../../../src/domain/messaging/render_message.ts'
import { LOCALES } from '../../../src/platform/templating/i18n.ts'
import { createRenderer } from '../../../src/platform/templating/strict_eta.ts'
import { catalogue, viewsDir } from '../../views/render.ts'
import { allMessages } from './sample_messages.ts'

const ISSUER = 'https://login.example.test:8443'
const renderer = createRenderer({ viewsDir, locales: catalogue, brand: { name: 'Ada & Söhne' } })
const render = createMessageRenderer({ renderer, issuer: ISSUER })

const validator = new HtmlValidate({
  extends: ['html-validate:recommended', 'html-validate:document', 'html-validate:a11y'],
  rules: {
    'doctype-style': ['error', { style: 'lowercase' }],
    'no-trailing-whitespace': 'off',
    // Subjects carry names that are not ours.
    'long-title': 'off',
  },
})

function faultsOf(html: string): string[] {
  return validator
    .validateStringSync(html)
    .results.flatMap(({ messages }) => messages)
    .map(({ ruleId, line, column, message }) => `${ruleId} ${line}:${column} ${message}`)
}

describe('messages', () => {
  const mails = allMessages().filter(({ channel }) => channel === 'email')
  const texts = allMessages().filter(({ channel }) => channel === 'sms')

  it('of every kind are whole mails in every language: valid HTML, a text, no gap', () => {
    for (const sample of mails) {
      for (const locale of LOCALES) {
        const mail = render({ ...sample, locale })
        if (mail.channel !== 'email') throw new Error('not a mail')
        const what = `${sample.kind} ${locale}\n${mail.html}`
        expect(faultsOf(mail.html), what).to.deep.equal([])
        expect(mail.html, what).to.contain(
          `<html lang="${locale}" dir="${locale === 'ar' ? 'rtl' : 'ltr'}">`,
        )
        expect(mail.html.match(/<h1>/g), what).to.have.length(1)
        expect(mail.html, what).to.contain('prefers-color-scheme: dark')
        expect(mail.html, what).not.to.match(/<script|<b>|javascript:|<img/)
        for (const part of [mail.subject, mail.text, mail.html]) {
          expect(part, what).not.to.match(/undefined|null|\[object/)
          // What a stranger wrote in braces stays as it is; nothing of ours is left over.
          expect(part.replace(/\{\{brand\}\} \{client\}/g, ''), what).not.to.match(/\{[A-Za-z]+\}/)
        }
        expect(mail.subject, what).not.to.match(/[\r\n]/)
        const { code, link } = sample.fields as { code?: string; link?: string }
        for (const secret of [code, link]) {
          if (secret !== undefined) expect(mail.text, what).to.contain(secret)
        }
        if (link) expect(mail.html).to.contain(`href="${link.replaceAll('&', '&amp;')}"`)
        if (code) expect(mail.html).to.contain(`>${code}<`)
      }
    }
  })

  it('by SMS are a sentence with its code, which the last line binds to our host', () => {
    for (const sample of texts) {
      for (const locale of LOCALES) {
        const sms = render({ ...sample, locale })
        expect(sms.channel).to.equal('sms')
        expect(sms.text.replace(/\{\{brand\}\} \{client\}/g, '')).not.to.match(/\{|undefined/)
        const { code } = sample.fields as { code?: string }
        if (code) expect(sms.text).to.match(/\n\n@login\.example\.test #123456$/)
      }
    }
  })

  it('speak the nearest of our languages, and English where there is none', () => {
    const sample = mails[0]!
    expect(render({ ...sample, locale: 'de-CH' }).locale).to.equal('de')
    expect(render({ ...sample, locale: 'tlh' }).locale).to.equal('en')
  })

  it('wear the name, the colours and the logo of the brand', () => {
    const branded = createMessageRenderer({
      issuer: ISSUER,
      renderer: createRenderer({
        viewsDir,
        locales: catalogue,
        brand: { name: 'Lantern', logoUri: '/logo.png', colors: { light: { accent: '#102030' } } },
      }),
    })
    const mail = branded({ ...mails[0]!, locale: 'en' })
    if (mail.channel !== 'email') throw new Error('not a mail')
    expect(mail.html).to.contain(`src="${ISSUER}/logo.png" alt="Lantern"`).and.to.contain('#102030')
    expect(faultsOf(mail.html)).to.deep.equal([])
  })
})

describe('a deployment’s own words', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'authcore-templates-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  const write = (file: string, text: string) => writeFileSync(path.join(dir, file), text)
  const faults = () => {
    try {
      loadOverrides(dir)
    } catch (error) {
      return (error as Error).message
    }
    return ''
  }

  it('take the place of ours, part by part and language by language', () => {
    write('magic_link.en.subject', 'Come in,\nfriend of {{brand}}\n')
    write('magic_link.en.html', '<p><a href="{{link}}">In</a></p>')
    const own = createMessageRenderer({ renderer, issuer: ISSUER, overrides: loadOverrides(dir) })
    const fields = { link: 'https://login.example.test/?a=1&b="' }
    const message = { kind: 'magic_link', channel: 'email', fields } as const
    expect(own({ ...message, locale: 'en' })).to.deep.include({
      subject: 'Come in, friend of Ada & Söhne',
      html: '<p><a href="https://login.example.test/?a=1&amp;b=&quot;">In</a></p>',
      text: (render({ ...message, locale: 'en' }) as { text: string }).text,
    })
    expect(own({ ...message, locale: 'de' })).to.deep.equal(render({ ...message, locale: 'de' }))
  })

  it('fill in what a person wrote as it is, and nothing within it', () => {
    write('token_reuse.en.txt', '{{client}} / {{ brand }}')
    write('token_reuse.en.html', '<p>{{client}}</p>')
    const own = createMessageRenderer({ renderer, issuer: ISSUER, overrides: loadOverrides(dir) })
    const fields = { client: '{{brand}} <i>' }
    const mail = own({ kind: 'token_reuse', channel: 'email', locale: 'en', fields })
    expect(mail).to.deep.include({
      text: '{{brand}} <i> / Ada & Söhne',
      html: '<p>{{brand}} &lt;i&gt;</p>',
    })
  })

  it('are refused at start where they name what is not there, all at once', () => {
    write('magic_link.en.txt', '{{link}} {{password}}')
    write('magic_link.xx.txt', 'x')
    write('magick_link.en.txt', 'x')
    write('magic_link.en.pdf', 'x')
    write('sign_in_code.en.txt', '{{code')
    expect(faults())
      .to.contain('{{password}}, which magic_link does not have')
      .and.to.contain('magic_link.xx.txt names no locale')
      .and.to.contain('magick_link.en.txt names no kind')
      .and.to.contain('magic_link.en.pdf does not end in')
      .and.to.contain('sign_in_code.en.txt has {{ without')
  })

  it('are refused at start where their directory is missing', () => {
    expect(() => loadOverrides(path.join(dir, 'missing'))).to.throw('ENOENT')
  })
})
