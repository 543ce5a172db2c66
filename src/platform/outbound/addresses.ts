import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ReturnType<typeof ipaddr.parse>

/** RFC 4291 §2.4 and RFC 3513: IPv6 global unicast is 2000::/3; all else is special or unassigned. */
const GLOBAL_UNICAST_IPV6 = ipaddr.parseCIDR('2000::/3')

/** Public by their number, yet answered by the cloud's own host to whoever asks from inside. */
const HOST_SERVICES = [ipaddr.parseCIDR('168.63.129.16/32')]

const PRIVATE_RANGES = new Set(['loopback', 'private', 'carrierGradeNat', 'uniqueLocal'])

function parse(address: string): Address | undefined {
  // ipaddr.js also reads 0177.1 and the like; an address on its way to a socket has one plain form.
  return isIP(address) === 0 ? undefined : ipaddr.parse(address)
}

function within(address: Address, [network, bits]: [Address, number]): boolean {
  return address.kind() === network.kind() && address.match(network, bits)
}

/** The one textual form of an IP address, for comparing; undefined where the text is none. */
export function canonicalAddress(address: string): string | undefined {
  return parse(address)?.toString()
}

/**
 * True for an IP address of the public internet. False for every special-use range of the IANA
 * registries (RFC 6890 and its updates), for every IPv6 form that carries an IPv4 address inside
 * (mapped, compatible, NAT64, 6to4, Teredo), and for text that is no address.
 */
export function isPublicAddress(address: string): boolean {
  const parsed = parse(address)
  if (parsed?.range() !== 'unicast') return false
  if (parsed.kind() === 'ipv6') return within(parsed, GLOBAL_UNICAST_IPV6)
  return !HOST_SERVICES.some((range) => within(parsed, range))
}

/**
 * True for loopback, RFC 1918, carrier-grade NAT and IPv6 unique local addresses: where a service
 * of one's own may live. False for link-local, which is where clouds keep their metadata service.
 */
export function isPrivateNetworkAddress(address: string): boolean {
  const parsed = parse(address)
  return parsed !== undefined && PRIVATE_RANGES.has(parsed.range())
}
