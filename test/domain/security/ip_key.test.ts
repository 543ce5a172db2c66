import { expect } from 'chai'
import { ipKeys } from '../../../src/domain/security/ip_key.ts'

describe('domain/security/ip_key', () => {
  it('counts an IPv4 address for itself, mapped or not', () => {
    expect(ipKeys('192.0.2.1')).to.deep.equal({ narrow: '192.0.2.1', wide: undefined })
    expect(ipKeys('::ffff:192.0.2.1').narrow).to.equal('192.0.2.1')
    expect(ipKeys('::ffff:c000:201').narrow).to.equal('192.0.2.1')
  })

  it('counts an IPv6 address by its /64 and its /48', () => {
    const keys = { narrow: '2001:db8:1:2::/64', wide: '2001:db8:1::/48' }
    expect(ipKeys('2001:db8:1:2:3:4:5:6')).to.deep.equal(keys)
    expect(ipKeys('2001:0DB8:0001:0002::')).to.deep.equal(keys)
    expect(ipKeys('fe80::1%eth0').narrow).to.equal('fe80:0:0:0::/64')
  })

  it('gives everything else one key', () => {
    for (const text of ['', 'localhost', '1.2.3', '300.1.1.1']) {
      expect(ipKeys(text)).to.deep.equal({ narrow: 'unknown', wide: undefined })
    }
  })
})
