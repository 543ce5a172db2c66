import { expect } from 'chai'
import type { z } from 'zod'
import { samlKind } from '../../../../src/domain/federation/saml/saml_kind.ts'
import { issueCertificate } from '../../../support/certificates.ts'
import { idpMetadata } from '../../../support/saml_forge.ts'
import { IDP, type Settings, SP, settingsWith } from './saml_connection.ts'

function faultsOf(changes: Settings): string[] {
  const parsed = samlKind.settings.safeParse(settingsWith(changes))
  return parsed.success ? [] : parsed.error.issues.map(faultText)
}

function faultText({ path, message }: z.core.$ZodIssue): string {
  return `${path.join('.')}: ${message}`
}

const byHand = {
  entity_id: 'https://idp.example',
  sso_url: 'https://idp.example/sso',
  certificates: [IDP.cert],
}

describe('the settings of a SAML connection', () => {
  it('need the other side and our certificate, and no more', () => {
    const settings = samlKind.settings.parse(settingsWith())
    expect(settings).to.deep.include({
      request_binding: 'redirect',
      signature_algorithm: 'rsa-sha256',
      want_assertions_signed: true,
      want_response_signed: false,
      name_id_format: 'persistent',
      clock_skew: 60,
      max_assertion_age: 600,
      idp_initiated: false,
    })
    expect(settings.idp.metadata_refresh).to.equal(3_600)
  })

  it('take one way to know the other side', () => {
    const ways = 'give one of metadata_url, metadata_file, metadata, sso_url'
    expect(faultsOf({ idp: {} })).to.deep.equal([`idp.metadata_url: ${ways}`])
    expect(
      faultsOf({ idp: { ...byHand, metadata_url: 'https://idp.example/metadata' } }),
    ).to.deep.equal([`idp.sso_url: ${ways}`])
    expect(faultsOf({ idp: { sso_url: 'https://idp.example/sso' } })).to.deep.equal([
      'idp.entity_id: is needed beside sso_url',
      'idp.certificates: are needed beside sso_url',
    ])
    expect(
      faultsOf({
        idp: { metadata_url: 'https://idp.example/metadata', certificates: [IDP.cert] },
      }),
    ).to.deep.equal(['idp.certificates: comes from the metadata'])
  })

  it('read the metadata that stands in them', () => {
    const good = idpMetadata({ entityId: 'https://idp.example', keys: [IDP.der] })
    expect(faultsOf({ idp: { metadata: good } })).to.deep.equal([])
    expect(faultsOf({ idp: { metadata: good, entity_id: 'https://other.example' } })).to.deep.equal(
      ['idp.metadata: metadata_entity: it describes no "https://other.example" of SAML 2.0'],
    )
    expect(faultsOf({ idp: { metadata: '<x/>' } })).to.deep.equal([
      'idp.metadata: metadata_entity: it describes no identity provider of SAML 2.0',
    ])
  })

  it('cannot say that nothing has to be signed', () => {
    expect(faultsOf({ want_assertions_signed: false })).to.deep.equal([
      'want_assertions_signed: the response or the assertion has to be signed',
    ])
    expect(faultsOf({ want_assertions_signed: false, want_response_signed: true })).to.deep.equal(
      [],
    )
  })

  it('have no name for a check that could be left out', () => {
    for (const name of ['validate_audience', 'check_recipient', 'allow_sha1', 'strict']) {
      expect(faultsOf({ [name]: false }).join()).to.include(`Unrecognized key: "${name}"`)
    }
    expect(faultsOf({ signature_algorithm: 'rsa-sha1' })).to.have.length(1)
  })

  it('bound what may be late', () => {
    expect(faultsOf({ clock_skew: '10m' })).to.deep.equal([
      'clock_skew: must be a duration from 0s to 300s, such as 90s or 5m',
    ])
    expect(faultsOf({ max_assertion_age: '1d' })).to.have.length(1)
    expect(
      faultsOf({ idp: { metadata_url: 'https://a.example', metadata_refresh: '1s' } }),
    ).to.have.length(1)
  })

  it('take no transient NameID for a person', () => {
    expect(faultsOf({ name_id_format: 'transient' })).to.deep.equal([
      'name_id_format: a transient NameID names nobody: give attributes.subject',
    ])
  })

  it('take certificates with RSA keys of 2048 bits and more', () => {
    const elliptic = issueCertificate()
    const weak = issueCertificate({ rsaBits: 1024 })
    expect(faultsOf({ sp_certificate: elliptic.cert })).to.deep.equal([
      'sp_certificate: certificate: its key is ec, and only RSA is supported',
    ])
    expect(faultsOf({ idp: { ...byHand, certificates: [weak.cert] } })).to.deep.equal([
      'idp.certificates.0: certificate: its key has less than 2048 bits',
    ])
    expect(faultsOf({ sp_certificate: 'x' })).to.deep.equal([
      'sp_certificate: certificate: it cannot be read as X.509 in PEM or base64',
    ])
    expect(faultsOf({ sp_certificate: SP.der })).to.deep.equal([])
  })

  it('send nobody to where a script runs', () => {
    for (const sso_url of ['javascript:alert(1)', 'data:text/html,x', 'https://a:b@idp.example']) {
      expect(faultsOf({ idp: { ...byHand, sso_url } })).to.have.length(1)
    }
  })

  it('keep the parameters of SAML for SAML', () => {
    expect(faultsOf({ login_hint_parameter: 'SAMLRequest' })).to.deep.equal([
      'login_hint_parameter: is a parameter of SAML',
    ])
    expect(faultsOf({ login_hint_parameter: 'login_hint' })).to.deep.equal([])
  })
})
