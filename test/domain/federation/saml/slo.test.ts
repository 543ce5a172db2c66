import { createVerify } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { expect } from 'chai'
import {
  isSamePerson,
  makeLogoutRequest,
  makeLogoutResponse,
  readLogoutRequest,
  readLogoutResponse,
  type SloInput,
} from '../../../../src/domain/federation/saml/slo.ts'
import {
  encryptElement,
  idOf,
  logoutXml,
  PERSISTENT,
  post,
  redirectQuery,
  SUCCESS,
  signElement,
} from '../../../support/saml_forge.ts'
import { expectRefusal } from './refusals.ts'
import { IDP, IDP_ENTITY, openConnection, SP, STRANGER } from './saml_connection.ts'

const NAME = { nameId: 'opaque-1', format: PERSISTENT, nameQualifier: IDP_ENTITY }
const HINT = JSON.stringify(NAME)
const NAME_ID = `<saml:NameID Format="${PERSISTENT}" NameQualifier="${IDP_ENTITY}">opaque-1</saml:NameID>`
const ASKED = `${NAME_ID}<samlp:SessionIndex>_s1</samlp:SessionIndex>`
const PARTIAL = 'urn:oasis:names:tc:SAML:2.0:status:PartialLogout'
const status = (...values: string[]) =>
  `<samlp:Status>${values.reduceRight((inner, value) => `<samlp:StatusCode Value="${value}">${inner}</samlp:StatusCode>`, '')}</samlp:Status>`

function queryOf(uri: string): URLSearchParams {
  return new URL(uri).searchParams
}

function inflated(message: string): string {
  return inflateRawSync(Buffer.from(message, 'base64')).toString()
}

const onlyPost = {
  idp: {
    metadata:
      '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"' +
      ` xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="${IDP_ENTITY}">` +
      '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">' +
      `<KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${IDP.der}` +
      '</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>' +
      '<SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"' +
      ' Location="https://idp.example/slo"/>' +
      '<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"' +
      ' Location="https://idp.example/sso"/></IDPSSODescriptor></EntityDescriptor>',
  },
}

describe('Single Logout of SAML', () => {
  const { connector, forge } = openConnection()
  const party = connector.saml

  describe('asked by us', () => {
    it('is a signed query about the NameID, whole, and the session', async () => {
      const made = await makeLogoutRequest(party, {
        logoutHint: HINT,
        sessionId: '_s1&',
        relayState: 'back here',
      })
      if (made.kind !== 'departs' || made.departure.method !== 'GET') expect.fail('no redirect')
      const url = new URL(made.departure.uri)
      const [signed, signature] = url.search.slice(1).split('&Signature=')
      const bytes = Buffer.from(decodeURIComponent(signature!), 'base64')
      expect(createVerify('sha256').update(signed!).verify(SP.cert, bytes)).to.equal(true)
      expect(url.searchParams.get('RelayState')).to.equal('back here')
      const xml = inflated(url.searchParams.get('SAMLRequest')!)
      expect(xml).to.include(`ID="${made.requestId}"`)
      expect(xml).to.include('Destination="https://idp.example/slo"')
      expect(xml).to.match(/ NotOnOrAfter="[-0-9T:]+Z"/)
      expect(xml).to.include(NAME_ID)
      expect(xml).to.include('<samlp:SessionIndex>_s1&amp;</samlp:SessionIndex>')
    })

    it('is a signed form where the source takes only that', async () => {
      const { connector: other } = openConnection(onlyPost)
      const made = await makeLogoutRequest(other.saml, { logoutHint: HINT })
      if (made.kind !== 'departs' || made.departure.method !== 'POST') expect.fail('no form')
      expect(made.departure.uri).to.equal('https://idp.example/slo')
      const xml = Buffer.from(made.departure.fields['SAMLRequest']!, 'base64').toString()
      expect(xml).to.include('rsa-sha256')
      expect(xml).to.match(/<\/saml:Issuer><Signature /)
      expect(xml).not.to.include('SessionIndex')
    })

    it('cannot be where the source has no address for it', async () => {
      const idp = {
        entity_id: IDP_ENTITY,
        sso_url: 'https://idp.example/sso',
        certificates: [IDP.cert],
      }
      const { connector: other } = openConnection({ idp })
      const made = await makeLogoutRequest(other.saml, { logoutHint: HINT })
      expect(made).to.deep.equal({ kind: 'unsupported' })
    })
  })

  describe('answered by them', () => {
    const answer = (parts: Parameters<typeof logoutXml>[3], by: typeof IDP | undefined = IDP) => {
      const xml = logoutXml(forge, 'LogoutResponse', party.sloUri, {
        inResponseTo: '_ours',
        content: status(SUCCESS),
        ...parts,
      })
      return readLogoutResponse(
        party,
        { binding: 'redirect', query: redirectQuery('SAMLResponse', xml, by, { relayState: 'r' }) },
        { requestId: '_ours' },
      )
    }

    it('is over, or over in part', async () => {
      const ended = { kind: 'ended', relayState: 'r' }
      expect(await answer({})).to.deep.equal({ ...ended, partial: false })
      for (const top of [SUCCESS, 'urn:oasis:names:tc:SAML:2.0:status:Responder']) {
        const partial = await answer({ content: status(top, PARTIAL) })
        expect(partial).to.deep.equal({ ...ended, partial: true })
      }
    })

    it('comes by POST as well', async () => {
      const xml = logoutXml(forge, 'LogoutResponse', party.sloUri, {
        inResponseTo: '_ours',
        content: status(SUCCESS),
      })
      const signed = signElement(xml, idOf(xml, 'LogoutResponse'), IDP)
      const read = (message: string) =>
        readLogoutResponse(
          party,
          { binding: 'post', params: { SAMLResponse: post(message) } },
          { requestId: '_ours' },
        )
      expect(await read(signed)).to.deep.include({ kind: 'ended' })
      expectRefusal(await read(xml), { check: 'message_signature' })
      const moved = signed.replace(SUCCESS, `${SUCCESS}x`)
      expectRefusal(await read(moved), { check: 'signature' })
    })

    it('is refused where it is not the answer, not theirs, or says no', async () => {
      expectRefusal(await answer({ inResponseTo: '_other' }), { check: 'in_response_to' })
      expectRefusal(await answer({ issuer: 'https://evil.example' }), { check: 'issuer' })
      expectRefusal(await answer({}, STRANGER), { check: 'signature' })
      const no = { content: status('urn:oasis:names:tc:SAML:2.0:status:Responder') }
      expectRefusal(await answer(no), { check: 'status', reason: 'denied' })
    })
  })

  describe('asked by them', () => {
    const DAY = 86_400_000

    function request(parts: Parameters<typeof logoutXml>[3] = {}, to = party.sloUri): string {
      return logoutXml(forge, 'LogoutRequest', to, { id: '_theirs', content: ASKED, ...parts })
    }
    function byQuery(xml: string, by: typeof IDP | undefined = IDP, options = {}): SloInput {
      return {
        binding: 'redirect',
        query: redirectQuery('SAMLRequest', xml, by, { relayState: 'theirs', ...options }),
      }
    }

    it('tells whose sessions, and until when it could come again', async () => {
      const notOnOrAfter = new Date(forge.now.getTime() + 120_000)
      const read = await readLogoutRequest(party, byQuery(request({ notOnOrAfter })))
      expect(read).to.deep.equal({
        kind: 'asked',
        requestId: '_theirs',
        expiresAt: new Date(notOnOrAfter.getTime() + 60_000),
        name: { ...NAME, spNameQualifier: undefined },
        sessionIds: ['_s1'],
        relayState: 'theirs',
      })
    })

    it('comes by POST as well', async () => {
      const xml = signElement(request(), '_theirs', IDP)
      const params = { SAMLRequest: post(xml), RelayState: 'theirs' }
      const read = await readLogoutRequest(party, { binding: 'post', params })
      expect(read).to.deep.include({ kind: 'asked', requestId: '_theirs', relayState: 'theirs' })
    })

    it('reads a name that is encrypted for us', async () => {
      const plain = NAME_ID.replace(
        '<saml:NameID',
        '<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"',
      )
      const content = encryptElement(plain, SP.cert, { element: 'EncryptedID' })
      const read = await readLogoutRequest(party, byQuery(request({ content })))
      expect(read).to.have.property('name').that.deep.includes(NAME)
    })

    const WRONG: [title: string, input: () => SloInput, check: string][] = [
      [
        'without a signature',
        () => ({
          binding: 'redirect',
          query: redirectQuery('SAMLRequest', request(), undefined),
        }),
        'message_signature',
      ],
      [
        'without a signature by POST',
        () => ({ binding: 'post', params: { SAMLRequest: post(request()) } }),
        'message_signature',
      ],
      ['with nothing', () => ({ binding: 'post', params: {} }), 'base64'],
      ['by a foreign key', () => byQuery(request(), STRANGER), 'signature'],
      [
        'by SHA-1',
        () => byQuery(request(), IDP, { algorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' }),
        'signature_algorithm',
      ],
      [
        'by an algorithm that every object has',
        () => byQuery(request(), IDP, { algorithm: 'constructor' }),
        'signature_algorithm',
      ],
      [
        'with another RelayState than was signed',
        () => {
          const { query } = byQuery(request()) as { query: string }
          return { binding: 'redirect', query: query.replace('theirs', 'ours') }
        },
        'signature',
      ],
      [
        'with a signature of an enveloped kind in a query',
        () => {
          const xml = signElement(request(), '_theirs', STRANGER)
          return byQuery(xml)
        },
        'signature_place',
      ],
      ['to somebody else', () => byQuery(request({}, 'https://other.example')), 'destination'],
      ['by another issuer', () => byQuery(request({ issuer: 'https://evil.example' })), 'issuer'],
      [
        'that was over',
        () => byQuery(request({ notOnOrAfter: new Date(forge.now.getTime() - DAY) })),
        'not_on_or_after',
      ],
      [
        'of yesterday',
        () => byQuery(request({ issueInstant: new Date(forge.now.getTime() - DAY) })),
        'message_age',
      ],
      [
        'of tomorrow',
        () => byQuery(request({ issueInstant: new Date(forge.now.getTime() + DAY) })),
        'message_age',
      ],
      [
        'of another version',
        () => byQuery(request().replace('Version="2.0"', 'Version="1.1"')),
        'version',
      ],
      ['about nobody', () => byQuery(request({ content: '' })), 'logout_name'],
      [
        'about one in the open and one encrypted',
        () => byQuery(request({ content: `${NAME_ID}<saml:EncryptedID/>` })),
        'logout_name',
      ],
      [
        'about what is no name when it is decrypted',
        () => {
          const content = encryptElement('<x>opaque-1</x>', SP.cert, { element: 'EncryptedID' })
          return byQuery(request({ content }))
        },
        'logout_name',
      ],
      ['about two', () => byQuery(request({ content: NAME_ID + NAME_ID })), 'xml_structure'],
      [
        'that is a response',
        () => byQuery(logoutXml(forge, 'LogoutResponse', party.sloUri)),
        'logout_element',
      ],
      [
        'in the field of a response',
        () => ({ binding: 'redirect', query: redirectQuery('SAMLResponse', request(), IDP) }),
        'query',
      ],
    ]
    for (const [title, input, check] of WRONG) {
      it(`is refused ${title}: ${check}`, async () => {
        expectRefusal(await readLogoutRequest(party, input()), { check })
      })
    }

    it('is about the same person by every part of the name that it gives', () => {
      expect(isSamePerson(HINT, NAME)).to.equal(true)
      expect(isSamePerson(HINT, { nameId: 'opaque-1' })).to.equal(true)
      expect(isSamePerson(HINT, { ...NAME, nameId: 'opaque-2' })).to.equal(false)
      expect(isSamePerson(HINT, { ...NAME, format: 'urn:other' })).to.equal(false)
      expect(isSamePerson(HINT, { ...NAME, nameQualifier: 'https://other' })).to.equal(false)
      expect(isSamePerson(undefined, NAME)).to.equal(false)
    })
  })

  describe('answered by us', () => {
    it('says what became of it, signed', async () => {
      for (const [outcome, codes] of [
        ['ended', [SUCCESS]],
        ['partial', [SUCCESS, PARTIAL]],
        ['failed', ['urn:oasis:names:tc:SAML:2.0:status:Responder']],
      ] as const) {
        const made = await makeLogoutResponse(party, {
          requestId: '_theirs',
          outcome,
          relayState: 'theirs',
        })
        if (made.kind !== 'departs') expect.fail('no departure')
        const query = queryOf(made.departure.uri)
        expect(query.get('RelayState')).to.equal('theirs')
        expect(query.get('Signature')).to.be.a('string')
        const xml = inflated(query.get('SAMLResponse')!)
        expect(xml).to.include('InResponseTo="_theirs"')
        const values = [...xml.matchAll(/StatusCode Value="([^"]+)"/g)].map(([, value]) => value)
        expect(values).to.deep.equal(codes)
      }
    })
  })
})
