import { createVerify, X509Certificate } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { expect } from 'chai'
import type { RedirectResult } from '../../../../src/domain/federation/connector.ts'
import { readUnsolicited } from '../../../../src/domain/federation/saml/sign_in.ts'
import {
  assertionXml,
  encryptElement,
  idOf,
  PASSWORD_CLASS,
  post,
  responseXml,
  signElement,
} from '../../../support/saml_forge.ts'
import {
  type Answer,
  answerTo,
  IDP,
  IDP_ENTITY,
  openConnection,
  SECRETS,
  type Settings,
  SP,
  SP_NEXT,
  STRANGER,
  startWith,
} from './saml_connection.ts'

type Proven = Extract<RedirectResult, { kind: 'proven' }>

function proven(result: RedirectResult): Proven {
  if (result.kind !== 'proven') expect.fail(JSON.stringify(result))
  return result
}

async function signedIn(answer: Answer = {}, settings: Settings = {}): Promise<Proven> {
  const { signIn, forge } = openConnection(settings)
  return proven(await signIn((id) => answerTo(forge, id, answer)))
}

const MFA = 'https://refeds.org/profile/mfa'

describe('sign-in by SAML', () => {
  describe('the request', () => {
    it('goes by redirect, signed by SHA-256 over the query as it is', async () => {
      const { connector } = openConnection()
      const begun = await connector.redirect!.begin(startWith())
      if (begun.kind !== 'departs' || begun.departure.method !== 'GET') expect.fail('no redirect')
      const url = new URL(begun.departure.uri)
      expect(url.origin + url.pathname).to.equal('https://idp.example/sso')
      expect([...url.searchParams.keys()]).to.deep.equal([
        'SAMLRequest',
        'RelayState',
        'SigAlg',
        'Signature',
      ])
      expect(url.searchParams.get('SigAlg')).to.match(/rsa-sha256$/)
      const [signed] = url.search.slice(1).split('&Signature=')
      const verifier = createVerify('sha256').update(signed!)
      const signature = Buffer.from(url.searchParams.get('Signature')!, 'base64')
      expect(verifier.verify(SP.cert, signature)).to.equal(true)
      const xml = inflated(url)
      const { requestId } = begun.keep as { requestId: string }
      expect(xml).to.include(`ID="${requestId}"`)
      expect(xml).to.include('Destination="https://idp.example/sso"')
      expect(xml).to.include('nameid-format:persistent')
      expect(xml).to.include('https://login.example.com/federation/acme/metadata</saml:Issuer>')
      expect(xml).not.to.include('ForceAuthn')
      expect(xml).not.to.include('RequestedAuthnContext')
    })

    it('goes by POST, signed within', async () => {
      const { connector } = openConnection({
        request_binding: 'post',
        signature_algorithm: 'rsa-sha512',
      })
      const begun = await connector.redirect!.begin(startWith())
      if (begun.kind !== 'departs' || begun.departure.method !== 'POST') expect.fail('no form')
      const { fields, uri } = begun.departure
      expect(uri).to.equal('https://idp.example/sso')
      expect(fields['RelayState']).to.equal('state-of-this-request')
      const xml = Buffer.from(fields['SAMLRequest']!, 'base64').toString()
      expect(xml).to.include('xmldsig-more#rsa-sha512')
      expect(xml).to.include('xmlenc#sha512')
      expect(xml).to.include('<SignatureValue>')
    })

    it('asks for a new sign-in and for contexts, translated by the settings', async () => {
      const { connector } = openConnection({ acr: { 'urn:example:2fa': MFA } })
      const start = startWith({ forceAuthn: true, acrValues: ['urn:example:2fa', 'urn:other'] })
      const begun = await connector.redirect!.begin(start)
      if (begun.kind !== 'departs') expect.fail('no departure')
      const xml = inflated(new URL(begun.departure.uri))
      expect(xml).to.include('ForceAuthn="true"')
      expect(xml).to.include('Comparison="exact"')
      expect(xml).to.include(`>${MFA}</saml:AuthnContextClassRef>`)
      expect(xml).to.include('>urn:other</saml:AuthnContextClassRef>')
    })

    it('names the person in a parameter where the settings say in which', async () => {
      const { connector } = openConnection({ login_hint_parameter: 'login_hint' })
      const begun = await connector.redirect!.begin(startWith({ loginHint: 'jane&x=1' }))
      if (begun.kind !== 'departs') expect.fail('no departure')
      expect(new URL(begun.departure.uri).searchParams.get('login_hint')).to.equal('jane&x=1')
    })

    it('cannot be made with a key that is not of the certificate', async () => {
      const { connector } = openConnection({}, { secrets: { sp_private_key: STRANGER.key } })
      expect(await connector.redirect!.begin(startWith())).to.deep.equal({
        kind: 'unavailable',
        reason: 'sp_key: sp_private_key is not the key of its certificate',
      })
    })

    it('cannot be made without a key', async () => {
      const { connector } = openConnection({}, { secrets: {} })
      expect(await connector.redirect!.begin(startWith())).to.deep.equal({
        kind: 'unavailable',
        reason: 'sp_key: sp_private_key is missing',
      })
    })

    it('tells nothing of a key that cannot be read', async () => {
      const broken = SP.key.replace('MII', 'XII')
      const { connector, log } = openConnection({}, { secrets: { sp_private_key: broken } })
      const told = [await connector.redirect!.begin(startWith()), await connector.probe(), log]
      expect(told[1]).to.deep.equal({
        ok: false,
        reason: 'sp_key: sp_private_key cannot be read as a private key in PEM',
      })
      for (const line of broken.split('\n').slice(1, 5)) {
        expect(JSON.stringify(told)).not.to.include(line)
      }
    })
  })

  describe('the answer', () => {
    it('says who they are, in our words', async () => {
      const { person, authentication } = await signedIn({
        assertion: {
          nameId: 'opaque-7',
          sessionIndex: '_s7',
          attributes: {
            'urn:oid:0.9.2342.19200300.100.1.1': ['jane'],
            mail: ['jane@example.com'],
            'urn:oid:2.16.840.1.113730.3.1.241': ['Jane Doe'],
            givenName: ['Jane'],
            'urn:oid:2.5.4.4': ['Doe'],
            telephoneNumber: ['+49 (30) 1234-567'],
            memberOf: ['staff', 'editors', 'staff'],
            department: ['Physics &amp; Chemistry'],
          },
        },
      })
      expect(person).to.deep.equal({
        subject: 'opaque-7',
        username: 'jane',
        email: 'jane@example.com',
        emailVerified: false,
        phone: '+49301234567',
        claims: { name: 'Jane Doe', given_name: 'Jane', family_name: 'Doe' },
        groups: ['staff', 'editors'],
        raw: {
          'urn:oid:0.9.2342.19200300.100.1.1': 'jane',
          mail: 'jane@example.com',
          'urn:oid:2.16.840.1.113730.3.1.241': 'Jane Doe',
          givenName: 'Jane',
          'urn:oid:2.5.4.4': 'Doe',
          telephoneNumber: '+49 (30) 1234-567',
          memberOf: ['staff', 'editors', 'staff'],
          department: 'Physics & Chemistry',
        },
      })
      expect(authentication.sessionId).to.equal('_s7')
      expect(authentication.acr).to.equal(PASSWORD_CLASS)
      expect(authentication.at).to.be.instanceOf(Date)
      expect(JSON.parse(authentication.logoutHint!)).to.deep.include({ nameId: 'opaque-7' })
    })

    it('may be signed as a whole, or both as a whole and within', async () => {
      const whole = { want_assertions_signed: false, want_response_signed: true }
      await signedIn({ signAssertion: null, signResponse: IDP }, whole)
      await signedIn({ signAssertion: IDP, signResponse: IDP })
    })

    it('may be signed by RSA with SHA-512, or by RSA-PSS', async () => {
      const rsa512 = {
        algorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
        digest: 'http://www.w3.org/2001/04/xmlenc#sha512',
      }
      await signedIn({ signing: rsa512 })
      const pss = { algorithm: 'http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1' }
      await signedIn({ signing: pss })
    })

    it('may be signed with prefixes that stand for types', async () => {
      const { person } = await signedIn({
        signing: { prefixes: ['xs'] },
        assertion: {
          attributes:
            '<saml:AttributeStatement xmlns:xs="http://www.w3.org/2001/XMLSchema">' +
            '<saml:Attribute Name="mail"><saml:AttributeValue xsi:type="xs:string"' +
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">jane@example.com' +
            '</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>',
        },
      })
      expect(person.email).to.equal('jane@example.com')
    })

    it('may be signed with prefixes that the response declares', async () => {
      const { signIn, forge } = openConnection()
      const result = await signIn((id) => {
        const assertion = assertionXml(forge, id)
        const xml = responseXml(forge, id, assertion).replace(
          '<samlp:Response',
          '<samlp:Response xmlns:xs="http://www.w3.org/2001/XMLSchema"',
        )
        return post(signElement(xml, idOf(assertion, 'Assertion'), IDP, { prefixes: ['xs'] }))
      })
      proven(result)
    })

    it('may be signed by any of the keys while they change', async () => {
      const idp = {
        entity_id: IDP_ENTITY,
        sso_url: 'https://idp.example/sso',
        certificates: [STRANGER.cert, IDP.cert],
      }
      await signedIn({ signAssertion: IDP }, { idp })
      await signedIn({ signAssertion: STRANGER }, { idp })
    })

    it('tells the acr that a class is', async () => {
      const { authentication } = await signedIn(
        { assertion: { classRef: MFA } },
        { acr: { 'urn:example:2fa': ['urn:some:other', MFA] } },
      )
      expect(authentication.acr).to.equal('urn:example:2fa')
    })

    it('takes the subject from an attribute where the settings say so', async () => {
      const settings = { name_id_format: 'transient', attributes: { subject: 'employeeNumber' } }
      const { person } = await signedIn(
        {
          assertion: {
            nameId: 'changes-each-time',
            nameIdAttributes: ' Format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"',
            attributes: { employeeNumber: ['4711'] },
          },
        },
        settings,
      )
      expect(person.subject).to.equal('4711')
    })

    it('takes an address from the NameID where that is one', async () => {
      const { person } = await signedIn(
        {
          assertion: {
            nameId: 'jane@example.com',
            nameIdAttributes: ' Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"',
          },
        },
        { name_id_format: 'email' },
      )
      expect(person).to.deep.include({ subject: 'jane@example.com', email: 'jane@example.com' })
    })

    it('calls an address verified where a mapped attribute says so', async () => {
      const attributes = { email_verified: 'checked' }
      const answer = (text: string) => ({
        assertion: { attributes: { mail: ['jane@example.com'], checked: [text] } },
      })
      expect((await signedIn(answer('true'), { attributes })).person.emailVerified).to.equal(true)
      expect((await signedIn(answer('yes'), { attributes })).person.emailVerified).to.equal(false)
    })

    it('may be to one of several bearers, and be for several audiences', async () => {
      await signedIn({
        assertion: {
          confirmations:
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">' +
            '<saml:SubjectConfirmationData Recipient="https://other.example/acs"/>' +
            '</saml:SubjectConfirmation>',
          audiences: [
            ['https://other.example', 'https://login.example.com/federation/acme/metadata'],
          ],
        },
      })
    })
  })

  describe('encrypted assertions', () => {
    const settings = { want_assertions_encrypted: true }
    const secrets = { ...SECRETS, sp_private_key_next: SP_NEXT.key }

    function encryptedAnswer(requestId: string, certificate: string, options = {}) {
      const { forge } = openConnection()
      const plain = assertionXml(forge, requestId)
      const signed = signElement(plain, idOf(plain, 'Assertion'), IDP)
      return post(responseXml(forge, requestId, encryptElement(signed, certificate, options)))
    }

    for (const cipher of ['aes128-gcm', 'aes256-gcm', 'aes128-cbc', 'aes256-cbc'] as const) {
      it(`are read by ${cipher}`, async () => {
        const { signIn } = openConnection(settings)
        const result = await signIn((id) => encryptedAnswer(id, SP.cert, { cipher }))
        expect(proven(result).person.subject).to.equal('opaque-1')
      })
    }

    it('are read with RSA-OAEP by SHA-256, and with the key beside the data', async () => {
      const { signIn } = openConnection(settings)
      const options = { transport: 'oaep-sha256', keyBeside: true }
      proven(await signIn((id) => encryptedAnswer(id, SP.cert, options)))
    })

    it('are read with the other pair while ours changes', async () => {
      const changing = { ...settings, sp_certificate_next: SP_NEXT.cert }
      const { signIn } = openConnection(changing, { secrets })
      proven(await signIn((id) => encryptedAnswer(id, SP_NEXT.cert)))
      proven(await signIn((id) => encryptedAnswer(id, SP.cert)))
    })

    it('are read out of a signed response', async () => {
      const { signIn, forge } = openConnection({
        ...settings,
        want_assertions_signed: false,
        want_response_signed: true,
      })
      const result = await signIn((id) => {
        const xml = responseXml(forge, id, encryptElement(assertionXml(forge, id), SP.cert))
        return post(signElement(xml, idOf(xml, 'Response'), IDP))
      })
      proven(result)
    })
  })

  describe('what nobody asked for', () => {
    it('is read where the connection takes it, with what tells its return', async () => {
      const { connector, forge } = openConnection({
        idp_initiated: true,
        idp_initiated_client: 'portal',
      })
      const params = { SAMLResponse: answerTo(forge, null, { assertion: { id: '_once' } }) }
      const result = await readUnsolicited(connector.saml, params)
      if (result.kind !== 'proven') expect.fail(JSON.stringify(result))
      expect(result.message.id).to.equal('_once')
      const lifetime = result.message.expiresAt.getTime() - forge.now.getTime()
      expect(lifetime).to.equal((300 + 60) * 1_000)
    })

    it('is refused where the connection does not', async () => {
      const { connector, forge } = openConnection()
      const params = { SAMLResponse: answerTo(forge, null) }
      const result = await readUnsolicited(connector.saml, params)
      expect(result).to.deep.include({ kind: 'refused', reason: 'invalid' })
      expect(result)
        .to.have.property('detail')
        .that.matches(/^idp_initiated: /)
    })

    it('is refused where it answers somebody', async () => {
      const { connector, forge } = openConnection({
        idp_initiated: true,
        idp_initiated_client: 'portal',
      })
      const params = { SAMLResponse: answerTo(forge, '_of_somebody') }
      const result = await readUnsolicited(connector.saml, params)
      expect(result)
        .to.have.property('detail')
        .that.matches(/^in_response_to: /)
    })

    it('is no answer to a request of ours', async () => {
      const { signIn, forge } = openConnection({
        idp_initiated: true,
        idp_initiated_client: 'portal',
      })
      const result = await signIn(() => answerTo(forge, null))
      expect(result)
        .to.have.property('detail')
        .that.matches(/^in_response_to: /)
    })
  })
})

function inflated(url: URL): string {
  const message = Buffer.from(url.searchParams.get('SAMLRequest')!, 'base64')
  return inflateRawSync(message).toString()
}

describe('certificates made by the tests', () => {
  it('are of RSA where it is asked for', () => {
    const certificate = new X509Certificate(IDP.cert)
    expect(certificate.publicKey.asymmetricKeyType).to.equal('rsa')
    expect(certificate.verify(certificate.publicKey)).to.equal(true)
  })
})
