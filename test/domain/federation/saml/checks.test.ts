import { expect } from 'chai'
import {
  assertionXml,
  authnStatementXml,
  idOf,
  PERSISTENT,
  post,
  responseXml,
  signElement,
} from '../../../support/saml_forge.ts'
import { expectRefusal, type Refusal, refuses, refusesAnswer } from './refusals.ts'
import {
  type Answer,
  answerTo,
  answerXml,
  IDP,
  IDP_ENTITY,
  openConnection,
  STRANGER,
  startWith,
} from './saml_connection.ts'

const NOW = new Date()
const inS = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000)
const ACS = 'https://login.example.com/federation/acme/callback'
const RESPONDER = 'urn:oasis:names:tc:SAML:2.0:status:Responder'
const NO_CONTEXT = 'urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext'
const MFA = 'https://refeds.org/profile/mfa'
const whole = { want_assertions_signed: false, want_response_signed: true }

/** Each is right but for one thing, and both its signatures hold. */
const WRONG: [title: string, answer: Answer, refusal: Refusal][] = [
  // The response.
  ['a response without ID', { response: { id: '' } }, { check: 'message_id' }],
  ['a version other than 2.0', { response: { version: '1.1' } }, { check: 'version' }],
  [
    'a Destination elsewhere',
    { response: { destination: 'https://other.example/acs' }, signResponse: IDP },
    { check: 'destination' },
  ],
  [
    'a signed response without Destination',
    { response: { destination: null }, signResponse: IDP },
    { check: 'destination' },
  ],
  [
    'an InResponseTo of another request',
    { response: { inResponseTo: '_another' } },
    { check: 'in_response_to' },
  ],
  ['no InResponseTo', { response: { inResponseTo: null } }, { check: 'in_response_to' }],
  [
    'a response by another issuer',
    { response: { issuer: 'https://evil.example' } },
    { check: 'response_issuer' },
  ],
  [
    'a signed response by nobody',
    { response: { issuer: 'x' }, signResponse: IDP },
    { check: 'response_issuer' },
  ],
  [
    'a response of tomorrow',
    { response: { issueInstant: inS(86_400) } },
    { check: 'response_instant' },
  ],
  [
    'an error with an assertion beside it',
    { response: { status: RESPONDER }, signResponse: IDP },
    { check: 'assertion_beside_error' },
  ],
  // The assertion.
  [
    'an assertion of version 1.1',
    { assertion: { version: '1.1' } },
    { check: 'assertion_version' },
  ],
  [
    'an assertion by another issuer',
    { assertion: { issuer: 'https://evil.example' } },
    { check: 'assertion_issuer' },
  ],
  [
    'an issuer by another format',
    { assertion: { issuerFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName' } },
    { check: 'assertion_issuer' },
  ],
  [
    'an assertion issued long ago',
    { assertion: { issueInstant: inS(-700) } },
    { check: 'assertion_age' },
  ],
  [
    'an assertion issued in the future',
    { assertion: { issueInstant: inS(3_600) } },
    { check: 'assertion_age' },
  ],
  [
    'conditions that have not begun',
    { assertion: { notBefore: inS(3_600) } },
    { check: 'conditions_time' },
  ],
  [
    'conditions that have ended',
    { assertion: { notOnOrAfter: inS(-61) } },
    { check: 'conditions_time' },
  ],
  [
    'a condition that nobody knows',
    { assertion: { conditions: '<x:Moon xmlns:x="urn:example:x"/>' } },
    { check: 'conditions' },
  ],
  [
    'an Audience that is not us',
    { assertion: { audiences: [['https://other.example']] } },
    { check: 'audience' },
  ],
  ['no audience at all', { assertion: { audiences: [] } }, { check: 'audience' }],
  [
    'a second restriction without us',
    {
      assertion: {
        audiences: [
          ['https://login.example.com/federation/acme/metadata'],
          ['https://other.example'],
        ],
      },
    },
    { check: 'audience' },
  ],
  [
    'a Recipient elsewhere',
    { assertion: { recipient: 'https://other.example/acs' } },
    { check: 'recipient' },
  ],
  ['no Recipient', { assertion: { recipient: null } }, { check: 'recipient' }],
  [
    'a Recipient that only begins like us',
    { assertion: { recipient: `${ACS}/../x` } },
    { check: 'recipient' },
  ],
  [
    'a confirmation that has ended',
    { assertion: { confirmedUntil: inS(-61) } },
    { check: 'confirmation_time' },
  ],
  [
    'a confirmation without end',
    { assertion: { confirmedUntil: null } },
    { check: 'confirmation_time' },
  ],
  [
    'a confirmation for another request',
    { assertion: { inResponseTo: '_another' } },
    { check: 'confirmation_in_response_to' },
  ],
  [
    'a confirmation for no request',
    { assertion: { inResponseTo: null } },
    { check: 'confirmation_in_response_to' },
  ],
  [
    'a holder of a key in place of a bearer',
    { assertion: { method: 'urn:oasis:names:tc:SAML:2.0:cm:holder-of-key' } },
    { check: 'recipient' },
  ],
  [
    'faults that are spread over two confirmations',
    {
      assertion: {
        inResponseTo: '_another',
        confirmations:
          '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">' +
          `<saml:SubjectConfirmationData Recipient="${ACS}" NotOnOrAfter="2001-01-01T00:00:00Z"/>` +
          '</saml:SubjectConfirmation>',
      },
    },
    { check: 'confirmation_in_response_to' },
  ],
  ['no AuthnStatement', { assertion: { authnStatement: '' } }, { check: 'authn_statement' }],
  [
    'two AuthnStatements',
    { assertion: { authnStatement: authnStatementXml(NOW) + authnStatementXml(NOW) } },
    { check: 'authn_statement' },
  ],
  [
    'a sign-in of tomorrow',
    { assertion: { authnInstant: inS(3_600) } },
    { check: 'authn_instant' },
  ],
  [
    'a session that is over',
    { assertion: { sessionNotOnOrAfter: inS(-61) } },
    { check: 'session_time' },
  ],
  // The name.
  [
    'a NameID of another format',
    {
      assertion: {
        nameId: 'victim@example.com',
        nameIdAttributes: ' Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"',
      },
    },
    { check: 'name_id_format' },
  ],
  [
    'a transient NameID',
    {
      assertion: {
        nameIdAttributes: ' Format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"',
      },
    },
    { check: 'name_id_format' },
  ],
  ['no NameID', { assertion: { nameId: null } }, { check: 'name_id_format' }],
  [
    'a NameID that another source gave',
    {
      assertion: {
        nameIdAttributes: ` Format="${PERSISTENT}" NameQualifier="https://other.example"`,
      },
    },
    { check: 'name_id_qualifier' },
  ],
  [
    'a NameID that was given to another service',
    {
      assertion: {
        nameIdAttributes: ` Format="${PERSISTENT}" SPNameQualifier="https://other.example"`,
      },
    },
    { check: 'name_id_qualifier' },
  ],
  ['an empty NameID', { assertion: { nameId: ' ' } }, { check: 'subject' }],
  ['a NameID without end', { assertion: { nameId: 'x'.repeat(257) } }, { check: 'subject' }],
  ['a NameID with a line break', { assertion: { nameId: 'a&#10;b' } }, { check: 'subject' }],
  // How they signed in.
  [
    'a weaker sign-in than asked for',
    {},
    { check: 'authn_context', reason: 'too_weak', start: { acrValues: [MFA] } },
  ],
  [
    'a sign-in that does not say how',
    { assertion: { classRef: null } },
    { check: 'authn_context', reason: 'too_weak', start: { acrValues: [MFA] } },
  ],
  [
    'an old session where a new sign-in was asked for',
    { assertion: { authnInstant: inS(-120) } },
    { check: 'authn_age', reason: 'too_weak', start: { forceAuthn: true } },
  ],
  [
    'a session older than was asked for',
    { assertion: { authnInstant: inS(-400) } },
    { check: 'authn_age', reason: 'too_weak', start: { maxAgeS: 300 } },
  ],
  // Signatures.
  ['nothing signed', { signAssertion: null }, { check: 'assertion_signature' }],
  [
    'a signed response around an unsigned assertion',
    { signAssertion: null, signResponse: IDP },
    { check: 'assertion_signature' },
  ],
  [
    'an unsigned response around a signed assertion, where the response is to be signed',
    {},
    { check: 'response_signature', settings: { want_response_signed: true } },
  ],
  [
    'an unsigned response, where it alone is to be signed',
    { signAssertion: null },
    { check: 'response_signature', settings: whole },
  ],
  ['a signature by a foreign key', { signAssertion: STRANGER }, { check: 'signature' }],
  [
    'a foreign key behind our certificate in KeyInfo',
    { signAssertion: STRANGER, signing: { keyInfo: IDP.cert } },
    { check: 'signature' },
  ],
  [
    'a broken signature of the response beside a good one of the assertion',
    { signResponse: STRANGER },
    { check: 'signature' },
  ],
  [
    'a broken signature of the assertion within a good one of the response',
    { signAssertion: STRANGER, signResponse: IDP },
    { check: 'signature', settings: whole },
  ],
  [
    'a signature by RSA with SHA-1',
    { signing: { algorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' } },
    { check: 'signature_algorithm' },
  ],
  [
    'a digest by SHA-1',
    { signing: { digest: 'http://www.w3.org/2000/09/xmldsig#sha1' } },
    { check: 'signature_algorithm' },
  ],
  [
    'canonical XML that is not exclusive',
    { signing: { canonicalization: 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315' } },
    { check: 'signature_algorithm' },
  ],
  [
    'a text that was changed after it was signed',
    { tamper: (xml) => xml.replace('opaque-1', 'opaque-2') },
    { check: 'signature' },
  ],
]

describe('answers of SAML that are refused', () => {
  for (const [title, answer, refusal] of WRONG) {
    it(`refuses ${title}: ${refusal.check}`, () => refusesAnswer(answer, refusal))
  }

  it('takes the same answer with nothing wrong in it', async () => {
    for (const settings of [{}, whole]) {
      const { signIn, forge } = openConnection(settings)
      const result = await signIn((id) => answerTo(forge, id, { signResponse: IDP }))
      expect(result.kind).to.equal('proven')
    }
  })

  it('is within the skew of the clocks, and not a second later', async () => {
    const { signIn, forge, wait } = openConnection({ clock_skew: '10s' }, { now: NOW })
    const answer = { assertion: { confirmedUntil: inS(1), notOnOrAfter: null } }
    wait(9)
    expect((await signIn((id) => answerTo(forge, id, answer))).kind).to.equal('proven')
    wait(3)
    expectRefusal(await signIn((id) => answerTo(forge, id, answer)), {
      check: 'confirmation_time',
    })
  })

  // A time that cannot be read would be neither past nor future.
  for (const name of ['NotBefore', 'NotOnOrAfter', 'AuthnInstant', 'IssueInstant']) {
    it(`refuses a ${name} that is no time: xml_time`, () =>
      refuses(
        (id, { forge }) => {
          const xml = assertionXml(forge, id).replace(
            new RegExp(` ${name}="[^"]*"`, 'g'),
            ` ${name}="soon"`,
          )
          return post(responseXml(forge, id, signElement(xml, idOf(xml, 'Assertion'), IDP)))
        },
        { check: 'xml_time' },
      ))
  }

  it('lets people take their time to sign in anew', async () => {
    const { signIn, forge, wait } = openConnection({}, { now: NOW })
    for (const start of [{ forceAuthn: true }, { maxAgeS: 0 }]) {
      const answer = { assertion: { confirmedUntil: inS(9_000), notOnOrAfter: null } }
      const result = await signIn((id) => {
        wait(240)
        return answerTo(forge, id, answer)
      }, start)
      expect(result.kind, JSON.stringify(result)).to.equal('proven')
      forge.now = inS(240)
    }
  })

  it('tells that the source said no', async () => {
    const status = {
      status: RESPONDER,
      secondStatus: 'urn:oasis:names:tc:SAML:2.0:status:AuthnFailed',
    }
    await refuses((id, { forge }) => post(responseXml(forge, id, '', status)), {
      check: 'status',
      reason: 'denied',
    })
  })

  it('tells that the source cannot do what was asked for', async () => {
    const status = { status: RESPONDER, secondStatus: NO_CONTEXT }
    await refuses((id, { forge }) => post(responseXml(forge, id, '', status)), {
      check: 'authn_context_status',
      reason: 'too_weak',
    })
  })

  it('refuses success without an assertion', () =>
    refuses((id, { forge }) => post(responseXml(forge, id, '')), { check: 'one_assertion' }))

  it('refuses what is no Response', () =>
    refuses(
      (id, { forge }) => {
        const xml = assertionXml(forge, id)
        return post(signElement(xml, idOf(xml, 'Assertion'), IDP))
      },
      { check: 'response_element' },
    ))

  it('refuses a RelayState of another request', async () => {
    const { connector, forge } = openConnection()
    const start = startWith()
    const begun = await connector.redirect!.begin(start)
    if (begun.kind !== 'departs') expect.fail('no departure')
    const { requestId } = begun.keep as { requestId: string }
    const SAMLResponse = answerTo(forge, requestId)
    const finish = (params: Record<string, string>) =>
      connector.redirect!.finish({ start, params, keep: begun.keep })
    for (const state of ['another', '"><script>', 'https://evil.example/']) {
      expectRefusal(await finish({ SAMLResponse, RelayState: state }), { check: 'relay_state' })
    }
    expectRefusal(await finish({ SAMLResponse }), { check: 'relay_state' })
    expectRefusal(await finish({ RelayState: start.state }), { check: 'saml_response' })
    // A forged answer has used up nothing: the genuine one still signs in.
    const genuine = await finish({ SAMLResponse, RelayState: start.state })
    expect(genuine.kind).to.equal('proven')
  })

  it('refuses a forged one as long as it may be without much work', async () => {
    const idp = {
      entity_id: IDP_ENTITY,
      sso_url: 'https://idp.example/sso',
      certificates: Array(10).fill(IDP.cert),
    }
    const advice = `<saml:Advice>${'<x/>'.repeat(2_900)}</saml:Advice>`
    const tamper = (xml: string) => xml.replace('</saml:Assertion>', `${advice}$&`)
    const { signIn, forge } = openConnection({ idp })
    let start = 0
    const result = await signIn((id) => {
      const answer = answerTo(forge, id, { signAssertion: STRANGER, tamper })
      start = performance.now()
      return answer
    })
    expectRefusal(result, { check: 'signature' })
    expect(performance.now() - start).to.be.below(500)
  })

  it('has nothing of the assertion in what it tells the trail and the log', async () => {
    const { signIn, forge, log } = openConnection()
    const secret = 'jane-of-the-secret-service'
    const answer = {
      assertion: { nameId: secret, attributes: { mail: [secret] }, audiences: [['urn:other']] },
    }
    const result = await signIn((id) => answerTo(forge, id, answer))
    expectRefusal(result, { check: 'audience' })
    expect(JSON.stringify([result, log])).not.to.include(secret)
  })
})

describe('attributes of SAML', () => {
  async function person(attributes: Record<string, string[]>, settings = {}) {
    const { signIn, forge } = openConnection(settings)
    const result = await signIn((id) => answerTo(forge, id, { assertion: { attributes } }))
    if (result.kind !== 'proven') expect.fail(JSON.stringify(result))
    return result.person
  }

  it('tell no address where there are two', async () => {
    const found = await person({ mail: ['jane@example.com', 'root@example.com'] })
    expect(found.email).to.equal(undefined)
    expect(found.raw['mail']).to.deep.equal(['jane@example.com', 'root@example.com'])
  })

  it('tell no subject where there are two', () =>
    refusesAnswer(
      { assertion: { attributes: { id: ['1', '2'] } } },
      { check: 'subject', settings: { attributes: { subject: 'id' } } },
    ))

  it('cannot reach what every object has', async () => {
    const found = await person({
      __proto__x: ['1'],
      ['__proto__']: ['polluted'],
      constructor: ['c'],
    })
    expect(Object.keys(found.raw)).to.deep.equal(['__proto__x'])
    expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined)
  })

  it('give no group and no role that the mapping does not name', async () => {
    const found = await person({ role: ['owner'], Role: ['admin'], groups: ['staff'] })
    expect(found.groups).to.deep.equal(['staff'])
    expect(found.claims).to.deep.equal({})
  })

  it('are read by Name, and not by FriendlyName', async () => {
    const { signIn, forge } = openConnection()
    const attributes =
      '<saml:AttributeStatement><saml:Attribute Name="urn:example:x" FriendlyName="mail">' +
      '<saml:AttributeValue>jane@example.com</saml:AttributeValue>' +
      '</saml:Attribute></saml:AttributeStatement>'
    const result = await signIn((id) => answerTo(forge, id, { assertion: { attributes } }))
    expect(result).to.have.property('person').that.has.property('email', undefined)
  })

  it('are bounded', async () => {
    const many = Object.fromEntries([...Array(300).keys()].map((i) => [`a${i}`, ['x']]))
    expect(Object.keys((await person(many)).raw)).to.have.length(200)
    const found = await person({ jpegPhoto: ['x'.repeat(3_000)], groups: Array(1_200).fill('g') })
    expect(found.raw).not.to.have.property('jpegPhoto')
    expect(found.groups).to.deep.equal(['g'])
  })

  it('of an unsigned part of the message are never read', async () => {
    const { signIn, forge } = openConnection()
    const result = await signIn((id) =>
      post(
        answerXml(forge, id, {
          tamper: (xml) =>
            xml.replace(
              '</samlp:Status>',
              '</samlp:Status><saml:AttributeStatement><saml:Attribute Name="mail">' +
                '<saml:AttributeValue>root@example.com</saml:AttributeValue>' +
                '</saml:Attribute></saml:AttributeStatement>',
            ),
        }),
      ),
    )
    expect(result).to.have.property('person').that.has.property('email', undefined)
  })
})
