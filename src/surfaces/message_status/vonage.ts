import type { Context } from 'koa'
import { isSignedByVonage } from '../../domain/messaging/transports/vonage.ts'
import type { StatusDeps } from './mount.ts'
import { isTimely, parseReport, type SignedReport } from './report.ts'

/** Vonage repeats for a day what was not taken. */
const LATE_S = 2 * 86_400

const OUTCOMES: Readonly<Record<string, SignedReport['outcome']>> = {
  delivered: 'delivered',
  expired: 'bounced',
  failed: 'bounced',
  rejected: 'bounced',
}

/**
 * Delivery receipts of Vonage's SMS API, as a form or as JSON. The signature is one of the fields and
 * covers all others, among them our id (`client-ref`) and when it was made.
 */
export function readVonageReport(
  { vonageSignatureSecret, clock }: Pick<StatusDeps, 'vonageSignatureSecret' | 'clock'>,
  ctx: Context,
  body: string,
): SignedReport[] | undefined {
  if (vonageSignatureSecret === undefined) return undefined
  const fields = ctx.is('json') ? fieldsOf(parseReport(body)) : new URLSearchParams(body)
  if (!isSignedByVonage(vonageSignatureSecret, fields)) return undefined
  if (!isTimely(clock, fields.get('timestamp') ?? '', LATE_S)) return undefined
  const status = fields.get('status') ?? ''
  const outcome = Object.hasOwn(OUTCOMES, status) ? OUTCOMES[status] : undefined
  return [{ messageId: fields.get('client-ref') ?? undefined, outcome }]
}

function fieldsOf(report: Record<string, unknown>): URLSearchParams {
  const fields = new URLSearchParams()
  for (const [name, value] of Object.entries(report)) fields.set(name, String(value))
  return fields
}
