import type Koa from 'koa'
import type { Context } from 'koa'
import { type Channel, isKind, KINDS, type MessageKind } from '../../domain/messaging/kinds.ts'
import type { RenderMessage } from '../../domain/messaging/render_message.ts'
import { sampleFields } from '../../domain/messaging/sample_fields.ts'
import { LOCALES, type Locale } from '../../platform/templating/i18n.ts'
import type { Pages } from '../../web/pages.ts'
import { contentSecurityPolicy } from '../../web/security_headers.ts'
import { sendHtmlPart } from './html_part.ts'
import { linesOf } from './lines.ts'

/**
 * Every kind of message as it would be sent, in the words of this deployment: what `authcore message
 * preview` prints, to look at. `/dev/messages/<kind>/<channel>/<locale>`, and `/html` of a mail.
 */
export const PREVIEWS_PATH = '/dev/messages'

type Deps = { pages: Pages; render: RenderMessage }
type Chosen = { kind: MessageKind; channel: Channel; locale: Locale }

export function mountPreviews(app: Koa, deps: Deps): void {
  app.use(async (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return await next()
    if (ctx.path === PREVIEWS_PATH) return showKinds(deps, ctx)
    const [, name = '', channel, locale, html] = PREVIEW.exec(ctx.path) ?? []
    const chosen = isKind(name) ? choose(deps, ctx, name, { channel, locale }) : undefined
    if (!chosen) return await next()
    ctx.state.route = 'dev_messages'
    const message = deps.render({ ...chosen, fields: sampleFields(chosen.kind) })
    if (!html) return showPreview(deps, ctx, chosen, message)
    if (message.channel !== 'email') return await next()
    return sendHtmlPart(ctx, message.html, { framed: true })
  })
}

const PREVIEW = /^\/dev\/messages\/([a-z_]+)(?:\/([a-z]+)\/([a-z]+)(\/html)?)?$/

/** Undefined for a channel that the kind does not have, or a language that we do not. */
function choose(
  { pages }: Deps,
  ctx: Context,
  kind: MessageKind,
  wanted: { channel: string | undefined; locale: string | undefined },
): Chosen | undefined {
  const [first] = KINDS[kind].channels
  const channel = channelsOf(kind).find((each) => each === (wanted.channel ?? first))
  const locale = LOCALES.find((each) => each === (wanted.locale ?? pages.localeOf(ctx)))
  return channel && locale && { kind, channel, locale }
}

function showKinds({ pages }: Deps, ctx: Context): void {
  ctx.state.route = 'dev_messages'
  const kinds = Object.keys(KINDS).map((kind) => ({ kind, uri: `${PREVIEWS_PATH}/${kind}` }))
  pages.send(ctx, 'dev/previews', { kinds })
}

function showPreview(
  { pages }: Deps,
  ctx: Context,
  chosen: Chosen,
  message: ReturnType<RenderMessage>,
): void {
  const { kind, channel, locale } = chosen
  const choice = (change: Partial<Chosen>, current: boolean) => ({
    uri: uriOf({ ...chosen, ...change }),
    current,
  })
  ctx.set('Content-Security-Policy', contentSecurityPolicy({ frameSrc: ["'self'"] }))
  pages.send(ctx, 'dev/preview', {
    kind,
    language: locale,
    channels: channelsOf(kind).map((name) => ({
      name,
      ...choice({ channel: name }, name === channel),
    })),
    locales: LOCALES.map((each) => ({
      locale: each,
      ...choice({ locale: each }, each === locale),
    })),
    subject: 'subject' in message ? message.subject : undefined,
    lines: linesOf(message.text),
    htmlUri: message.channel === 'email' ? `${uriOf(chosen)}/html` : undefined,
  })
}

function channelsOf(kind: MessageKind): readonly Channel[] {
  return KINDS[kind].channels
}

function uriOf({ kind, channel, locale }: Chosen): string {
  return `${PREVIEWS_PATH}/${kind}/${channel}/${locale}`
}
