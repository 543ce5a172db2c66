import { X509Certificate } from 'node:crypto'
import { expect } from 'chai'
import {
  canonicalName,
  canonicalSubject,
} from '../../../src/platform/certificates/distinguished_name.ts'
import {
  canonicalAltName,
  hasAltName,
} from '../../../src/platform/certificates/subject_alt_names.ts'
import { isIssuedByOneOf, readCertificates } from '../../../src/platform/certificates/trust.ts'
import { type CertificateOptions, issueCertificate } from '../../support/certificates.ts'

const parsed = (options: CertificateOptions) => new X509Certificate(issueCertificate(options).cert)

describe('Distinguished names (RFC 4514)', () => {
  const subject = [
    ['C', 'DE'],
    ['O', ' Example, "Inc." + <Söhne>; '],
    ['OU', '#1\\2=3\nnext'],
    ['organizationIdentifier', 'PSDDE-BAFIN-1'],
    ['CN', 'shop'],
  ] as const
  const text =
    'CN=shop,2.5.4.97=PSDDE-BAFIN-1,OU=\\#1\\\\2=3\\0Anext,O=\\ Example\\, \\"Inc.\\" \\+ \\<S\\C3\\B6hne\\>\\;\\ ,C=DE'

  it('match the subject of a certificate, whatever its values hold', () => {
    expect(canonicalSubject(parsed({ subject }).subject)).to.equal(canonicalName(text))
  })

  it('match by any name of a type and with space around what separates', () => {
    const one = canonicalName('CN=a b,ST=Bavaria,UID=u+OU=x,E=a@b.c')
    expect(one).to.be.a('string')
    for (const other of [
      'commonName = a b , S = Bavaria, ou=x + userid=u, emailAddress=a@b.c',
      '2.5.4.3=a b,2.5.4.8=Bavaria,2.5.4.11=x+0.9.2342.19200300.100.1.1=u,email=a@b.c',
    ]) {
      expect(canonicalName(other), other).to.equal(one)
    }
    expect(canonicalSubject('emailAddress=a@b.c\nOU=x + UID=u\nST=Bavaria\nCN=a b')).to.equal(one)
  })

  it('differ by the case, the spaces and the order of what they say', () => {
    const one = canonicalName('CN=a b,O=Example')
    for (const other of [
      'CN=A b,O=Example',
      'CN=a  b,O=Example',
      'O=Example,CN=a b',
      'CN=a b+O=Example',
      'CN=a b',
      'CN=a b,O=Example,C=DE',
      'OU=a b,O=Example',
    ]) {
      expect(canonicalName(other), other).to.be.a('string').and.not.equal(one)
    }
  })

  it('are refused where they are none', () => {
    for (const text of [
      '',
      'shop',
      'CN',
      '=shop',
      'CN=shop,',
      'CN=a;O=b',
      'CN="shop"',
      'CN=#0c0473686f70',
      'CN=\\zz',
      'CN=\\C3',
      'CN=a\nO=b',
      '/C=DE/CN=shop',
    ]) {
      expect(canonicalName(text), text).to.equal(undefined)
    }
  })
})

describe('Subject alternative names (RFC 5280 §4.2.1.6)', () => {
  const names = parsed({
    altNames: [
      ['dns', 'shop.example.test'],
      ['uri', 'https://example.test/?a=1, DNS:evil.test, "'],
      ['ip', '10.0.0.1'],
      ['ip', '2001:db8::1'],
      ['email', 'a@example.test'],
    ],
  }).subjectAltName

  it('are found by kind and value', () => {
    expect(hasAltName(names, 'dns', 'SHOP.example.test')).to.equal(true)
    expect(hasAltName(names, 'ip', '2001:0db8:0::1')).to.equal(true)
    expect(hasAltName(names, 'ip', '10.0.0.1')).to.equal(true)
    expect(hasAltName(names, 'email', 'a@EXAMPLE.test')).to.equal(true)
    expect(hasAltName(names, 'uri', 'https://example.test/?a=1, DNS:evil.test, "')).to.equal(true)
  })

  it('are not found inside one another, under another kind, or by a part', () => {
    expect(hasAltName(names, 'dns', 'evil.test')).to.equal(false)
    expect(hasAltName(names, 'dns', '10.0.0.1')).to.equal(false)
    expect(hasAltName(names, 'dns', 'example.test')).to.equal(false)
    expect(hasAltName(names, 'dns', '.example.test')).to.equal(false)
    expect(hasAltName(names, 'email', 'A@example.test')).to.equal(false)
    expect(hasAltName(names, 'uri', 'https://example.test/')).to.equal(false)
    expect(hasAltName(undefined, 'dns', 'shop.example.test')).to.equal(false)
  })

  it('do not match by wildcard', () => {
    const wild = parsed({ altNames: [['dns', '*.example.test']] }).subjectAltName
    expect(hasAltName(wild, 'dns', 'shop.example.test')).to.equal(false)
    expect(hasAltName(names, 'dns', '*.example.test')).to.equal(false)
  })

  it('have to be of their kind', () => {
    expect(canonicalAltName('dns', 'a b')).to.equal(undefined)
    expect(canonicalAltName('ip', '10.0.0')).to.equal(undefined)
    expect(canonicalAltName('ip', 'fe80::1%eth0')).to.equal(undefined)
    expect(canonicalAltName('email', '@example.test')).to.equal(undefined)
    expect(canonicalAltName('uri', '/relative')).to.equal(undefined)
  })
})

describe('Trust in certificates', () => {
  const authority = issueCertificate({ ca: true, subject: [['CN', 'Authority']] })
  const middle = issueCertificate({ ca: true, by: authority, subject: [['CN', 'Middle']] })
  const now = new Date()
  const trusts = (cert: string, ...authorities: string[]) =>
    isIssuedByOneOf(
      new X509Certificate(cert),
      authorities.map((pem) => new X509Certificate(pem)),
      now,
    )

  it('goes to what a named authority issued', () => {
    const { cert } = issueCertificate({ by: authority })
    expect(trusts(cert, middle.cert, authority.cert)).to.equal(true)
    expect(trusts(cert, middle.cert)).to.equal(false)
    expect(trusts(cert)).to.equal(false)
  })

  it('goes through nobody who was not named', () => {
    const { cert } = issueCertificate({ by: middle })
    expect(trusts(cert, authority.cert)).to.equal(false)
    expect(trusts(cert, authority.cert, middle.cert)).to.equal(true)
  })

  it('ends with the authority, and needs one that may issue', () => {
    const old = issueCertificate({ ca: true, until: -30 })
    expect(trusts(issueCertificate({ by: old }).cert, old.cert)).to.equal(false)
    const leaf = issueCertificate({ subject: [['CN', 'Leaf']] })
    expect(trusts(issueCertificate({ by: leaf }).cert, leaf.cert)).to.equal(false)
  })

  it('reads every certificate of a file, and refuses one without', () => {
    expect(readCertificates(`# both\n${authority.cert}\n${middle.cert}`)).to.have.length(2)
    expect(() => readCertificates(authority.key)).to.throw('no certificate')
    expect(() =>
      readCertificates('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'),
    ).to.throw()
  })
})
