import type { Reply } from '../../support/http.ts'
import type { Answer } from './history.ts'

/** Reads an answer as strictly as a client can: what is neither yes, no nor "not now" is wrong. */

export type Heard<T> = { answer: Answer; body?: T; reply?: Reply }

/**
 * What a program asked for, in JSON.
 *
 * @param fault why a 2xx answer is not what was asked for; undefined where it is
 */
export async function hearMachine<T>(
  send: () => Promise<Reply>,
  fault: (body: Partial<T>) => string | undefined,
): Promise<Heard<T>> {
  return await hear(send, (reply) => {
    const body = jsonOf(reply)
    if (reply.status === 200 || reply.status === 201) {
      const why = body === undefined ? 'no JSON' : fault(body as Partial<T>)
      return why === undefined
        ? { answer: { kind: 'ok' }, body: body as T, reply }
        : { answer: wrong(reply, why), reply }
    }
    const error = String((body as { error?: unknown } | undefined)?.error ?? '')
    if (error === '') return { answer: wrong(reply, 'no OAuth error'), reply }
    if (reply.status === 503) return { answer: notNow(reply, error), reply }
    if (reply.status === 400 || reply.status === 401) {
      return { answer: { kind: 'refused', status: reply.status, error }, reply }
    }
    return { answer: wrong(reply, 'a status that means nothing here'), reply }
  })
}

function notNow(reply: Reply, error: string): Answer {
  if (error !== 'temporarily_unavailable') return wrong(reply, 'a 503 of another name')
  return hasRetryAfter(reply) ? { kind: 'unavailable' } : wrong(reply, 'no Retry-After')
}

/** What a person's browser asked for: a page, or a way on. */
export async function hearPage(send: () => Promise<Reply>): Promise<Heard<never>> {
  return await hear(send, (reply) => {
    const { status, headers, location } = reply
    const error = location && new URL(location).searchParams.get('error')
    if (error) return { answer: answerAtClient(reply, error), reply }
    if (status === 303 && location) return { answer: { kind: 'ok' }, reply }
    if (!headers['content-type']?.startsWith('text/html') || !/<\/html>\s*$/.test(reply.body)) {
      return { answer: wrong(reply, 'no whole page'), reply }
    }
    if (status === 200) return { answer: { kind: 'ok' }, reply }
    if (status === 503) {
      const answer: Answer = hasRetryAfter(reply)
        ? { kind: 'unavailable' }
        : wrong(reply, 'no Retry-After')
      return { answer, reply }
    }
    if (status >= 400 && status < 500) {
      return { answer: { kind: 'refused', status, error: headlineOf(reply) }, reply }
    }
    return { answer: wrong(reply, 'a status that means nothing here'), reply }
  })
}

/** RFC 6749 §4.1.2.1: `server_error` is a 500 that a redirect carries. */
function answerAtClient(reply: Reply, error: string): Answer {
  if (error === 'server_error') return wrong(reply, error)
  if (error === 'temporarily_unavailable') return { kind: 'unavailable' }
  return { kind: 'refused', status: reply.status, error }
}

async function hear<T>(
  send: () => Promise<Reply>,
  read: (reply: Reply) => Heard<T>,
): Promise<Heard<T>> {
  let reply: Reply
  try {
    reply = await send()
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException
    return { answer: { kind: 'unanswered', why: code ?? name } }
  }
  return read(reply)
}

function wrong(reply: Reply, why: string): Answer {
  const { method = '' } = reply as { method?: string }
  const { pathname } = new URL(reply.url)
  return {
    kind: 'wrong',
    why: `${method}${pathname} said ${reply.status}: ${why}: ${reply.text().slice(0, 200)}`,
  }
}

const hasRetryAfter = ({ headers }: Reply) => Number(headers['retry-after']) > 0

const headlineOf = ({ body }: Reply) =>
  /<h1[^>]*>([^<]*)/.exec(body)?.[1]?.trim() ?? 'a page without headline'

function jsonOf(reply: Reply): object | undefined {
  try {
    const body: unknown = reply.json()
    return typeof body === 'object' && body !== null ? body : undefined
  } catch {
    return undefined
  }
}
