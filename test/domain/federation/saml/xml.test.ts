import { deflateRawSync } from 'node:zlib'
import { expect } from 'chai'
import { SamlFault } from '../../../../src/domain/federation/saml/fault.ts'
import { decodePost } from '../../../../src/domain/federation/saml/read_response.ts'
import { readRedirect } from '../../../../src/domain/federation/saml/redirect_binding.ts'
import { parseXml, textIn } from '../../../../src/domain/federation/saml/xml.ts'
import { post, redirectQuery } from '../../../support/saml_forge.ts'
import { refuses } from './refusals.ts'
import { answerTo, answerXml } from './saml_connection.ts'

function faultOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof SamlFault) return error.check
    throw error
  }
  return 'none'
}

describe('XML from strangers', () => {
  const REFUSED: [title: string, xml: string, check: string][] = [
    ['a comment', '<a>x<!-- y -->z</a>', 'xml_markup'],
    ['CDATA', '<a><![CDATA[x]]></a>', 'xml_markup'],
    ['a processing instruction', '<a><?x y?></a>', 'xml_markup'],
    ['an instruction before the root', '<?xml version="1.0"?><?x y?><a/>', 'xml_markup'],
    ['a document type', '<!DOCTYPE a><a/>', 'xml_markup'],
    ['a document type in small letters', '<!doctype a><a/>', 'xml_markup'],
    [
      'an entity of a file',
      '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
      'xml_markup',
    ],
    [
      'an entity of an address',
      '<!DOCTYPE a SYSTEM "http://127.0.0.1/evil.dtd"><a/>',
      'xml_markup',
    ],
    [
      'a billion laughs',
      '<!DOCTYPE a [<!ENTITY l "ha"><!ENTITY m "&l;&l;&l;&l;&l;&l;&l;&l;">]><a>&m;</a>',
      'xml_markup',
    ],
    ['an entity that nobody declared', '<a>&nbsp;</a>', 'xml_form'],
    ['a depth of ten thousand', `${'<a>'.repeat(10_000)}${'</a>'.repeat(10_000)}`, 'xml_depth'],
    ['a depth without an end', '<a>'.repeat(40), 'xml_depth'],
    ['thousands of elements', `<a>${'<b/>'.repeat(3_000)}</a>`, 'xml_elements'],
    [
      'thousands of attributes',
      `<a ${[...Array(5_000).keys()].map((i) => `a${i}=""`).join(' ')}/>`,
      'xml_attributes',
    ],
    ['a quarter of a megabyte', `<a>${'x'.repeat(262_144)}</a>`, 'xml_size'],
    ['two roots', '<a/><b/>', 'xml_form'],
    ['text behind the root', '<a/>b', 'xml_form'],
    ['text before the root', 'b<a/>', 'xml_form'],
    ['nothing', '', 'xml_form'],
    ['an element that does not end', '<a><b></a>', 'xml_form'],
    ['a tag that does not end', '<a b="', 'xml_form'],
    ['an attribute without quotes', '<a b=c/>', 'xml_form'],
    ['an attribute that comes twice', '<a b="1" b="2"/>', 'xml_form'],
    ['a prefix that nobody bound', '<x:a/>', 'xml_form'],
    ['NUL', '<a>\u0000</a>', 'xml_text'],
    ['another encoding', '<?xml version="1.0" encoding="UTF-16"?><a/>', 'xml_text'],
  ]
  for (const [title, xml, check] of REFUSED) {
    it(`with ${title} is refused: ${check}`, () => {
      const start = performance.now()
      expect(faultOf(() => parseXml(xml))).to.equal(check)
      expect(performance.now() - start).to.be.below(500)
    })
  }

  it('is read whole: escapes, and a greater-than sign between quotes', () => {
    const { root } = parseXml(
      '<?xml version="1.0" encoding="utf-8"?>\r\n<a b=">">x &amp; &#x79;</a>\n',
    )
    expect(textIn(root)).to.equal('x & y')
    expect(root.getAttribute('b')).to.equal('>')
  })

  it('has no elements in a text that is read', () => {
    expect(faultOf(() => textIn(parseXml('<a>x<b/>y</a>').root))).to.equal('xml_structure')
  })

  it('comes as base64 of UTF-8', () => {
    expect(faultOf(() => decodePost('<xml>'))).to.equal('base64')
    expect(faultOf(() => decodePost(''))).to.equal('base64')
    expect(faultOf(() => decodePost(Buffer.from([0xff, 0xfe]).toString('base64')))).to.equal(
      'xml_text',
    )
    expect(faultOf(() => decodePost('A'.repeat(1_000_000)))).to.equal('xml_size')
    expect(decodePost('PGEv\r\nPg==')).to.equal('<a/>')
  })
})

describe('text in SAML that readers see differently', () => {
  const HIDDEN: [title: string, nameId: string, check: string][] = [
    ['a comment', 'admin<!---->.evil', 'xml_markup'],
    ['CDATA', 'admin<![CDATA[.evil]]>', 'xml_markup'],
    ['a processing instruction', 'admin<?x?>.evil', 'xml_markup'],
    ['an entity', 'admin&x;.evil', 'xml_form'],
  ]
  for (const [title, text, check] of HIDDEN) {
    it(`${title} in NameID is refused: ${check}`, () =>
      refuses(
        (id, { forge }) => answerTo(forge, id, { tamper: (xml) => xml.replace('opaque-1', text) }),
        { check },
      ))

    it(`${title} in an attribute is refused: ${check}`, () =>
      refuses(
        (id, { forge }) =>
          answerTo(forge, id, {
            assertion: { attributes: { mail: ['jane@example.com'] } },
            tamper: (xml) => xml.replace('jane@example.com', text),
          }),
        { check },
      ))
  }

  it('an element in NameID is refused', () =>
    refuses((id, { forge }) => answerTo(forge, id, { assertion: { nameId: 'admin<x/>.evil' } }), {
      check: 'xml_structure',
    }))

  it('a signed comment is refused as well', () =>
    refuses(
      (id, { forge }) => answerTo(forge, id, { assertion: { nameId: 'admin<!---->.evil' } }),
      { check: 'xml_markup' },
    ))

  it('a document type before a genuine response is refused', () =>
    refuses((id, { forge }) => post(`<!DOCTYPE x [<!ENTITY e "e">]>${answerXml(forge, id)}`), {
      check: 'xml_markup',
    }))

  it('a second root behind a genuine response is refused', () =>
    refuses((id, { forge }) => post(answerXml(forge, id) + answerXml(forge, id)), {
      check: 'xml_form',
    }))
})

describe('HTTP-Redirect of SAML', () => {
  it('inflates no more than a message may have', () => {
    const bomb = deflateRawSync(Buffer.alloc(50_000_000, 0x20))
    expect(bomb.length).to.be.below(64_000)
    const query = `SAMLRequest=${encodeURIComponent(bomb.toString('base64'))}`
    // The text of the bomb, as a query, is longer than a query may be; a smaller one inflates too far.
    const small = deflateRawSync(Buffer.alloc(1_000_000, 0x20))
    const start = performance.now()
    expect(faultOf(() => readRedirect(query))).to.be.oneOf(['query', 'xml_size'])
    expect(
      faultOf(() => readRedirect(`SAMLRequest=${encodeURIComponent(small.toString('base64'))}`)),
    ).to.equal('xml_size')
    expect(performance.now() - start).to.be.below(500)
  })

  it('has each parameter once, and one message', () => {
    const query = redirectQuery('SAMLRequest', '<a/>', undefined)
    expect(faultOf(() => readRedirect(query))).to.equal('none')
    expect(faultOf(() => readRedirect(`${query}&${query}`))).to.equal('query')
    expect(faultOf(() => readRedirect(`${query}&SAMLResponse=x`))).to.equal('query')
    expect(faultOf(() => readRedirect(`${query}&SAML%52equest=x`))).to.equal('query')
    expect(faultOf(() => readRedirect(`${query}&RelayState=a&RelayState=b`))).to.equal('query')
    expect(faultOf(() => readRedirect(`${query}&RelayState=%`))).to.equal('query')
    expect(faultOf(() => readRedirect('RelayState=a'))).to.equal('query')
    expect(faultOf(() => readRedirect(`${query}&x=${'x'.repeat(65_536)}`))).to.equal('query')
    expect(faultOf(() => readRedirect('SAMLRequest=AAAA'))).to.equal('inflate')
    expect(faultOf(() => readRedirect(`${query}&SAMLEncoding=urn:other`))).to.equal('query')
  })
})
