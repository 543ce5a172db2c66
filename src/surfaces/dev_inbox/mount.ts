import type Koa from 'koa'
import { listMessages } from '../../domain/messaging/message_store.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Pages } from '../../web/pages.ts'

/**
 * The development inbox: what would have gone out by mail, for whoever builds on this machine. It is
 * not mounted in production, where anybody could read it.
 */
export const DEV_INBOX_PATH = '/dev/inbox'

const SHOWN = 50

export function mountDevInbox(
  app: Koa,
  { db, pages, approvalsPath }: { db: Db; pages: Pages; approvalsPath: string },
): void {
  app.use(async (ctx, next) => {
    if (ctx.path !== DEV_INBOX_PATH || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) {
      return await next()
    }
    ctx.state.route = 'dev_inbox'
    const messages = await listMessages(db, { limit: SHOWN })
    pages.send(ctx, 'dev/inbox', {
      messages: messages.map(({ kind, recipient, fields, createdAt }) => ({
        kind,
        recipient,
        client: fields.client,
        uri: kind === 'approval_requested' ? approvalsPath : undefined,
        at: createdAt.toISOString(),
      })),
    })
  })
}
