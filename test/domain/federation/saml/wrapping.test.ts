import { expect } from 'chai'
import fc from 'fast-check'
import { idOf, post } from '../../../support/saml_forge.ts'
import { type Refusal, refuses } from './refusals.ts'
import { answerXml, IDP, openConnection, startWith } from './saml_connection.ts'

/**
 * Signature wrapping (Somorovsky et al., "On Breaking SAML", 2012), by the numbers under which its
 * variants are known: what was signed stays in the message, and what is read is something else.
 */

const SIGNATURE = /<ds:Signature [\s\S]*?<\/ds:Signature>/
const ASSERTION = /<saml:Assertion [\s\S]*<\/saml:Assertion>/
const whole = { want_assertions_signed: false, want_response_signed: true }

type Pieces = {
  /** The whole message as the source sent it. */
  genuine: string
  /** The assertion as it was signed, and its signature or that of the response. */
  original: string
  signature: string
  /** The same assertion about somebody else, unsigned, with an ID of its own. */
  evil: string
}

function pieces(genuine: string): Pieces {
  const original = ASSERTION.exec(genuine)![0]
  const signature = SIGNATURE.exec(genuine)![0]
  const evil = original
    .replace(SIGNATURE, '')
    .replace(idOf(original, 'Assertion'), '_evil')
    .replace('opaque-1', 'victim')
  return { genuine, original, signature, evil }
}

/** The response about somebody else, with the genuine one put where `place` says. */
function wrapResponse(
  { genuine, signature, original, evil }: Pieces,
  place: (unsigned: string) => [inSignature: string, beside: string],
): string {
  const unsigned = genuine.replace(signature, '')
  const [inside, beside] = place(unsigned)
  return genuine
    .replace(idOf(genuine, 'Response'), '_evil_response')
    .replace(original, evil)
    .replace(
      signature,
      `${beside}${signature.replace('</ds:Signature>', `${inside}</ds:Signature>`)}`,
    )
}

const unsigned = ({ original, signature }: Pieces) => original.replace(signature, '')
const within = (signature: string, content: string) =>
  signature.replace('</ds:Signature>', `${content}</ds:Signature>`)
const into = (assertion: string, content: string) =>
  assertion.replace('</saml:Issuer>', `</saml:Issuer>${content}`)

const OF_THE_RESPONSE: [name: string, make: (p: Pieces) => string][] = [
  ['XSW1', (p) => wrapResponse(p, (genuine) => [genuine, ''])],
  ['XSW2', (p) => wrapResponse(p, (genuine) => ['', genuine])],
]

const OF_THE_ASSERTION: [name: string, make: (p: Pieces) => string, check: string][] = [
  ['XSW3', (p) => p.genuine.replace(p.original, p.evil + p.original), 'one_assertion'],
  ['XSW4', (p) => p.genuine.replace(p.original, into(p.evil, p.original)), 'hidden_message'],
  [
    'XSW5',
    (p) => p.genuine.replace(p.original, into(p.evil, p.signature) + unsigned(p)),
    'one_assertion',
  ],
  [
    'XSW6',
    (p) => p.genuine.replace(p.original, into(p.evil, within(p.signature, unsigned(p)))),
    'hidden_message',
  ],
  [
    'XSW7',
    (p) =>
      p.genuine.replace(p.original, `<samlp:Extensions>${p.evil}</samlp:Extensions>${p.original}`),
    'hidden_message',
  ],
  [
    'XSW8',
    (p) =>
      p.genuine.replace(
        p.original,
        into(p.evil, within(p.signature, `<ds:Object>${unsigned(p)}</ds:Object>`)),
      ),
    'hidden_message',
  ],
]

function refusesWrapped(
  make: (p: Pieces) => string,
  refusal: Refusal,
  answer: Parameters<typeof answerXml>[2] = {},
) {
  return refuses((id, { forge }) => post(make(pieces(answerXml(forge, id, answer)))), refusal)
}

describe('signature wrapping in SAML', () => {
  it('has a genuine answer to work on', async () => {
    const { signIn, forge } = openConnection()
    const result = await signIn((id) => post(pieces(answerXml(forge, id)).genuine))
    expect(result.kind).to.equal('proven')
  })

  for (const [name, make] of OF_THE_RESPONSE) {
    it(`is refused as ${name}`, () =>
      refusesWrapped(
        make,
        { check: 'hidden_message', settings: whole },
        { signAssertion: null, signResponse: IDP },
      ))
  }

  for (const [name, make, check] of OF_THE_ASSERTION) {
    it(`is refused as ${name}: ${check}`, () => refusesWrapped(make, { check }))

    it(`is refused as ${name} with the ID of what was signed: unique_ids`, () =>
      refusesWrapped((p) => make(p).replace('_evil', idOf(p.original, 'Assertion')), {
        check: 'unique_ids',
      }))
  }

  it('is refused behind what was signed, too', () =>
    refusesWrapped((p) => p.genuine.replace(p.original, p.original + p.evil), {
      check: 'one_assertion',
    }))

  it('is refused where only an encrypted one comes beside', () =>
    refusesWrapped(
      (p) => p.genuine.replace(p.original, `${p.original}<saml:EncryptedAssertion/>`),
      { check: 'one_assertion' },
    ))

  it('is refused where the signature of another element was moved to the assertion', () =>
    refusesWrapped((p) => p.genuine.replace(p.original, into(p.evil, p.signature)), {
      check: 'signature_reference',
    }))

  it('is refused where a signature stands elsewhere than in what it signs', () =>
    refusesWrapped(
      (p) =>
        p.genuine
          .replace(p.signature, '')
          .replace('<samlp:Status>', `${p.signature}<samlp:Status>`),
      { check: 'signature_reference' },
    ))

  it('is refused where a signature stands deeper than it belongs', () =>
    refusesWrapped(
      (p) =>
        p.genuine
          .replace(p.signature, '')
          .replace('<saml:Subject>', `<saml:Subject>${p.signature}`),
      { check: 'signature_place' },
    ))
})

describe('a message of SAML with one letter changed', () => {
  it('says the same, or is refused', async () => {
    const { connector, forge } = openConnection()
    const start = startWith()
    const begun = await connector.redirect!.begin(start)
    if (begun.kind !== 'departs') expect.fail('no departure')
    const { keep } = begun
    const { requestId } = keep as { requestId: string }
    const attributes = { mail: ['jane@example.com'], memberOf: ['staff'] }
    const genuine = answerXml(forge, requestId, { assertion: { attributes } })
    const finish = (xml: string) =>
      connector.redirect!.finish({
        start,
        params: { SAMLResponse: post(xml), RelayState: start.state },
        keep,
      })
    const told = await finish(genuine)
    expect(told.kind).to.equal('proven')
    const letter = fc.constantFrom('a', '0', ' ', '<', '>', '"', '/', '&', '-', '!', '\n', '')
    const place = fc.nat(genuine.length - 1)
    await fc.assert(
      fc.asyncProperty(place, letter, fc.boolean(), async (at, text, inserts) => {
        const rest = genuine.slice(inserts ? at : at + 1)
        const result = await finish(genuine.slice(0, at) + text + rest)
        if (result.kind === 'proven') expect(result).to.deep.equal(told)
        else expect(result.kind).to.equal('refused')
      }),
      { numRuns: 400 },
    )
  })
})

describe('the shape of a signature in SAML', () => {
  function refusesShape(change: (p: Pieces) => string, check: string) {
    return refusesWrapped(change, { check })
  }
  const SIGNED_INFO = /<ds:SignedInfo>[\s\S]*<\/ds:SignedInfo>/
  const REFERENCE = /<ds:Reference [\s\S]*<\/ds:Reference>/
  const TRANSFORMS = /<ds:Transforms>[\s\S]*<\/ds:Transforms>/
  const KEY_INFO = /<ds:KeyInfo>[\s\S]*<\/ds:KeyInfo>/
  const changed = (from: RegExp | string, to: (found: string) => string) => (p: Pieces) =>
    p.genuine.replace(from, to)

  it('has one SignedInfo', () =>
    refusesShape(
      changed(SIGNED_INFO, (found) => found + found),
      'one_signed_info',
    ))

  it('has no comment in DigestValue', () =>
    refusesShape(
      changed('<ds:DigestValue>', (found) => `${found}<!--AAAA-->`),
      'xml_markup',
    ))

  it('has no element in DigestValue', () =>
    refusesShape(
      changed('<ds:DigestValue>', (found) => `${found}<x/>`),
      'xml_structure',
    ))

  it('has one reference', () =>
    refusesShape(
      changed(REFERENCE, (found) => found + found),
      'signature_shape',
    ))

  it('refers to what it stands in, by its ID', async () => {
    for (const uri of ['', 'x', '#other', '#xpointer(/)']) {
      await refusesShape(
        changed(/URI="[^"]*"/, () => `URI="${uri}"`),
        'signature_reference',
      )
    }
    await refusesShape(
      changed(/URI="#/, () => 'URI="'),
      'signature_reference',
    )
  })

  it('has no transform that could leave something out', async () => {
    for (const algorithm of [
      'http://www.w3.org/TR/1999/REC-xpath-19991116',
      'http://www.w3.org/TR/1999/REC-xslt-19991116',
      'http://www.w3.org/2002/06/xmldsig-filter2',
    ]) {
      await refusesShape(
        changed(/Transform Algorithm="[^"]*"/, () => `Transform Algorithm="${algorithm}"`),
        'signature_algorithm',
      )
    }
    await refusesShape(
      changed(TRANSFORMS, (found) =>
        found.replace(
          '</ds:Transforms>',
          '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>',
        ),
      ),
      'signature_transforms',
    )
  })

  it('has nothing within an algorithm but one list of prefixes', async () => {
    const list =
      '<InclusiveNamespaces xmlns="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="x"'
    for (const part of ['<x/>', `${list}/>${list}/>`, `${list}><x/></InclusiveNamespaces>`]) {
      await refusesShape(
        changed(
          /(<ds:CanonicalizationMethod [^>]*)\/>/,
          (found) => `${found.slice(0, -2)}>${part}</ds:CanonicalizationMethod>`,
        ),
        'signature_shape',
      )
    }
  })

  it('has no key of a shared secret', () =>
    refusesShape(
      changed(
        'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
        () => 'http://www.w3.org/2000/09/xmldsig#hmac-sha1',
      ),
      'signature_algorithm',
    ))

  it('has its parts in order, and no Object', async () => {
    await refusesShape(
      changed('</ds:Signature>', (found) => `<ds:Object/>${found}`),
      'signature_shape',
    )
    await refusesShape((p) => {
      const info = KEY_INFO.exec(p.genuine)![0]
      return p.genuine.replace(info, '').replace('<ds:SignedInfo>', `${info}<ds:SignedInfo>`)
    }, 'signature_shape')
  })

  it('comes once for each element', () =>
    refusesShape((p) => p.genuine.replace(p.signature, p.signature + p.signature), 'one_signature'))

  it('is not confused by IDs of other spellings', async () => {
    for (const name of ['Id', 'id', 'ID', 'AssertionID', 'xml:id']) {
      await refusesShape(
        (p) =>
          p.genuine.replace(
            '<samlp:Status>',
            `<samlp:Status ${name}="${idOf(p.original, 'Assertion')}">`,
          ),
        'unique_ids',
      )
    }
  })
})
