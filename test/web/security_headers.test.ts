import { expect } from 'chai'
import {
  allowFormTarget,
  contentSecurityPolicy,
  isPrivateUseUri,
} from '../../src/web/security_headers.ts'
import { available, newPage, startChromium, stopChromium } from '../support/chromium.ts'
import { requires } from '../support/skip.ts'
import { type ListeningApp, listenTo } from './listening_app.ts'

// The provider's own helper: what it makes of our policy is what browsers will read.
const { default: addScriptHash } = (await import(
  new URL('../../node_modules/oidc-provider/lib/helpers/script_src_sha.js', import.meta.url).href
)) as { default: (ctx: unknown, script: string) => string }

const SCRIPT = `document.documentElement.dataset.ran = 'yes'`

describe('web/security_headers', () => {
  it('allows no script by itself', () => {
    expect(contentSecurityPolicy()).to.include("script-src 'report-sample';")
  })

  it('opens only what is named', () => {
    const policy = contentSecurityPolicy({
      scriptSrc: ["'self'"],
      formAction: ['https://a.example'],
    })
    expect(policy).to.include("script-src 'self';")
    expect(policy).to.include("form-action 'self' https://a.example;")
  })

  it('leaves form-action out where a form may go anywhere, and only there', () => {
    expect(contentSecurityPolicy({ formAction: 'anywhere' })).to.not.include('form-action')
    expect(contentSecurityPolicy()).to.include("form-action 'self';")
  })

  it('knows the scheme of a native application from an address of the web', () => {
    expect(isPrivateUseUri('com.example.app:/callback')).to.equal(true)
    for (const uri of ['https://rp.example/', 'http://127.0.0.1:1/', '/path', '', undefined, 1]) {
      expect(isPrivateUseUri(uri), String(uri)).to.equal(false)
    }
  })

  it('adds the origin or the scheme of a form target and keeps the rest', () => {
    const headers: Record<string, string> = {
      'Content-Security-Policy':
        "script-src 'report-sample' 'sha256-x';form-action 'self';base-uri 'none'",
    }
    const res = {
      getHeader: (name: string) => headers[name],
      setHeader: (name: string, value: string) => {
        headers[name] = value
      },
    }
    allowFormTarget(res as never, 'https://rp.example/cb?a=b;c')
    allowFormTarget(res as never, 'com.example.app:/cb')
    expect(headers['Content-Security-Policy']).to.equal(
      "script-src 'report-sample' 'sha256-x';form-action 'self' https://rp.example com.example.app:;base-uri 'none'",
    )
  })

  describe('in a browser', () => {
    let running: ListeningApp

    before(async function () {
      requires(this, available())
      running = await listenTo(
        (app) =>
          app.use((ctx) => {
            const script = ctx.path === '/hashed' ? addScriptHash(ctx, SCRIPT) : SCRIPT
            ctx.type = 'html'
            ctx.body = `<!doctype html><html lang="en"><title>t</title><script>${script}</script></html>`
          }),
        { issuer: 'http://localhost' },
      )
      await startChromium()
    })

    after(async () => {
      await stopChromium()
      await running?.server.stop()
    })

    async function visit(path: string) {
      const page = await newPage()
      const messages: string[] = []
      page.on('console', (message) => messages.push(message.text()))
      await page.goto(running.url + path)
      const ran = await page.evaluate('document.documentElement.dataset.ran')
      await page.context().close()
      return { ran, messages }
    }

    it('runs the one script whose hash the provider appends, without a complaint', async () => {
      const { ran, messages } = await visit('/hashed')
      expect(ran).to.equal('yes')
      expect(messages).to.deep.equal([])
    })

    it('runs no other script', async () => {
      const { ran, messages } = await visit('/plain')
      expect(ran).to.equal(undefined)
      expect(messages.join()).to.include('Content Security Policy')
    })
  })
})
