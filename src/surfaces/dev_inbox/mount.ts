import type Koa from 'koa'
import type { Context } from 'koa'
import { isId } from '../../core/ids.ts'
import type { Message } from '../../domain/messaging/message.ts'
import { findMessage, listMessages } from '../../domain/messaging/message_store.ts'
import type { RenderedMessage, RenderMessage } from '../../domain/messaging/render_message.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Pages } from '../../web/pages.ts'
import { sendHtmlPart } from './html_part.ts'
import { linesOf } from './lines.ts'
import { mountPreviews } from './previews.ts'

/**
 * The development inbox: every mail and SMS, also where it really went out, for whoever builds on
 * this machine. It is not mounted in production, where anybody could read it.
 */
export const DEV_INBOX_PATH = '/dev/inbox'

const SHOWN = 50
const EXCERPT = 160

export type InboxDeps = { db: Db; keyring: Keyring; pages: Pages; render: RenderMessage }

export function mountDevInbox(app: Koa, deps: InboxDeps): void {
  mountPreviews(app, deps)
  app.use(async (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return await next()
    if (ctx.path === DEV_INBOX_PATH) return await showList(deps, ctx)
    const [, id = '', html] = /^\/dev\/inbox\/([0-9a-f-]{36})(\/html)?$/.exec(ctx.path) ?? []
    const message = isId(id) ? await findMessage(deps.db, deps.keyring, { id }) : undefined
    if (!message) return await next()
    ctx.state.route = 'dev_inbox'
    const rendered = renderOf(deps, message)
    if (!html) return showMessage(deps, ctx, { message, rendered })
    if (rendered?.channel !== 'email') return await next()
    return sendHtmlPart(ctx, rendered.html)
  })
}

async function showList({ pages, ...deps }: InboxDeps, ctx: Context): Promise<void> {
  ctx.state.route = 'dev_inbox'
  const messages = await listMessages(deps.db, deps.keyring, { limit: SHOWN })
  pages.send(ctx, 'dev/inbox', {
    messages: messages.map((message) => {
      const rendered = renderOf({ ...deps, pages }, message)
      return { ...entryOf(message, rendered), uri: uriOf(message) }
    }),
  })
}

type Shown = { message: Message; rendered: RenderedMessage | undefined }

function showMessage({ pages }: InboxDeps, ctx: Context, { message, rendered }: Shown): void {
  pages.send(ctx, 'dev/message', {
    ...entryOf(message, rendered),
    lines: rendered && linesOf(rendered.text),
    htmlUri: rendered?.channel === 'email' ? `${uriOf(message)}/html` : undefined,
  })
}

/** Undefined where what it said is gone, or was written by another version. */
function renderOf({ render }: InboxDeps, message: Message): RenderedMessage | undefined {
  const { kind, channel, locale, fields } = message
  if (!fields) return undefined
  try {
    return render({ kind, channel, locale, fields })
  } catch {
    return undefined
  }
}

function entryOf(message: Message, rendered: RenderedMessage | undefined) {
  return {
    kind: message.kind,
    subject: rendered && 'subject' in rendered ? rendered.subject : undefined,
    excerpt: rendered && excerptOf(rendered.text),
    recipient: message.recipient,
    state: message.state,
    at: message.createdAt.toISOString(),
  }
}

function excerptOf(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length > EXCERPT ? `${line.slice(0, EXCERPT).trimEnd()}…` : line
}

function uriOf({ id }: Message): string {
  return `${DEV_INBOX_PATH}/${id}`
}
