import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { Middleware } from 'koa'

/**
 * Who is calling. X-Forwarded-For is read from right to left and only as far as trusted proxies wrote
 * it: the first address that is not one of ours is the client. No other forwarding header is believed.
 */
export function findClientIp(trustedProxies: readonly string[]): Middleware {
  const isTrusted = addressMatcher(trustedProxies)
  return (ctx, next) => {
    ctx.state.clientIp = clientIpOf(ctx.req, isTrusted)
    return next()
  }
}

/** True for an address inside one of the ranges; a range is an address or a CIDR, IPv4 or IPv6. */
export function addressMatcher(ranges: readonly string[]): (address: string) => boolean {
  const parsed = ranges.map((range) => {
    const cidr = range.includes('/')
      ? ipaddr.parseCIDR(range)
      : ([ipaddr.parse(range), isIP(range) === 4 ? 32 : 128] as const)
    return { address: cidr[0], bits: cidr[1] }
  })
  if (parsed.length === 0) return () => false
  return (text) => {
    if (isIP(text) === 0) return false
    const address = ipaddr.process(text)
    return parsed.some(
      (range) =>
        range.address.kind() === address.kind() && address.match(range.address, range.bits),
    )
  }
}

/** @returns '' where the connection is already gone or is no TCP connection */
export function clientIpOf(req: IncomingMessage, isTrusted: (address: string) => boolean): string {
  let address = plainAddress(req.socket.remoteAddress ?? '') ?? ''
  const header = req.headers['x-forwarded-for']
  if (header === undefined || !isTrusted(address)) return address
  const hops = (Array.isArray(header) ? header.join(',') : header).split(',')
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = plainAddress(hops[i]!.trim())
    // What stands left of something unreadable was vouched for by nobody.
    if (hop === undefined) return address
    address = hop
    if (!isTrusted(address)) return address
  }
  return address
}

/** One spelling per address: `::ffff:1.2.3.4` is 1.2.3.4, no zone; undefined where it is no address. */
function plainAddress(text: string): string | undefined {
  const address = text.startsWith('::ffff:') && text.includes('.') ? text.slice(7) : text
  const kind = isIP(address)
  if (kind === 4) return address
  if (kind === 0) return undefined
  return ipaddr.process(address.split('%', 1)[0]!).toString()
}
