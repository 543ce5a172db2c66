import {
  createDecipheriv,
  createECDH,
  createPublicKey,
  type ECDH,
  hkdfSync,
  randomBytes,
} from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { jwtVerify } from 'jose'
import { issueCertificate } from './certificates.ts'

/**
 * A push service (RFC 8030) over real TLS, and the browsers that it serves: what it is sent it takes
 * with a VAPID token for its origin only (RFC 8292), and opens as the browser would (RFC 8291).
 *
 *     const push = await startPushService()
 *     const server = await startAuthCore({ worker: true, env: push.env() })
 *     const subscription = push.subscribe()   // as `PushSubscription.toJSON()` has it
 *     const { title } = await push.next(subscription)
 */
export type PushedMessage = {
  title: string
  body: string
  uri: string
  tag: string
  headers: IncomingHttpHeaders
  /** Of the VAPID token. */
  contact: string
  /** The public key that it was signed with, base64url. */
  key: string
}

export type Subscription = {
  endpoint: string
  expirationTime: null
  keys: { p256dh: string; auth: string }
}

export type PushService = {
  host: string
  /** PEM of the authority that its certificate is from. */
  ca: string
  received: (PushedMessage & { endpoint: string })[]
  /** Each time another browser. */
  subscribe(): Subscription
  /** The first with this title, if any is wanted, that was not asked for yet; waits for it. */
  next(subscription: Subscription, title?: string | RegExp): Promise<PushedMessage>
  /** What it answers from now on, where it takes what came; 201 at first. */
  answer(status: number): void
  /** For `startAuthCore`. */
  env(): Record<string, string>
  stop(): Promise<void>
}

type Keys = { ecdh: ECDH; auth: Buffer }

export async function startPushService(): Promise<PushService> {
  const authority = issueCertificate({ subject: [['CN', 'Test push authority']], ca: true })
  const { cert, key } = issueCertificate({
    subject: [['CN', 'push']],
    altNames: [['ip', '127.0.0.1']],
    by: authority,
    purpose: 'server',
  })
  const dir = mkdtempSync(path.join(tmpdir(), 'authcore-push-'))
  const caFile = path.join(dir, 'ca.pem')
  writeFileSync(caFile, authority.cert)
  const browsers = new Map<string, Keys>()
  const received: PushService['received'] = []
  const given = new Set<PushedMessage>()
  let status = 201

  const server = createServer({ cert, key }, async (request, response) => {
    const endpoint = `https://${host}${request.url}`
    const keys = browsers.get(endpoint)
    const body = await buffer(request)
    const sender = await senderOf(request.headers, `https://${host}`)
    if (!keys || !sender || request.method !== 'POST' || body.length > 4096) {
      return response.writeHead(keys ? 403 : 404).end()
    }
    if (status === 201) {
      const message = JSON.parse(openPushed(keys, body).toString('utf8'))
      received.push({ ...message, ...sender, endpoint, headers: request.headers })
    }
    return response.writeHead(status).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    host,
    ca: authority.cert,
    received,
    subscribe() {
      const ecdh = createECDH('prime256v1')
      const p256dh = ecdh.generateKeys().toString('base64url')
      const auth = randomBytes(16)
      const endpoint = `https://${host}/push/${randomBytes(24).toString('base64url')}`
      browsers.set(endpoint, { ecdh, auth })
      return { endpoint, expirationTime: null, keys: { p256dh, auth: auth.toString('base64url') } }
    },
    async next({ endpoint }, title = '') {
      const isMeant = (each: PushService['received'][number]) =>
        each.endpoint === endpoint && !given.has(each) && each.title.search(title) >= 0
      for (const end = Date.now() + 20_000; Date.now() < end; await sleep(25)) {
        const found = received.find(isMeant)
        if (!found) continue
        given.add(found)
        return found
      }
      throw new Error(`${title || 'nothing'} was not pushed to ${endpoint}`)
    },
    answer: (next) => {
      status = next
    },
    env: () => ({
      AUTHCORE_WEB_PUSH: 'on',
      AUTHCORE_WEB_PUSH_CONTACT: 'mailto:operator@example.test',
      AUTHCORE_WEB_PUSH_SERVICES: host,
      AUTHCORE_OUTBOUND_ALLOW: host,
      AUTHCORE_OUTBOUND_CA_FILE: caFile,
    }),
    async stop() {
      rmSync(dir, { recursive: true, force: true })
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** RFC 8292 §2 and §3; undefined where it is nobody that a push service would hear. */
async function senderOf(
  { authorization = '', ttl, 'content-encoding': encoding }: IncomingHttpHeaders,
  audience: string,
): Promise<{ contact: string; key: string } | undefined> {
  const [, token, key] = /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(authorization) ?? []
  if (!token || !key || !/^\d+$/.test(String(ttl)) || encoding !== 'aes128gcm') return undefined
  const point = Buffer.from(key, 'base64url')
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((n) => n.toString('base64url'))
  const publicKey = createPublicKey({
    key: { kty: 'EC', crv: 'P-256', x: x!, y: y! },
    format: 'jwk',
  })
  try {
    const { payload } = await jwtVerify(token, publicKey, { audience, algorithms: ['ES256'] })
    const livesS = (payload.exp ?? Number.POSITIVE_INFINITY) - Date.now() / 1000
    return livesS <= 86_400 ? { contact: String(payload.sub), key } : undefined
  } catch {
    return undefined
  }
}

/** RFC 8291 §3.4, on RFC 8188 §2 with one record. */
export function openPushed({ ecdh, auth }: Keys, body: Buffer): Buffer {
  const salt = body.subarray(0, 16)
  const keyEnd = 21 + body[20]!
  const sender = body.subarray(21, keyEnd)
  const hkdf = (salt: Buffer, secret: Buffer, info: Buffer, length: number) =>
    Buffer.from(hkdfSync('sha256', secret, salt, info, length))
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), ecdh.getPublicKey(), sender])
  const secret = hkdf(auth, ecdh.computeSecret(sender), info, 32)
  const key = hkdf(salt, secret, Buffer.from('Content-Encoding: aes128gcm\0'), 16)
  const nonce = hkdf(salt, secret, Buffer.from('Content-Encoding: nonce\0'), 12)
  const sealed = body.subarray(keyEnd, -16)
  const decipher = createDecipheriv('aes-128-gcm', key, nonce).setAuthTag(body.subarray(-16))
  const padded = Buffer.concat([decipher.update(sealed), decipher.final()])
  const end = padded.lastIndexOf(0x02)
  if (end < 0 || padded.subarray(end + 1).some((octet) => octet !== 0)) throw new Error('padding')
  return padded.subarray(0, end)
}
