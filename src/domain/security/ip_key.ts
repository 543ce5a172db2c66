import { isIP } from 'node:net'
import ipaddr, { type IPv6 } from 'ipaddr.js'

/**
 * By what an address is counted. Whoever has one IPv6 address has its whole /64, and many have the
 * /48 around it, so single IPv6 addresses count for nothing.
 */
export type IpKeys = {
  /** An IPv4 address, or the /64 of an IPv6 one. */
  narrow: string
  /** The /48 of an IPv6 address. */
  wide: string | undefined
}

/** Whatever is no address shares one key. */
export function ipKeys(address: string): IpKeys {
  if (isIP(address) === 0) return { narrow: 'unknown', wide: undefined }
  const parsed = ipaddr.process(address.split('%', 1)[0]!)
  if (parsed.kind() === 'ipv4') return { narrow: parsed.toString(), wide: undefined }
  const { parts } = parsed as IPv6
  return { narrow: prefix(parts, 4), wide: prefix(parts, 3) }
}

function prefix(parts: readonly number[], groups: number): string {
  const kept = parts.slice(0, groups).map((part) => part.toString(16))
  return `${kept.join(':')}::/${groups * 16}`
}
