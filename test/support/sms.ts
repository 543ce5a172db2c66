import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSignedWebhook, type WebhookHeaders } from '../../src/core/standard_webhooks.ts'

/**
 * The program of a deployment that takes SMS (`AUTHCORE_SMS_TRANSPORTS=hook`), as a real server. What
 * is not signed with its secret it refuses.
 *
 *     const sms = await startSms()
 *     const server = await startAuthCore({ worker: true, env: sms.env() })
 *     const { code } = await sms.next('+491711234567', 'sign_in_code')
 */
export type ReceivedSms = {
  to: string
  kind: string
  text: string
  /** The digits that the last line binds to our domain, as they are typed. */
  code: string | undefined
}

export type SmsSink = {
  received: ReceivedSms[]
  /** The first of this kind to this number that was not asked for yet; waits for it. */
  next(to: string, kind: string, timeoutMs?: number): Promise<ReceivedSms>
  /** For `startAuthCore`. */
  env(): Record<string, string>
  stop(): void
}

const SECRET = `whsec_${Buffer.alloc(32, 'sms').toString('base64')}`

export async function startSms(): Promise<SmsSink> {
  const received: ReceivedSms[] = []
  const given = new Set<ReceivedSms>()
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const headers = request.headers as unknown as WebhookHeaders
    if (!isSignedWebhook(SECRET, { headers, body, now: new Date() })) {
      return response.writeHead(401).end()
    }
    const { to, kind, text: words } = JSON.parse(body) as ReceivedSms
    received.push({ to, kind, text: words, code: /^@\S+ #(\S+)$/m.exec(words)?.[1] })
    return response.end('{}')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    received,
    async next(to, kind, timeoutMs = 20_000) {
      for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(50)) {
        const found = received.find(
          (each) => each.to === to && each.kind === kind && !given.has(each),
        )
        if (found) {
          given.add(found)
          return found
        }
      }
      throw new Error(`no ${kind} to ${to}; there are ${JSON.stringify(received)}`)
    },
    env: () => ({
      AUTHCORE_SMS_TRANSPORTS: 'hook',
      AUTHCORE_SMS_HOOK_URL: `http://${address}/sms`,
      AUTHCORE_SMS_HOOK_SECRET: SECRET,
      AUTHCORE_OUTBOUND_ALLOW: address,
    }),
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}
