import type Koa from 'koa'
import type { Message } from '../../domain/messaging/message.ts'
import { listMessages } from '../../domain/messaging/message_store.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
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
  {
    db,
    keyring,
    pages,
    approvalsPath,
  }: { db: Db; keyring: Keyring; pages: Pages; approvalsPath: string },
): void {
  app.use(async (ctx, next) => {
    if (ctx.path !== DEV_INBOX_PATH || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) {
      return await next()
    }
    ctx.state.route = 'dev_inbox'
    const messages = await listMessages(db, keyring, { limit: SHOWN })
    pages.send(ctx, 'dev/inbox', {
      messages: messages.filter(isNotice).map(({ kind, recipient, fields, createdAt }) => ({
        kind,
        recipient,
        client: String(fields?.['client']),
        uri: kind === 'approval_requested' ? approvalsPath : undefined,
        at: createdAt.toISOString(),
      })),
    })
  })
}

type Notice = Message & { kind: 'token_reuse' | 'approval_requested' }

function isNotice(message: Message): message is Notice {
  return message.kind === 'token_reuse' || message.kind === 'approval_requested'
}
