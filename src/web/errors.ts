import { STATUS_CODES } from 'node:http'
import type { Context, Middleware } from 'koa'
import { DomainError, type ErrorCode } from '../core/errors.ts'
import type { Logger } from '../platform/observability/logger.ts'
import { MethodNotAllowed } from './http_problem.ts'

/**
 * The one place where an error becomes a response: RFC 9457 problem details for programs, a page for
 * a browser that navigates. Errors of our own making speak; anything else leaves the house blank, and
 * the log has the rest under the same request id.
 */

export const HTTP_STATUS = {
  invalid_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  unsupported: 415,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
} as const satisfies Record<ErrorCode, number>

export type ProblemKind = ErrorCode | 'method_not_allowed'

const TITLES = {
  invalid_input: 'Invalid request',
  unauthenticated: 'Authentication required',
  forbidden: 'Forbidden',
  not_found: 'Not found',
  method_not_allowed: 'Method not allowed',
  conflict: 'Conflict',
  too_large: 'Too large',
  unsupported: 'Unsupported media type',
  rate_limited: 'Too many requests',
  internal: 'Internal error',
  unavailable: 'Temporarily unavailable',
} as const satisfies Record<ProblemKind, string>

type Problem = {
  kind: ProblemKind
  status: number
  detail?: string
  hint?: string
  retryAfterS?: number
  allow?: readonly string[]
}

/** What an error page is made of; it may show nothing else of the request. */
export type ErrorPage = {
  status: number
  kind: ProblemKind
  referenceId: string
  retryAfterS: number | undefined
}

export type ErrorOptions = {
  log: Logger
  /** Writes the HTML of an error page. Without it everyone gets problem details. */
  renderErrorPage?: (ctx: Context, page: ErrorPage) => string | Promise<string>
  /** Paths, with all below them, whose callers are programs whatever their Accept header says. */
  machinePaths?: ReadonlySet<string>
}

export function mapErrors(options: ErrorOptions): Middleware {
  const isMachinePath = pathMatcher(options.machinePaths ?? new Set())
  return async (ctx, next) => {
    try {
      await next()
      if (ctx.respond === false || ctx.headerSent) return
      const unanswered = problemOfSilence(ctx)
      if (unanswered) await answer(ctx, unanswered, isMachinePath, options)
      // A page of its own, where what it would need is away.
      if (ctx.status === 503 && !ctx.response.get('Retry-After')) comeBackLater(ctx, AWAY_S)
    } catch (error) {
      const problem = describeError(error, ctx)
      logProblem(options.log, ctx, problem, error)
      if (ctx.headerSent || !ctx.writable) {
        // Half an answer is out: only cutting it off tells the client that it is not whole.
        ctx.res.destroy()
        return
      }
      await answer(ctx, problem, isMachinePath, options)
    }
  }
}

/** Nobody answered: no route, or a router that only left a status behind. */
function problemOfSilence(ctx: Context): Problem | undefined {
  const silent = ctx.body === undefined || ctx.body === null
  if (!silent || (ctx.status !== 404 && ctx.status !== 405 && ctx.status !== 501)) return undefined
  if (ctx.status === 404) return { kind: 'not_found', status: 404 }
  return { kind: 'method_not_allowed', status: 405 }
}

function describeError(error: unknown, ctx: Context): Problem {
  if (error instanceof DomainError) return describeDomainError(error)
  if (error instanceof MethodNotAllowed) {
    return { kind: 'method_not_allowed', status: 405, allow: error.allow }
  }
  // The caller hung up or broke its own body off while it was being read.
  if (ctx.req.errored !== null && ctx.req.errored === error) {
    return { kind: 'invalid_input', status: 400, detail: 'The request body is incomplete.' }
  }
  const status = exposedStatus(error)
  if (status === 405) return { kind: 'method_not_allowed', status }
  const kind = (Object.keys(HTTP_STATUS) as ErrorCode[]).find((k) => HTTP_STATUS[k] === status)
  if (kind === 'unavailable') return { kind, status: 503, retryAfterS: AWAY_S }
  return kind ? { kind, status: HTTP_STATUS[kind] } : { kind: 'internal', status: 500 }
}

/** Where whoever is away did not say for how long: a client that is told nothing asks at once, again and again. */
const AWAY_S = 5

function describeDomainError(error: DomainError): Problem {
  const retryAfterS = error.retryAfterS ?? (error.code === 'unavailable' ? AWAY_S : undefined)
  const problem = {
    kind: error.code,
    status: HTTP_STATUS[error.code],
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  }
  if (error.code === 'internal') return problem
  return {
    ...problem,
    detail: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  }
}

/** The status of an http-errors error that says it may be shown, as routers and parsers throw. */
function exposedStatus(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  const { status, expose } = error as { status?: unknown; expose?: unknown }
  return expose === true && typeof status === 'number' ? status : undefined
}

function logProblem(log: Logger, ctx: Context, problem: Problem, error: unknown): void {
  const fields = {
    request_id: ctx.state.requestId,
    kind: problem.kind,
    status: problem.status,
    ...(error instanceof DomainError && error.debug !== undefined ? { debug: error.debug } : {}),
  }
  if (problem.status >= 500) log.error({ ...fields, err: error }, 'request failed')
  else log.debug({ ...fields, err: error }, 'request refused')
}

async function answer(
  ctx: Context,
  problem: Problem,
  isMachinePath: (path: string) => boolean,
  options: ErrorOptions,
): Promise<void> {
  ctx.status = problem.status
  ctx.remove('ETag')
  ctx.remove('Last-Modified')
  ctx.remove('Content-Disposition')
  ctx.set('Cache-Control', 'no-store')
  if (problem.retryAfterS !== undefined) comeBackLater(ctx, problem.retryAfterS)
  if (problem.allow) ctx.set('Allow', problem.allow.join(', '))
  // Whoever sent more than we read is not listened to any longer on this connection.
  if (mustClose(ctx, problem)) ctx.set('Connection', 'close')
  ctx.vary('Accept')
  const page = prefersHtml(ctx, isMachinePath) ? await renderPage(ctx, problem, options) : undefined
  if (page === undefined) {
    ctx.body = JSON.stringify(problemDetails(ctx, problem))
    ctx.type = 'application/problem+json'
  } else {
    ctx.body = page
    ctx.type = 'html'
  }
}

function comeBackLater(ctx: Context, seconds: number): void {
  ctx.set('Retry-After', String(Math.ceil(seconds)))
}

function mustClose(ctx: Context, { status }: Problem): boolean {
  return status === 413 || (status >= 400 && !ctx.req.complete)
}

/** HTML only to a caller that names it and wants it most; a bare wildcard is a program. */
function prefersHtml(ctx: Context, isMachinePath: (path: string) => boolean): boolean {
  if (!ctx.get('Accept').includes('text/html') || isMachinePath(ctx.path)) return false
  return ctx.accepts('application/problem+json', 'application/json', 'text/html') === 'text/html'
}

async function renderPage(ctx: Context, problem: Problem, options: ErrorOptions) {
  const { kind, status, retryAfterS } = problem
  const page = { kind, status, referenceId: ctx.state.requestId, retryAfterS }
  try {
    return await options.renderErrorPage?.(ctx, page)
  } catch (error) {
    const fields = { request_id: ctx.state.requestId, err: error }
    options.log.error(fields, 'the error page could not be rendered')
    return undefined
  }
}

function problemDetails(ctx: Context, { kind, status, detail, hint }: Problem) {
  return {
    type: `urn:authcore:problem:${kind}`,
    title: TITLES[kind] ?? STATUS_CODES[status],
    status,
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
    instance: `urn:uuid:${ctx.state.requestId}`,
  }
}

function pathMatcher(paths: ReadonlySet<string>): (path: string) => boolean {
  const prefixes = [...paths].map((path) => `${path.replace(/\/$/, '')}/`)
  return (path) => paths.has(path) || prefixes.some((prefix) => path.startsWith(prefix))
}
