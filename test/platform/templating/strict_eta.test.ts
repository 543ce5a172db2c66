import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { loadCatalogue } from '../../../src/platform/templating/catalogue.ts'
import { createRenderer } from '../../../src/platform/templating/strict_eta.ts'
import type { ErrorLocals } from '../../../src/platform/templating/views.ts'

const sources = fileURLToPath(new URL('../../../views', import.meta.url))
const brand = { name: 'AuthCore' }
const page = { locale: 'en' } as const
const home = { issuer: 'https://login.example.com' }

describe('platform/templating/strict_eta', () => {
  let viewsDir: string

  beforeEach(() => {
    viewsDir = mkdtempSync(join(tmpdir(), 'views-'))
    cpSync(sources, viewsDir, { recursive: true })
  })
  afterEach(() => rmSync(viewsDir, { recursive: true }))

  function renderer() {
    return createRenderer({ viewsDir, locales: loadCatalogue(`${viewsDir}/locales`), brand })
  }

  function withHome(template: string) {
    writeFileSync(join(viewsDir, 'home/index.eta'), template)
    return () => renderer().render('home/index', home, page)
  }

  it('throws where a view uses a local that was not given', () => {
    expect(withHome('<%= it.isuer %>')).to.throw('it.isuer, which was not given')
    expect(withHome('<% if (it.demoUri) { %>x<% } %>')).to.throw('it.demoUri')
  })

  it('throws at any depth', () => {
    expect(withHome('<%= it.brand.nmae %>')).to.throw('it.brand.nmae')
  })

  it('throws in a partial and in a layout', () => {
    writeFileSync(join(viewsDir, 'partials/odd.eta'), '<%= it.odd %>')
    expect(withHome("<%~ include('/partials/odd') %>")).to.throw('it.odd')
    expect(withHome("<% layout('/partials/odd') %>")).to.throw('it.odd')
  })

  it('answers for an optional local with `in`, whether it is absent or undefined', () => {
    const render = withHome("<%= 'demoUri' in it ? 'yes' : 'no' %>")
    expect(render()).to.equal('no')
    expect(renderer().render('home/index', { ...home, demoUri: undefined }, page)).to.equal('no')
    expect(renderer().render('home/index', { ...home, demoUri: '/demo' }, page)).to.equal('yes')
  })

  it('counts an address that no page may link to as absent', () => {
    withHome("<%= 'demoUri' in it ? 'yes' : 'no' %>")
    const render = (demoUri: string) => renderer().render('home/index', { ...home, demoUri }, page)
    expect(render('javascript:alert(1)')).to.equal('no')
    expect(render('//evil.example/')).to.equal('no')
  })

  it('escapes what it prints and refuses to print objects', () => {
    expect(withHome('<%= `<b a="\'">&` %>')()).to.equal('&lt;b a=&quot;&#39;&quot;&gt;&amp;')
    expect(withHome('<%= it.brand %>')).to.throw('type object')
    expect(withHome('<%= [][0] %>')).to.throw('type undefined')
  })

  it('does not reach the prototype', () => {
    expect(withHome('<%= it.constructor %>')).to.throw('it.constructor')
    expect(withHome('<%= it.toString() %>')).to.throw('it.toString')
  })

  it('refuses locals that are more than data', () => {
    const locals = { kind: 'internal', referenceId: 'r1', client: new Map() }
    expect(() =>
      renderer().render('errors/error', locals as unknown as ErrorLocals, page),
    ).to.throw('it.client is not plain data')
  })

  it('throws for a message that does not exist', () => {
    expect(withHome("<%= it.t('no.such.key') %>")).to.throw('no.such.key')
    expect(withHome("<%= it.t('page.back_to') %>")).to.throw('{client}')
  })

  it('does not start with a template that cannot be compiled', () => {
    writeFileSync(join(viewsDir, 'errors/odd.eta'), '<% if ( { %>')
    expect(renderer).to.throw('Bad template syntax')
  })

  it('reads no file once it has started', () => {
    const started = renderer()
    rmSync(viewsDir, { recursive: true })
    expect(started.render('home/index', home, page)).to.contain('<h1>')
    cpSync(sources, viewsDir, { recursive: true })
  })

  it('leaves out the language links of an address that leads elsewhere', () => {
    const localeLinks = [{ locale: 'de', href: '//evil.example/?locale=de' } as const]
    const locals = { kind: 'not_found', referenceId: 'r1' } as const
    const html = renderer().render('errors/error', locals, { ...page, localeLinks })
    expect(html).to.contain('id="reference-id"')
    expect(html).not.to.contain('evil.example')
    expect(html).not.to.contain('<footer>')
  })

  it('shows a logo in place of the name', () => {
    const withLogo = createRenderer({
      viewsDir,
      locales: loadCatalogue(`${viewsDir}/locales`),
      brand: { name: 'Acme', logoUri: 'https://acme.example/logo.svg' },
    })
    const html = withLogo.render('home/index', home, page)
    expect(html).to.contain('src="https://acme.example/logo.svg" alt="Acme"')
    expect(html).not.to.contain('class="brand-name"')
  })

  it('does not compile with locals that the view does not take', () => {
    const started = renderer()
    // @ts-expect-error the issuer is missing
    expect(() => started.render('home/index', {}, page)).to.throw('it.issuer')
    // @ts-expect-error there is no such view
    expect(() => started.render('home/nowhere', {}, page)).to.throw('home/nowhere')
  })
})
