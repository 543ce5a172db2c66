import { z } from 'zod'

/**
 * Work that may fail and must be done all the same: what a request leaves behind for a worker. A job
 * is a row in the same PostgreSQL, written in the transaction of the fact that asks for it, and
 * carried by pg-boss. Each job is here, with its payload and its patience; what a job does is
 * registered by whoever owns the work. Facts for others to hear are events, not jobs.
 */
export type JobDefinition = {
  /** What `send` accepts and the handler gets. Plain JSON: no transforms. */
  payload: z.ZodType<object>
  /** Attempts after the first; then the job goes to the dead letters. */
  retryLimit: number
  /** Each pause is twice the one before and up to twice as long again, by chance. */
  firstRetryDelayS: number
  /** How long one attempt may take. The job of a worker that died is taken up again after it. */
  expireS: number
  /** Jobs of this kind that one process works on at the same time. */
  concurrency: number
}

export type JobTable = Record<string, JobDefinition>

export const JOBS = {
  /** Makes the code or link that somebody asked for, and the message that carries it. */
  deliver_code: {
    payload: z.strictObject({ codeId: z.string() }),
    // A code lives for ten minutes: 2, 4, 8 seconds and so on, and then it is too late.
    retryLimit: 7,
    firstRetryDelayS: 1,
    expireS: 60,
    concurrency: 5,
  },
  /** One POST of a logout token to one client (OpenID Connect Back-Channel Logout 1.0 §2.5). */
  backchannel_logout: {
    payload: z.strictObject({
      clientId: z.string(),
      accountId: z.string(),
      sid: z.string(),
      /** NumericDate: when the session ended. The token itself is made anew for every attempt. */
      issuedAt: z.int(),
    }),
    // 2, 4, 8 minutes and so on, in all about a day.
    retryLimit: 9,
    firstRetryDelayS: 110,
    expireS: 60,
    concurrency: 10,
  },
  /** One POST to one client that waits for an approval (OpenID Connect CIBA Core §10.2). */
  ciba_ping: {
    payload: z.strictObject({
      clientId: z.string(),
      /** The keyed hash of the request's id, base64url. */
      request: z.string(),
    }),
    // 10, 20, 40 seconds and so on: the request itself lives for minutes.
    retryLimit: 5,
    firstRetryDelayS: 5,
    expireS: 60,
    concurrency: 10,
  },
  /** One message to one person, by mail or SMS. */
  deliver_message: {
    payload: z.strictObject({ messageId: z.uuid() }),
    // 10, 20, 40 seconds and so on, in all about a day: a code does not wait, a notice may.
    retryLimit: 13,
    firstRetryDelayS: 5,
    expireS: 120,
    concurrency: 10,
  },
} as const satisfies JobTable

/** Where jobs end that failed for good. Nobody works on it; an operator looks, and sends them again. */
export const DEAD_LETTERS = 'dead_letter'
