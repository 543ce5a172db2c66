import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { SamlFault } from '../../../../src/domain/federation/saml/fault.ts'
import {
  type MetadataOptions,
  readIdpMetadata,
} from '../../../../src/domain/federation/saml/idp_metadata.ts'
import { readLogoutRequest } from '../../../../src/domain/federation/saml/slo.ts'
import type { Outbound } from '../../../../src/platform/outbound/outbound.ts'
import { issueCertificate } from '../../../support/certificates.ts'
import { temporaryFolder } from '../../../support/leash.ts'
import {
  idpMetadata,
  keyDescriptor,
  logoutXml,
  redirectQuery,
  signElement,
} from '../../../support/saml_forge.ts'
import { expectRefusal } from './refusals.ts'
import {
  answerTo,
  IDP,
  IDP_ENTITY,
  openConnection,
  STRANGER,
  startWith,
} from './saml_connection.ts'

const GOOD = { entityId: IDP_ENTITY, keys: [IDP.der] }

function checkOf(xml: string, options?: MetadataOptions): string {
  try {
    readIdpMetadata(xml, options)
  } catch (error) {
    if (error instanceof SamlFault) return error.check
    throw error
  }
  return 'none'
}

describe('metadata of an identity provider', () => {
  it('tells its name, addresses and keys', () => {
    const found = readIdpMetadata(
      idpMetadata({
        ...GOOD,
        slo: 'https://idp.example/slo',
        sloResponse: 'https://idp.example/slo/answer',
        attributes: ' validUntil="2030-01-01T00:00:00Z"',
        roleAttributes: ' validUntil="2029-01-01T00:00:00Z"',
      }),
    )
    const slo = {
      request: 'https://idp.example/slo',
      response: 'https://idp.example/slo/answer',
    }
    expect(found.entityId).to.equal(IDP_ENTITY)
    expect(found.sso).to.deep.equal({
      redirect: 'https://idp.example/sso',
      post: 'https://idp.example/sso',
    })
    expect(found.slo).to.deep.equal({ redirect: slo, post: slo })
    expect(found.certificates).to.deep.equal([IDP.cert])
    expect(found.validUntil).to.deep.equal(new Date('2029-01-01T00:00:00Z'))
  })

  it('has every key for signing: those without use, and none for encryption alone', () => {
    const found = readIdpMetadata(
      idpMetadata({
        ...GOOD,
        keys: [
          keyDescriptor(STRANGER.der, 'encryption'),
          keyDescriptor(IDP.der),
          keyDescriptor(IDP.der, 'signing'),
        ],
      }),
    )
    expect(found.certificates).to.deep.equal([IDP.cert])
  })

  it('may be one of many, and is then named', () => {
    const other = idpMetadata({ ...GOOD, entityId: 'https://other.example' })
    const both =
      '<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"' +
      ` validUntil="2028-01-01T00:00:00Z"><!-- all of them -->${other}${idpMetadata(GOOD)}` +
      '</md:EntitiesDescriptor>'
    expect(checkOf(both)).to.equal('metadata_entity')
    const found = readIdpMetadata(both, { entityId: IDP_ENTITY })
    expect(found.entityId).to.equal(IDP_ENTITY)
    expect(found.validUntil).to.deep.equal(new Date('2028-01-01T00:00:00Z'))
  })

  const weak = issueCertificate({ rsaBits: 1024 })
  const REFUSED: [title: string, xml: string, check: string][] = [
    ['without a key', idpMetadata({ ...GOOD, keys: [] }), 'metadata_keys'],
    [
      'with a key for encryption alone',
      idpMetadata({ ...GOOD, keys: [keyDescriptor(IDP.der, 'encryption')] }),
      'metadata_keys',
    ],
    ['with a weak key', idpMetadata({ ...GOOD, keys: [weak.der] }), 'certificate'],
    ['with no key in its certificate', idpMetadata({ ...GOOD, keys: ['AAAA'] }), 'certificate'],
    [
      'with a comment in a key',
      idpMetadata({ ...GOOD, keys: [keyDescriptor(`${IDP.der}<!-- x -->`)] }),
      'metadata_keys',
    ],
    [
      'that sends people to a script',
      idpMetadata({ ...GOOD, sso: 'javascript:alert(1)' }),
      'metadata_location',
    ],
    ['with a comment that does not end', `${idpMetadata(GOOD)}<!-- `, 'xml_form'],
    [
      'with a time that is none',
      idpMetadata({ ...GOOD, attributes: ' validUntil="never"' }),
      'xml_time',
    ],
    ['with a document type', `<!DOCTYPE x>${idpMetadata(GOOD)}`, 'xml_markup'],
    ['of fifty megabytes', ' '.repeat(50 * 1024 * 1024), 'xml_size'],
    [
      'of a service provider',
      '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x">' +
        '<md:SPSSODescriptor/></md:EntityDescriptor>',
      'metadata_entity',
    ],
    [
      'of SAML 1.1',
      idpMetadata(GOOD).replace(
        'urn:oasis:names:tc:SAML:2.0:protocol',
        'urn:oasis:names:tc:SAML:1.1:protocol',
      ),
      'metadata_entity',
    ],
    [
      'without an address by a browser',
      idpMetadata(GOOD).replaceAll(/bindings:HTTP-(Redirect|POST)/g, 'bindings:SOAP'),
      'metadata_sso',
    ],
  ]
  for (const [title, xml, check] of REFUSED) {
    it(`is refused ${title}: ${check}`, () => expect(checkOf(xml)).to.equal(check))
  }

  it('is signed by whom the settings name, where they name somebody', () => {
    // The forge puts a signature behind an Issuer.
    const xml = idpMetadata({ ...GOOD, attributes: ' ID="_m"' }).replace(
      '<md:IDPSSO',
      '<Issuer/>$&',
    )
    const sign = (by: typeof IDP) => signElement(xml, '_m', by)
    expect(checkOf(xml, { signedBy: [IDP.cert] })).to.equal('metadata_signature')
    expect(checkOf(sign(STRANGER), { signedBy: [IDP.cert] })).to.equal('signature')
    expect(checkOf(sign(IDP), { signedBy: [IDP.cert] })).to.equal('none')
    expect(
      checkOf(sign(IDP).replace('idp.example/sso', 'evil.example/sso'), { signedBy: [IDP.cert] }),
    ).to.equal('signature')
  })
})

describe('what is known of an identity provider at run time', () => {
  const url = 'https://idp.example/metadata'

  /** An address that answers with what the test says. */
  function source(answer: () => { status?: number; body: string }) {
    let calls = 0
    const outbound: Pick<Outbound, 'request'> = {
      request: async (input) => {
        calls += 1
        expect(input.url).to.equal(url)
        expect(input.maxResponseBytes).to.equal(4 * 1024 * 1024)
        const { status = 200, body } = answer()
        return { status, headers: new Headers(), body: Buffer.from(body) }
      },
    }
    return { outbound, calls: () => calls }
  }

  it('comes from its address, once for everybody', async () => {
    const { outbound, calls } = source(() => ({ body: idpMetadata(GOOD) }))
    const { connector } = openConnection({ idp: { metadata_url: url } }, { outbound })
    const begun = await Promise.all([1, 2, 3].map(() => connector.redirect!.begin(startWith())))
    expect(begun.map(({ kind }) => kind)).to.deep.equal(['departs', 'departs', 'departs'])
    expect(calls()).to.equal(1)
    expect(await connector.probe()).to.have.property('ok', true)
    await connector.close()
  })

  it('stays as it was while its address fails, and until its own end', async () => {
    const now = new Date('2026-06-01T00:00:00Z')
    const attributes = ' validUntil="2026-06-02T00:00:00Z"'
    let fails = false
    const { outbound } = source(() => {
      if (fails) return { status: 500, body: '' }
      return { body: idpMetadata({ ...GOOD, attributes }) }
    })
    const { connector, wait } = openConnection({ idp: { metadata_url: url } }, { outbound, now })
    expect(connector.endsAt!(), 'before anything was read').to.equal(undefined)
    expect(await connector.probe())
      .to.have.property('detail')
      .that.includes('2026-06-02T00:00')
    expect(connector.endsAt!()).to.deep.equal(new Date('2026-06-02T00:00:00Z'))
    fails = true
    wait(7_200)
    await connector.redirect!.begin(startWith())
    await new Promise((resolve) => setImmediate(resolve))
    const probed = await connector.probe()
    expect(probed).to.have.property('ok', true)
    expect(probed)
      .to.have.property('detail')
      .that.includes('could not be renewed: metadata_fetch: the answer was 500')
    wait(86_400)
    expect(await connector.redirect!.begin(startWith())).to.deep.equal({
      kind: 'unavailable',
      reason: 'metadata_expired: it was valid until 2026-06-02T00:00:00.000Z',
    })
    expect(await connector.probe()).to.have.property('ok', false)
    await connector.close()
  })

  it('is not there where its address never answered, and is not asked by everybody', async () => {
    const { outbound, calls } = source(() => ({ body: '<html/>' }))
    const { connector, wait } = openConnection({ idp: { metadata_url: url } }, { outbound })
    for (let i = 0; i < 3; i++) {
      expect(await connector.redirect!.begin(startWith())).to.deep.equal({
        kind: 'unavailable',
        reason: 'metadata_entity: it describes no identity provider of SAML 2.0',
      })
    }
    expect(calls()).to.equal(1)
    wait(6)
    await connector.probe()
    expect(calls()).to.equal(2)
    await connector.close()
  })

  it('ends with the last of its keys, where it says nothing of itself', async () => {
    const { connector } = openConnection({ idp: { metadata: idpMetadata(GOOD) } })
    await connector.probe()
    expect(connector.endsAt!()).to.deep.equal(
      new X509Certificate(Buffer.from(IDP.der, 'base64')).validToDate,
    )
    await connector.close()
  })

  it('is refused where it has expired already', async () => {
    const attributes = ' validUntil="2020-01-01T00:00:00Z"'
    const { connector } = openConnection({
      idp: { metadata: idpMetadata({ ...GOOD, attributes }) },
    })
    expect(await connector.probe()).to.deep.equal({
      ok: false,
      reason: 'metadata_expired: it was valid until 2020-01-01T00:00:00.000Z',
    })
  })

  it('is looked at again for a key that we do not know, and not by everybody who forges', async () => {
    let key = STRANGER
    const { outbound, calls } = source(() => ({ body: idpMetadata({ ...GOOD, keys: [key.der] }) }))
    const idp = { metadata_url: url }
    const { signIn, forge, wait, connector } = openConnection({ idp }, { outbound })
    await connector.probe()
    key = IDP
    expectRefusal(await signIn((id) => answerTo(forge, id)), { check: 'signature' })
    wait(61)
    forge.now = new Date(forge.now.getTime() + 61_000)
    expect(await signIn((id) => answerTo(forge, id))).to.have.property('kind', 'proven')
    expect(calls()).to.equal(2)
    key = STRANGER
    wait(61)
    forge.now = new Date(forge.now.getTime() + 61_000)
    const asked = logoutXml(forge, 'LogoutRequest', connector.saml.sloUri, {
      content: '<saml:NameID>opaque-1</saml:NameID>',
    })
    const query = redirectQuery('SAMLRequest', asked, STRANGER)
    const read = await readLogoutRequest(connector.saml, { binding: 'redirect', query })
    expect(read).to.have.property('kind', 'asked')
    expect(calls()).to.equal(3)
    const forged = { signAssertion: IDP }
    for (let i = 0; i < 5; i++) {
      expectRefusal(await signIn((id) => answerTo(forge, id, forged)), { check: 'signature' })
    }
    expect(calls()).to.equal(3)
    await connector.close()
  })

  it('comes from a file', async () => {
    const file = path.join(temporaryFolder('saml'), 'idp.xml')
    writeFileSync(file, idpMetadata(GOOD))
    const { connector } = openConnection({ idp: { metadata_file: file } })
    expect(await connector.probe()).to.have.property('ok', true)
    const missing = openConnection({ idp: { metadata_file: `${file}.missing` } })
    const probed = await missing.connector.probe()
    expect(probed).to.have.property('reason').that.includes('ENOENT')
    for (const [content, check] of [
      [Buffer.from([0x3c, 0xff, 0xfe]), 'xml_text'],
      [Buffer.alloc(4 * 1024 * 1024 + 1, 0x20), 'metadata_size'],
    ] as const) {
      writeFileSync(file, content)
      const other = openConnection({ idp: { metadata_file: file } })
      expect(await other.connector.probe())
        .to.have.property('reason')
        .that.includes(check)
      await other.connector.close()
    }
    await connector.close()
    await missing.connector.close()
  })
})
