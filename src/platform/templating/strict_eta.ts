import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Eta } from 'eta'
import { type Assets, assetPath, loadAssets } from './assets.ts'
import { type Brand, brandAccents } from './brand_stylesheet.ts'
import { type Catalogue, createTranslator, type Locale, type Translator } from './i18n.ts'
import { initialOf } from './initial.ts'
import { printable } from './safe_html.ts'
import { strictLocals } from './strict_locals.ts'
import type { MailLocals, Page, ViewName, Views } from './views.ts'
import { hostOf, isWebUri } from './web_uri.ts'

/**
 * Turns a view and its locals into a page. Owns the template engine and the few helpers a view may
 * call; knows nothing of HTTP. Every template is compiled at start, so one that cannot be compiled
 * stops the start and a request reads no file. `views.ts` says what each view is given.
 */
export type Renderer = {
  render<V extends ViewName>(view: V, locals: Views[V], page: Page): string
  /** A mail, which unlike a page brings its styles along. */
  mail(locals: MailLocals, locale: Locale): string
  translator(locale: Locale): Translator
  readonly brand: Brand
  /** What the pages load from `/assets/…`. */
  readonly assets: Assets
}

export type RendererOptions = { viewsDir: string; locales: Catalogue; brand: Brand }

export function createRenderer({ viewsDir, locales, brand }: RendererOptions): Renderer {
  const eta = createStrictEta(viewsDir)
  const assets = loadAssets(viewsDir, brand)
  const translatorOf = translatorsOf(locales)
  const helpers = {
    brand,
    asset: (name: string) => assetPath(assets, name),
    host: hostOf,
    initial: initialOf,
    languageName: (locale: Locale) => translatorOf(locale).text('language.name'),
  }
  const accents = brandAccents(brand)

  return {
    assets,
    brand,
    translator: translatorOf,
    mail: (locals, locale) =>
      eta.render('messages/mail', { ...locals, brand, accents, ...translatorOf(locale) }),
    render(view, locals, page) {
      const translator = translatorOf(page.locale)
      return eta.render(view, {
        ...locals,
        ...helpers,
        ...translator,
        // A request for `//elsewhere` would make a link that leads there: no switch is better than no page.
        localeLinks: page.localeLinks?.filter((link) => isWebUri(link.href)) ?? [],
      })
    },
  }
}

/** Each is made for the first page in its locale, and kept: what it knows of a language is not small. */
function translatorsOf(locales: Catalogue): (locale: Locale) => Translator {
  const made = new Map<Locale, Translator>()
  return (locale) => {
    const translator = made.get(locale) ?? createTranslator(locales, locale)
    made.set(locale, translator)
    return translator
  }
}

/** Eta with locals that throw where they are absent, in the view, its layout and its partials alike. */
function createStrictEta(viewsDir: string): Eta {
  const eta = new Eta({ views: viewsDir, cache: true, escapeFunction: printable })
  const renderLoosely = eta.render
  eta.render = (template, data, meta) => renderLoosely.call(eta, template, strictLocals(data), meta)
  for (const file of readdirSync(viewsDir, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.eta')) continue
    const filepath = join(viewsDir, file)
    eta.templatesSync.define(filepath, eta.compile(eta.readFile!(filepath), { filepath }))
  }
  return eta
}
