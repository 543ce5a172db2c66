import { isIP } from 'node:net'
import { canonicalAddress, isPrivateNetworkAddress, isPublicAddress } from './addresses.ts'
import { describeUrl, OutboundError, type OutboundReason } from './outbound_error.ts'

export type GuardPolicy = {
  /**
   * Exact `host:port` pairs that may be reached although private or not https, such as
   * `127.0.0.1:9001` or `rp.internal:8443`. A pair opens neither another port nor another name that
   * resolves to the same address. A name may resolve to private networks, never to link-local.
   */
  allow: readonly string[]
  /** Host names never reached unless listed in `allow`: the public names of this server itself. */
  deny?: readonly string[]
  /** Ports open besides the allow-list. Default 443 and 8443, and 80 where `allowHttp` is set. */
  ports?: readonly number[]
  /** Permits plain http to public addresses. Default false. */
  allowHttp?: boolean
}

/** Where a connection goes: the URL's host without brackets, and its port, given or implied. */
export type Endpoint = { host: string; port: number }

export type Guard = {
  /**
   * Parses a URL and checks all that can be known before DNS. No name has been resolved yet.
   *
   * @throws OutboundError `invalid_url`, `blocked_scheme`, `userinfo`, `blocked_port` or
   *   `blocked_address`
   */
  vetUrl(text: string): URL
  /**
   * Checks all addresses an endpoint resolved to; one bad address refuses the whole answer.
   *
   * @returns the addresses in canonical form, which alone may be connected to
   * @throws OutboundError `blocked_address`
   */
  vetAddresses(endpoint: Endpoint, addresses: readonly string[]): readonly string[]
}

type Rules = {
  allow: ReadonlySet<string>
  deny: ReadonlySet<string>
  ports: ReadonlySet<number>
  allowHttp: boolean
}

/** Reads the endpoint out of a URL that the WHATWG parser has normalised. */
export function endpointOf(url: Pick<URL, 'protocol' | 'hostname' | 'port'>): Endpoint {
  const implied = url.protocol === 'https:' ? 443 : 80
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || implied) }
}

function keyOf({ host, port }: Endpoint): string {
  return `${host} ${port}`
}

/**
 * Reads an allow-list entry: `host:port`, an IPv6 address in brackets.
 *
 * @throws TypeError where the entry is anything else, so that a server with a wrong list does not
 *   start
 */
export function parseAllowEntry(entry: string): Endpoint {
  const url = /^[^\s/?#@\\*]+:\d{1,5}$/.test(entry) ? URL.parse(`http://${entry}`) : null
  if (!url) throw new TypeError(`outbound allow-list: "${entry}" is not host:port`)
  return endpointOf(url)
}

function readRules(policy: GuardPolicy): Rules {
  const allowHttp = policy.allowHttp ?? false
  return {
    allow: new Set(policy.allow.map((entry) => keyOf(parseAllowEntry(entry)))),
    deny: new Set(policy.deny?.map(readHostName)),
    ports: new Set(policy.ports ?? (allowHttp ? [443, 8443, 80] : [443, 8443])),
    allowHttp,
  }
}

function readHostName(name: string): string {
  const url = /[\s/?#@\\:]/.test(name) ? null : URL.parse(`https://${name}`)
  if (!url) throw new TypeError(`outbound deny-list: "${name}" is not a host name`)
  return withoutDot(url.hostname)
}

function withoutDot(host: string): string {
  return host.replace(/\.$/, '')
}

function refusalOf(url: URL, rules: Rules): OutboundReason | undefined {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'blocked_scheme'
  if (url.username !== '' || url.password !== '') return 'userinfo'
  const endpoint = endpointOf(url)
  if (rules.allow.has(keyOf(endpoint))) return undefined
  if (url.protocol === 'http:' && !rules.allowHttp) return 'blocked_scheme'
  if (!rules.ports.has(endpoint.port)) return 'blocked_port'
  if (rules.deny.has(withoutDot(endpoint.host))) return 'blocked_address'
  if (isIP(endpoint.host) !== 0 && !isPublicAddress(endpoint.host)) return 'blocked_address'
  return undefined
}

function mayConnect(address: string, endpoint: Endpoint, rules: Rules): boolean {
  if (isPublicAddress(address)) return true
  if (!rules.allow.has(keyOf(endpoint))) return false
  return address === canonicalAddress(endpoint.host) || isPrivateNetworkAddress(address)
}

/**
 * The rules that keep outgoing calls away from our own network (server-side request forgery).
 *
 * @throws TypeError where `allow` holds anything but `host:port`, or `deny` anything but a host name
 */
export function createGuard(policy: GuardPolicy): Guard {
  const rules = readRules(policy)
  return {
    vetUrl(text) {
      // The WHATWG parser turns 0177.1, 2130706433, 0x7f.1 and full-width digits into 127.0.0.1.
      const url = URL.parse(text)
      if (!url) throw new OutboundError('invalid_url', '(unreadable URL)')
      const reason = refusalOf(url, rules)
      if (reason) throw new OutboundError(reason, describeUrl(url))
      return url
    },
    vetAddresses(endpoint, addresses) {
      return addresses.map((address) => {
        const canonical = canonicalAddress(address)
        if (canonical !== undefined && mayConnect(canonical, endpoint, rules)) return canonical
        throw new OutboundError('blocked_address', `${endpoint.host}:${endpoint.port}`)
      })
    },
  }
}
