import {
  assertionXml,
  type EncryptionOptions,
  encryptElement,
  idOf,
  post,
  responseXml,
  signElement,
} from '../../../support/saml_forge.ts'
import { refuses } from './refusals.ts'
import { type Connection, IDP, SP, STRANGER } from './saml_connection.ts'

type Make = (id: string, connection: Connection) => string

/** A response with what `make` says in the encrypted part. */
function encrypted(make: Make, certificate = SP.cert, options: EncryptionOptions = {}): Make {
  return (id, connection) =>
    post(
      responseXml(connection.forge, id, encryptElement(make(id, connection), certificate, options)),
    )
}

const unsigned: Make = (id, { forge }) => assertionXml(forge, id)
const signed: Make = (id, { forge }) => {
  const xml = assertionXml(forge, id)
  return signElement(xml, idOf(xml, 'Assertion'), IDP)
}

describe('encrypted assertions that are refused', () => {
  it('unsigned within: assertion_signature', () =>
    refuses(encrypted(unsigned), { check: 'assertion_signature' }))

  it('signed by somebody else within: signature', () =>
    refuses(
      encrypted((id, { forge }) => {
        const xml = assertionXml(forge, id)
        return signElement(xml, idOf(xml, 'Assertion'), STRANGER)
      }),
      { check: 'signature' },
    ))

  it('signed by SHA-1 within: signature_algorithm', () =>
    refuses(
      encrypted((id, { forge }) => {
        const xml = assertionXml(forge, id)
        const algorithm = 'http://www.w3.org/2000/09/xmldsig#rsa-sha1'
        return signElement(xml, idOf(xml, 'Assertion'), IDP, { algorithm })
      }),
      { check: 'signature_algorithm' },
    ))

  it('with the one that was signed within another: hidden_message', () =>
    refuses(
      encrypted((id, connection) =>
        unsigned(id, connection).replace('</saml:Issuer>', `$&${signed(id, connection)}`),
      ),
      { check: 'hidden_message' },
    ))

  it('with a comment in the NameID within: xml_markup', () =>
    refuses(
      encrypted((id, connection) => signed(id, connection).replace('opaque', 'op<!---->aque')),
      { check: 'xml_markup' },
    ))

  it('with something else within: decrypted_element', () =>
    refuses(
      encrypted(() => '<x/>'),
      { check: 'decrypted_element' },
    ))

  it('for somebody else: decryption', () =>
    refuses(encrypted(signed, STRANGER.cert), { check: 'decryption' }))

  // One fault for every cause: which of them it was would decrypt for whoever asks often enough.
  const broken: [title: string, change: (xml: string) => string][] = [
    ['with a key that was changed', (xml) => flip(xml, 0)],
    ['with a text that was changed', (xml) => flip(xml, 1)],
    ['with a text that was cut', (xml) => cut(xml)],
  ]
  for (const [title, change] of broken) {
    it(`${title}: decryption`, () =>
      refuses(
        (id, connection) => {
          const xml = Buffer.from(encrypted(signed)(id, connection), 'base64').toString()
          return post(change(xml))
        },
        { check: 'decryption' },
      ))
  }

  it('without data, or without a key: encryption_shape', async () => {
    for (const part of [
      /<xenc:EncryptedData>.*<\/xenc:EncryptedData>/,
      /<ds:KeyInfo>.*<\/ds:KeyInfo>/,
    ]) {
      await refuses(
        (id, connection) => {
          const xml = Buffer.from(encrypted(signed)(id, connection), 'base64').toString()
          return post(xml.replace(part, ''))
        },
        { check: 'encryption_shape' },
      )
    }
  })

  it('by RSA of PKCS #1 1.5: encryption_algorithm', () =>
    refuses(
      encrypted(signed, SP.cert, {
        claimTransport: 'http://www.w3.org/2001/04/xmlenc#rsa-1_5',
      }),
      { check: 'encryption_algorithm' },
    ))

  it('by Triple DES: encryption_algorithm', () =>
    refuses(
      encrypted(signed, SP.cert, {
        claimCipher: 'http://www.w3.org/2001/04/xmlenc#tripledes-cbc',
      }),
      { check: 'encryption_algorithm' },
    ))

  it('plain, where the settings want it encrypted: encrypted_assertion', () =>
    refuses((id, connection) => post(responseXml(connection.forge, id, signed(id, connection))), {
      check: 'encrypted_assertion',
      settings: { want_assertions_encrypted: true },
    }))
})

const VALUE = /<xenc:CipherValue>([^<]+)<\/xenc:CipherValue>/g

function replaceValue(xml: string, which: number, change: (bytes: Buffer) => Buffer): string {
  const value = [...xml.matchAll(VALUE)][which]![1]!
  return xml.replace(value, change(Buffer.from(value, 'base64')).toString('base64'))
}

function flip(xml: string, which: number): string {
  return replaceValue(xml, which, (bytes) => {
    bytes[bytes.length >> 1]! ^= 1
    return bytes
  })
}

function cut(xml: string): string {
  return replaceValue(xml, 1, (bytes) => bytes.subarray(0, 20))
}
