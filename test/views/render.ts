import { fileURLToPath } from 'node:url'
import { loadCatalogue } from '../../src/platform/templating/catalogue.ts'
import { LOCALES, type Locale } from '../../src/platform/templating/i18n.ts'
import { createRenderer } from '../../src/platform/templating/strict_eta.ts'
import type { ViewName, Views } from '../../src/platform/templating/views.ts'

export const viewsDir = fileURLToPath(new URL('../../views', import.meta.url))
export const catalogue = loadCatalogue(`${viewsDir}/locales`)
export const localeLinks = LOCALES.map((locale) => ({ locale, href: `?locale=${locale}` }))

const renderer = createRenderer({ viewsDir, locales: catalogue, brand: { name: 'AuthCore' } })

export function renderPage<V extends ViewName>(
  view: V,
  locals: Views[V],
  locale: Locale = 'en',
): string {
  return renderer.render(view, locals, { locale, localeLinks })
}

/** Without the scripts there are, which are files: pages that go on by themselves need them. */
export function withoutScriptFile(html: string): string {
  return html.replace(
    /<script src="(\/assets\/(?:submit|leave|passkey|password|proof|notifications)\.js\?v=[\w-]+|<%= .* %>)" defer><\/script>/g,
    '',
  )
}
