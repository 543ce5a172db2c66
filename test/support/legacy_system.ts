import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { isSignedWebhook, type WebhookHeaders } from '../../src/core/standard_webhooks.ts'

/** The system that people come over from: an HTTP server that knows some of them. */
export type LegacySystemUnderTest = {
  /** To be allowed in `AUTHCORE_OUTBOUND_ALLOW`: host and port. */
  address: string
  uri: string
  secret: string
  /** Everything it was asked, in order. */
  asked: { headers: IncomingHttpHeaders; body: string }[]
  /** Whom it knows, by what is typed. What it answers to the right password is JSON. */
  people: Map<string, { password: string; answer: unknown }>
  /** Set, it answers everything. */
  answer: ((response: ServerResponse) => void) | undefined
  stop(): void
}

const SECRET = `whsec_${Buffer.alloc(32, 'legacy').toString('base64')}`

/** It answers 401 to what is not signed with its secret, and to a wrong password; 404 to names it does not know. */
export async function startLegacySystem(): Promise<LegacySystemUnderTest> {
  const asked: LegacySystemUnderTest['asked'] = []
  const people: LegacySystemUnderTest['people'] = new Map()
  const server = createServer(async (request, response) => {
    const { headers } = request
    const body = await text(request)
    asked.push({ headers, body })
    if (legacy.answer) return legacy.answer(response)
    const { identifier, password } = JSON.parse(body) as Record<string, string>
    const person = people.get(identifier!)
    if (!person) return response.writeHead(404).end()
    const given = headers as unknown as WebhookHeaders
    const signed = isSignedWebhook(SECRET, { headers: given, body, now: new Date() })
    if (!signed || person.password !== password) return response.writeHead(401).end()
    return response.end(JSON.stringify(person.answer))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const legacy: LegacySystemUnderTest = {
    address,
    uri: `http://${address}/sign-in`,
    secret: SECRET,
    asked,
    people,
    answer: undefined,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
  return legacy
}
