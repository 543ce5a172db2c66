import { type KeyObject, X509Certificate } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import type { OutboundRequest } from '../../platform/outbound/client.ts'
import type { OutboundResponse } from '../../platform/outbound/exchange.ts'

/**
 * The keys that Amazon SNS signs with, from the certificates at its own addresses, which are few and
 * change rarely. Who posts us other addresses makes us ask SNS now and then, and nobody else.
 */
export type SnsKeys = {
  /** Undefined where the address is not one of SNS at `origin`, or no valid certificate is there. */
  find(asked: { url: string; origin: string }): Promise<KeyObject | undefined>
}

export type Request = (input: OutboundRequest) => Promise<OutboundResponse>

const KEPT = 8
const FETCHES_PER_MINUTE = 6
const MINUTE_MS = 60_000
const MAX_BYTES = 16 * 1024

export function createSnsKeys({ request, clock }: { request: Request; clock: Clock }): SnsKeys {
  const known = new Map<string, X509Certificate>()
  let fetches: number[] = []

  async function fetchCertificate(url: string): Promise<X509Certificate | undefined> {
    const now = clock.now().getTime()
    fetches = fetches.filter((at) => now - at < MINUTE_MS)
    if (fetches.length >= FETCHES_PER_MINUTE) return undefined
    fetches.push(now)
    try {
      const { status, body } = await request({ url, timeoutMs: 5_000, maxResponseBytes: MAX_BYTES })
      return status === 200 ? new X509Certificate(body) : undefined
    } catch {
      return undefined
    }
  }

  return {
    async find({ url, origin }) {
      if (!url.startsWith(`${origin}/`) || !PATH.test(url.slice(origin.length))) return undefined
      const certificate = known.get(url) ?? (await fetchCertificate(url))
      if (!certificate || !isValidAt(certificate, clock.now())) return undefined
      if (known.size >= KEPT) known.clear()
      known.set(url, certificate)
      return certificate.publicKey
    },
  }
}

const PATH = /^\/SimpleNotificationService-[0-9a-f]{1,64}\.pem$/

function isValidAt({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return validFromDate <= now && now < validToDate
}
