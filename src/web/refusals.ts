import type { Context } from 'koa'
import { DomainError } from '../core/errors.ts'
import { requestRefused } from '../platform/events/catalogue.ts'
import type { EventRecorder } from '../platform/events/recorder.ts'
import { originOf } from './origin.ts'

/** Notes for the trail that a form was forged or foreign; other errors say nothing about that. */
export function recordForbidden(recorder: EventRecorder, ctx: Context, error: unknown): void {
  if (!(error instanceof DomainError) || error.code !== 'forbidden') return
  const reason = error.debug ?? error.message
  recorder.record(requestRefused({ reason, path: ctx.state.route ?? ctx.path, ...originOf(ctx) }))
}
