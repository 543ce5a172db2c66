import type { IncomingMessage, RequestListener } from 'node:http'
import { newId } from '../core/ids.ts'
import type { Logger } from '../platform/observability/logger.ts'
import type { Metrics } from '../platform/observability/metrics.ts'

/**
 * Public documents that are the same bytes for everybody, answered before anything else looks at the
 * request: nothing in it could change the answer. What asks in any other way than by a plain GET goes
 * to the application, which answers the same with the same headers.
 */

export type ReadyAnswer = {
  body: string
  /** All but those of the moment: Date and X-Request-Id. */
  headers: Readonly<Record<string, string>>
  /** Names it in the metrics. */
  route: string
}

export function answerAtOnce(
  next: RequestListener,
  options: {
    find(path: string): ReadyAnswer | undefined
    log: Pick<Logger, 'isLevelEnabled'>
    metrics: Pick<Metrics, 'httpRequestStarted' | 'httpRequestEnded'>
  },
): RequestListener {
  const { find, log, metrics } = options
  return (request, response) => {
    // Such requests are logged at debug, by the application.
    const answer =
      isPlainGet(request) && !log.isLevelEnabled('debug') ? find(request.url!) : undefined
    if (!answer) return next(request, response)
    const startedAt = performance.now()
    metrics.httpRequestStarted()
    response.once('close', () => {
      const tookS = (performance.now() - startedAt) / 1000
      metrics.httpRequestEnded('GET', answer.route, response.statusCode, tookS)
    })
    response.writeHead(200, { ...answer.headers, 'X-Request-Id': newId() })
    response.end(answer.body)
  }
}

function isPlainGet({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    headers['content-encoding'] === undefined &&
    headers['if-none-match'] === undefined &&
    headers['if-modified-since'] === undefined
  )
}
