import type { IncomingMessage } from 'node:http'
import { expect } from 'chai'
import fc from 'fast-check'
import { addressMatcher, clientIpOf } from '../../src/web/client_ip.ts'

describe('web/client_ip', () => {
  const from = (remoteAddress: string, forwarded?: string, trusted: string[] = []) =>
    clientIpOf(
      {
        socket: { remoteAddress },
        headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
      } as unknown as IncomingMessage,
      addressMatcher(trusted),
    )

  it('believes nobody where no proxy is trusted', () => {
    expect(from('192.0.2.1', '6.6.6.6')).to.equal('192.0.2.1')
  })

  it('ignores the header from a peer that is no proxy of ours', () => {
    expect(from('192.0.2.1', '6.6.6.6', ['10.0.0.0/8'])).to.equal('192.0.2.1')
  })

  it('walks from right to left and stops at the first stranger', () => {
    const header = '6.6.6.6, 198.51.100.7, 10.0.0.2'
    expect(from('10.0.0.1', header, ['10.0.0.0/8'])).to.equal('198.51.100.7')
  })

  it('takes the leftmost hop where all of them are ours', () => {
    expect(from('10.0.0.1', '10.0.0.3, 10.0.0.2', ['10.0.0.0/8'])).to.equal('10.0.0.3')
  })

  it('stops before anything that is not an address', () => {
    for (const garbage of ['evil.example', 'unknown', '', '1.2.3.4:80', '0177.0.0.1', '1.2.3']) {
      expect(from('10.0.0.1', `6.6.6.6, ${garbage}`, ['10.0.0.0/8'])).to.equal('10.0.0.1')
    }
  })

  it('writes one spelling per address', () => {
    expect(from('::ffff:192.0.2.1')).to.equal('192.0.2.1')
    expect(from('::ffff:10.0.0.1', '2001:DB8:0:0::1', ['10.0.0.1'])).to.equal('2001:db8::1')
    expect(from('10.0.0.1', '::ffff:c000:201', ['10.0.0.1'])).to.equal('192.0.2.1')
    expect(from('fe80::1%eth0')).to.equal('fe80::1')
  })

  it('matches addresses and ranges of both kinds', () => {
    const matches = addressMatcher(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1'])
    for (const inside of [
      '10.255.0.1',
      '192.0.2.7',
      '2001:db8:ffff::1',
      '::1',
      '::ffff:10.0.0.1',
    ]) {
      expect(matches(inside), inside).to.equal(true)
    }
    for (const outside of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::2', 'localhost', '']) {
      expect(matches(outside), outside).to.equal(false)
    }
  })

  describe('whatever the header says', () => {
    const stranger = fc
      .tuple(fc.constantFrom(6, 198, 203), fc.nat(255))
      .map(([a, b]) => `${a}.${b}.0.9`)
    const ours = fc.nat(255).map((last) => `10.0.0.${last}`)
    const garbage = fc.constantFrom(
      'unknown',
      '',
      'x',
      '1.2.3.4:80',
      '10.0.0.1/8',
      '_hidden',
      '10.0.0',
    )
    const proxies = ['10.0.0.0/8']

    it('is what a trusted proxy saw, and never what stands left of a stranger', () => {
      const hop = fc.oneof(stranger, ours, garbage)
      const written = fc.tuple(
        fc.array(hop, { maxLength: 6 }),
        stranger,
        fc.array(ours, { maxLength: 4 }),
      )
      fc.assert(
        fc.property(written, ours, ([forged, client, hops], peer) => {
          const header = [...forged, client, ...hops].join(', ')
          expect(from(peer, header, proxies)).to.equal(client)
        }),
      )
    })

    it('makes no difference where the peer is a stranger', () => {
      fc.assert(
        fc.property(stranger, fc.string(), (peer, header) => {
          expect(from(peer, header, proxies)).to.equal(peer)
        }),
      )
    })

    it('ends at the peer or at an address of the header, in one spelling', () => {
      const header = fc.array(
        fc.oneof(stranger, ours, garbage, fc.ipV6(), fc.string({ maxLength: 12 })),
      )
      fc.assert(
        fc.property(header, ours, (hops, peer) => {
          const found = from(peer, hops.join(','), proxies)
          expect(from(found)).to.equal(found)
          expect(found).not.to.equal('')
        }),
      )
    })
  })
})
