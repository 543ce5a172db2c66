import type Koa from 'koa'
import type { Context } from 'koa'
import { DomainError } from '../../core/errors.ts'
import { isId } from '../../core/ids.ts'
import type { Channel } from '../../domain/messaging/kinds.ts'
import { type ReportDeps, reportDelivery } from '../../domain/messaging/report_delivery.ts'
import { messageReportRefused } from '../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import { MethodNotAllowed } from '../../web/http_problem.ts'
import { originOf } from '../../web/origin.ts'
import { DEFAULT_BODY_BYTES, decodeUtf8, readRawBody } from '../../web/raw_body.ts'
import { readHookReport } from './hook.ts'
import { readMailgunReport } from './mailgun.ts'
import { isReporting, type ReportingProvider, STATUS_PATH } from './paths.ts'
import type { SignedReport } from './report.ts'
import { readSendgridReports } from './sendgrid.ts'
import { readSesReport } from './ses.ts'
import type { Request, SnsKeys } from './sns_keys.ts'
import { readTwilioReport } from './twilio.ts'
import { readVonageReport } from './vonage.ts'

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
  vonageSignatureSecret: string | undefined
  /** The topic that Amazon SES tells. */
  sesTopicArn: string | undefined
  /** A public key (P-256): SubjectPublicKeyInfo, DER in base64. */
  sendgridKey: string | undefined
  mailgunSigningKey: string | undefined
  snsKeys: SnsKeys
  request: Request
}

/** Undefined where the signature is not the provider's, or the transport is not in use. */
type ReadReports = (
  deps: StatusDeps,
  ctx: Context,
  body: string,
) => SignedReport[] | undefined | Promise<SignedReport[] | undefined>

type Provider = {
  read: ReadReports
  /** Stands behind our mail servers, which are what took the message. */
  channel?: Channel
  limitBytes?: number
}

const PROVIDERS: Readonly<Record<ReportingProvider, Provider>> = {
  hook: { read: readHookReport },
  twilio: { read: readTwilioReport },
  vonage: { read: readVonageReport },
  ses: { read: readSesReport, channel: 'email', limitBytes: 256 * 1024 },
  // Its batches are up to 768 KB.
  sendgrid: { read: readSendgridReports, channel: 'email', limitBytes: 1024 * 1024 },
  mailgun: { read: readMailgunReport, channel: 'email' },
}

export function mountMessageStatus(app: Koa, deps: StatusDeps): void {
  app.use(async (ctx, next) => {
    const name = ctx.path.slice(STATUS_PATH.length + 1)
    if (!ctx.path.startsWith(`${STATUS_PATH}/`) || !isReporting(name)) return await next()
    const { read, channel, limitBytes = DEFAULT_BODY_BYTES } = PROVIDERS[name]
    ctx.state.route = 'message_status'
    if (ctx.method !== 'POST') throw new MethodNotAllowed(['POST'])
    const body = decodeUtf8(await readRawBody(ctx.req, { limitBytes }))
    const reports = body === undefined ? undefined : await read(deps, ctx, body)
    if (!reports) throw refuse(deps, ctx, name)
    for (const report of reports) await believe(deps, { transport: name, channel }, report)
    ctx.status = 204
  })
}

async function believe(
  deps: StatusDeps,
  by: { transport: string; channel: Channel | undefined },
  { messageId, ...report }: SignedReport,
): Promise<void> {
  const id = messageId !== undefined && isId(messageId) ? messageId : undefined
  const says = id !== undefined && (report.outcome || report.undeliverable)
  if (says || report.token) await reportDelivery(deps, { ...by, ...report, id })
}

function refuse({ recorder }: StatusDeps, ctx: Context, transport: string): DomainError {
  recorder.record(messageReportRefused({ transport, ...originOf(ctx) }))
  return new DomainError('unauthenticated', 'The report is not signed by the provider.')
}
