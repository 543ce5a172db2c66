import type { OutboundRequest } from '../../../platform/outbound/client.ts'
import type { OutboundResponse } from '../../../platform/outbound/exchange.ts'
import type { SendOutcome } from './transport.ts'

/** What the transports have in common that are one HTTP request. */

export type Request = (input: OutboundRequest) => Promise<OutboundResponse>

const TIMEOUT_MS = 10_000
const MAX_RESPONSE_BYTES = 64 * 1024

/**
 * @param read what an answer with a 2xx status says; anything else is judged by its status: 408, 429
 *   and 5xx may pass, 401 and 403 are about us, and other 4xx about the message
 * @param judge where a status means something else to this provider
 */
export async function post(
  request: Request,
  input: Omit<OutboundRequest, 'method' | 'timeoutMs' | 'maxResponseBytes'>,
  read: (body: string) => SendOutcome,
  judge: (status: number) => SendOutcome | undefined = () => undefined,
): Promise<SendOutcome> {
  try {
    const { status, body } = await request({
      ...input,
      method: 'POST',
      timeoutMs: TIMEOUT_MS,
      maxResponseBytes: MAX_RESPONSE_BYTES,
    })
    if (status >= 200 && status < 300) return read(Buffer.from(body).toString('utf8'))
    const judged = judge(status)
    if (judged) return judged
    return { kind: isFinal(status) ? 'rejected' : 'unavailable', reason: `HTTP ${status}` }
  } catch (error) {
    const { reason } = error as { reason?: unknown }
    return { kind: 'unavailable', reason: typeof reason === 'string' ? reason : 'no answer' }
  }
}

const ABOUT_US_OR_NOW = new Set([401, 402, 403, 404, 405, 407, 408, 409, 425, 429])

function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && !ABOUT_US_OR_NOW.has(status)
}

/** @returns undefined where it is no JSON object */
export function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 200) : undefined
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

export const FORM = 'application/x-www-form-urlencoded'
