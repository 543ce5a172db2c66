import { expect } from 'chai'
import fc from 'fast-check'
import {
  canonicalAddress,
  isPrivateNetworkAddress,
  isPublicAddress,
} from '../../../src/platform/outbound/addresses.ts'
import { createGuard } from '../../../src/platform/outbound/guard.ts'
import type { OutboundError } from '../../../src/platform/outbound/outbound_error.ts'

/** IANA IPv4 and IPv6 Special-Purpose Address Registries, multicast, and what is unassigned. */
const SPECIAL_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '255.255.255.255/32',
]

/** Leading bits in hexadecimal digits; the rest of the address is free. */
const SPECIAL_IPV6 = [
  '00', // ::/8: unspecified, loopback, v4-mapped, v4-compatible, NAT64
  '0064ff9b0000000000000000',
  '0064ff9b0001',
  '0100000000000000',
  '0100000000000001',
  '20010000', // Teredo
  '2001000', // 2001::/28 and neighbours within 2001::/23
  '20010002',
  '2001001',
  '2001002',
  '2001003',
  '20010db8',
  '2002',
  '2620004f8000',
  '3fff0',
  '4',
  '5f00',
  'e',
  'fc',
  'fd',
  'fe8',
  'feb',
  'fec',
  'fef',
  'ff',
]

function toDotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.')
}

function toNumber(dotted: string): number {
  return dotted.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0)
}

const specialIpv4 = fc.constantFrom(...SPECIAL_IPV4).chain((cidr) => {
  const [network, bits] = cidr.split('/') as [string, string]
  const first = toNumber(network)
  return fc.integer({ min: first, max: first + 2 ** (32 - Number(bits)) - 1 })
})

const hexDigits = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })

const specialIpv6 = fc
  .constantFrom(...SPECIAL_IPV6)
  .chain((prefix) => hexDigits(32 - prefix.length).map((rest) => prefix + rest))
  .map((digits) => digits.match(/.{4}/g)!.join(':'))

const guard = createGuard({ allow: [], allowHttp: true })
const endpoint = { host: 'rp.example', port: 443 }

function reasonOf(act: () => unknown): string {
  try {
    act()
    return 'passed'
  } catch (error) {
    return (error as OutboundError).reason
  }
}

function refused(address: string, hosts: readonly string[]): boolean {
  const acts = hosts.map((host) => () => guard.vetUrl(`https://${host}/`))
  return [...acts, () => guard.vetAddresses(endpoint, [address])].every(
    (act) => reasonOf(act) === 'blocked_address',
  )
}

describe('outbound addresses', () => {
  const runs = { numRuns: 500 }

  it('never take a special-use IPv4 address for a public one', () => {
    const holds = (value: number) => {
      const address = toDotted(value)
      return !isPublicAddress(address) && refused(address, [address])
    }
    fc.assert(fc.property(specialIpv4, holds), runs)
  })

  it('never take a special-use IPv6 address for a public one', () => {
    const holds = (address: string) =>
      !isPublicAddress(address) && refused(address, [`[${address}]`])
    fc.assert(fc.property(specialIpv6, holds), runs)
  })

  it('refuse every number form of a special-use IPv4 address in a URL', () => {
    const holds = (value: number) => {
      const dotted = toDotted(value)
      return refused(dotted, [
        String(value),
        `0x${value.toString(16)}`,
        `0${value.toString(8)}`,
        `0x${(value >>> 24).toString(16)}.${value & 0xffffff}`,
        dotted.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
        `${dotted}.`,
      ])
    }
    fc.assert(fc.property(specialIpv4, holds), runs)
  })

  it('refuse every IPv6 form that carries an IPv4 address, public or not', () => {
    const holds = (hi: string, lo: string) =>
      [
        `::ffff:${hi}:${lo}`,
        `::ffff:0:${hi}:${lo}`,
        `::${hi}:${lo}`,
        `64:ff9b::${hi}:${lo}`,
        `64:ff9b:1::${hi}:${lo}`,
        `2002:${hi}:${lo}::`,
        `2001:0:${hi}:${lo}::1`,
      ].every((address) => refused(address, [`[${address}]`]))
    fc.assert(fc.property(hexDigits(4), hexDigits(4), holds), { numRuns: 200 })
  })

  it('take public addresses for what they are', () => {
    for (const address of [
      '1.1.1.1',
      '8.8.8.8',
      '93.184.216.34',
      '168.63.129.17',
      '172.32.0.1',
      '100.128.0.1',
      '2606:4700:4700::1111',
      '2a00:1450:4001:830::200e',
    ]) {
      expect(isPublicAddress(address), address).to.equal(true)
    }
  })

  it('take no other text for an address', () => {
    for (const text of ['', 'localhost', '0177.1', '2130706433', '1.2.3', '1.2.3.4 ', '[::1]']) {
      expect(isPublicAddress(text), text).to.equal(false)
      expect(canonicalAddress(text), text).to.equal(undefined)
    }
  })

  it('compare IPv6 addresses in one form', () => {
    expect(canonicalAddress('2606:4700:0:0:0:0:0:1')).to.equal(canonicalAddress('2606:4700::1'))
  })

  it('count loopback, private and unique local as private networks, link-local as none', () => {
    for (const address of [
      '127.0.0.1',
      '10.1.2.3',
      '192.168.0.1',
      '100.64.0.1',
      '::1',
      'fd00::1',
    ]) {
      expect(isPrivateNetworkAddress(address), address).to.equal(true)
    }
    for (const address of ['169.254.169.254', 'fe80::1', '0.0.0.0', '224.0.0.1', '8.8.8.8']) {
      expect(isPrivateNetworkAddress(address), address).to.equal(false)
    }
  })
})
