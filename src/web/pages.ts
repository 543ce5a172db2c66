import type { Context } from 'koa'
import { chooseLocale } from '../platform/templating/choose_locale.ts'
import { LOCALES, type Locale } from '../platform/templating/i18n.ts'
import type { Renderer } from '../platform/templating/strict_eta.ts'
import type { ViewName, Views } from '../platform/templating/views.ts'
import { sendPage } from './render_view.ts'

/** Sends pages in the language of whoever looks at them. */
export type Pages = {
  send<V extends ViewName>(ctx: Context, view: V, locals: Views[V], status?: number): void
  html<V extends ViewName>(ctx: Context, view: V, locals: Views[V]): string
  /** The language that a page to this browser is in. */
  localeOf(ctx: Context): Locale
}

const LOCALE_COOKIE = 'authcore_locale'

export function createPages(renderer: Renderer): Pages {
  const html = <V extends ViewName>(ctx: Context, view: V, locals: Views[V]): string => {
    const locale = localeOf(ctx)
    ctx.vary('Accept-Language')
    return renderer.render(view, locals, { locale, localeLinks: localeLinks(ctx) })
  }
  return {
    html,
    localeOf,
    send: (ctx, view, locals, status) => sendPage(ctx, html(ctx, view, locals), status),
  }
}

function localeOf(ctx: Context): Locale {
  return chooseLocale({
    chosen: chosenLocale(ctx),
    uiLocales: ctx.state['uiLocales'] as string | undefined,
    acceptLanguage: ctx.get('Accept-Language') || undefined,
    supported: LOCALES,
    fallback: 'en',
  })
}

/** `?locale=de` on a page that is only looked at; it is remembered for the pages that follow. */
function chosenLocale(ctx: Context): string | undefined {
  const { locale } = ctx.query
  if (typeof locale === 'string' && (LOCALES as readonly string[]).includes(locale)) {
    ctx.cookies.set(LOCALE_COOKIE, locale, { sameSite: 'lax', signed: false, httpOnly: true })
    return locale
  }
  return ctx.cookies.get(LOCALE_COOKIE, { signed: false })
}

function localeLinks(ctx: Context) {
  if (ctx.method !== 'GET') return []
  const rest = new URLSearchParams(ctx.querystring)
  return LOCALES.map((locale) => {
    rest.set('locale', locale)
    return { locale, href: `${ctx.path}?${rest}` }
  })
}
