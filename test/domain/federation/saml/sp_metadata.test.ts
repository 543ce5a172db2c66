import { expect } from 'chai'
import { samlKind, samlOf } from '../../../../src/domain/federation/saml/saml_kind.ts'
import { spMetadata } from '../../../../src/domain/federation/saml/sp_metadata.ts'
import { elementsIn, everyElement, parseXml } from '../../../../src/domain/federation/saml/xml.ts'
import {
  ISSUER,
  openConnection,
  type Settings,
  SP,
  SP_NEXT,
  settingsWith,
} from './saml_connection.ts'

function metadata(changes: Settings = {}) {
  const settings = samlKind.settings.parse(settingsWith(changes))
  return parseXml(spMetadata({ name: 'acme', settings, issuer: ISSUER })).root
}

function found(root: ReturnType<typeof metadata>, name: string) {
  return [...everyElement(root)].filter(({ localName }) => localName === name)
}

describe('our metadata at a SAML connection', () => {
  it('says who we are and where answers go', () => {
    const root = metadata()
    const { saml } = openConnection().connector
    expect(root.getAttribute('entityID')).to.equal(`${ISSUER}/federation/acme/metadata`)
    expect(root.getAttribute('entityID')).to.equal(saml.entityId)
    const [role] = elementsIn(root)
    expect(role!.getAttribute('AuthnRequestsSigned')).to.equal('true')
    expect(role!.getAttribute('WantAssertionsSigned')).to.equal('true')
    const [acs] = found(root, 'AssertionConsumerService')
    expect(acs!.getAttribute('Location')).to.equal(saml.acsUri)
    expect(acs!.getAttribute('Binding')).to.match(/HTTP-POST$/)
    const slo = found(root, 'SingleLogoutService')
    expect(slo.map((each) => each.getAttribute('Location'))).to.deep.equal([
      saml.sloUri,
      saml.sloUri,
    ])
    // Metadata §2.4.2: the schema has them in this order.
    const order = elementsIn(role!).map(({ localName }) => localName)
    expect([...new Set(order)]).to.deep.equal([
      'KeyDescriptor',
      'SingleLogoutService',
      'NameIDFormat',
      'AssertionConsumerService',
    ])
  })

  it('has both keys while one follows the other', () => {
    const keys = (changes: Settings) =>
      found(metadata(changes), 'KeyDescriptor').map((key) => [
        key.getAttribute('use'),
        [...everyElement(key)].find(({ localName }) => localName === 'X509Certificate')!
          .textContent,
      ])
    expect(keys({})).to.deep.equal([
      ['signing', SP.der],
      ['encryption', SP.der],
    ])
    expect(keys({ sp_certificate_next: SP_NEXT.cert })).to.deep.equal([
      ['signing', SP.der],
      ['signing', SP_NEXT.der],
      ['encryption', SP.der],
      ['encryption', SP_NEXT.der],
    ])
  })

  it('has another name where the settings give one', () => {
    const root = metadata({ entity_id: 'urn:example:sp?a=1&b=2' })
    expect(root.getAttribute('entityID')).to.equal('urn:example:sp?a=1&b=2')
  })

  it('has the next key only with its private half', async () => {
    const { connector } = openConnection({ sp_certificate_next: SP_NEXT.cert })
    expect(await connector.probe()).to.deep.equal({
      ok: false,
      reason: 'sp_key: sp_certificate_next and sp_private_key_next go together',
    })
  })

  it('is reached from an open connection', () => {
    const { connector } = openConnection()
    expect(samlOf(connector)).to.equal(connector.saml)
    const other = { probe: connector.probe, close: connector.close }
    expect(samlOf(other)).to.equal(undefined)
  })
})
