import type Koa from 'koa'
import type { Context } from 'koa'
import { DomainError } from '../../core/errors.ts'
import { isId } from '../../core/ids.ts'
import { type ReportDeps, reportDelivery } from '../../domain/messaging/report_delivery.ts'
import { messageReportRefused } from '../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import { MethodNotAllowed } from '../../web/http_problem.ts'
import { originOf } from '../../web/origin.ts'
import { DEFAULT_BODY_BYTES, decodeUtf8, readRawBody } from '../../web/raw_body.ts'
import { readHookReport } from './hook.ts'
import { STATUS_PATH } from './paths.ts'
import { readTwilioReport } from './twilio.ts'

/**
 * What providers tell about messages that they took: delivered, or not. Each transport that can tell
 * has one file here, which knows its signature and its words; only a signed report is believed.
 * Anything that is well signed is answered with 204, also what changes nothing, so that a provider
 * does not repeat it.
 */
export type StatusDeps = ReportDeps & {
  issuer: string
  recorder: EventRecorder
  hookSecret: string | undefined
  twilioAuthToken: string | undefined
}

export type SignedReport = {
  messageId: string | undefined
  /** Undefined for what is no end yet, such as `queued`. */
  outcome: 'delivered' | 'bounced' | undefined
}

/** Undefined where the signature is not the provider's, or the transport is not in use. */
type ReadReport = (deps: StatusDeps, ctx: Context, body: string) => SignedReport | undefined

const READERS: Readonly<Record<string, ReadReport>> = {
  hook: readHookReport,
  twilio: readTwilioReport,
}

export function mountMessageStatus(app: Koa, deps: StatusDeps): void {
  app.use(async (ctx, next) => {
    const [, transport = ''] = /^\/messages\/status\/([a-z]+)$/.exec(ctx.path) ?? []
    const read = Object.hasOwn(READERS, transport) ? READERS[transport] : undefined
    if (!ctx.path.startsWith(`${STATUS_PATH}/`) || !read) return await next()
    ctx.state.route = 'message_status'
    if (ctx.method !== 'POST') throw new MethodNotAllowed(['POST'])
    const body = decodeUtf8(await readRawBody(ctx.req, { limitBytes: DEFAULT_BODY_BYTES }))
    const report = body === undefined ? undefined : read(deps, ctx, body)
    if (!report) throw refuse(deps, ctx, transport)
    const { messageId, outcome } = report
    if (messageId !== undefined && isId(messageId) && outcome !== undefined) {
      await reportDelivery(deps, { id: messageId, transport, outcome })
    }
    ctx.status = 204
  })
}

function refuse({ recorder }: StatusDeps, ctx: Context, transport: string): DomainError {
  recorder.record(messageReportRefused({ transport, ...originOf(ctx) }))
  return new DomainError('unauthenticated', 'The report is not signed by the provider.')
}
