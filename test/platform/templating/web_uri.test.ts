import { expect } from 'chai'
import { hostOf, isImageUri, isWebUri } from '../../../src/platform/templating/web_uri.ts'

describe('platform/templating/web_uri', () => {
  for (const uri of [
    'https://acme.example',
    'HTTP://localhost:3000/x?y#z',
    '/interaction/u1',
    '?locale=de',
    '/',
  ]) {
    it(`lets a page link to ${uri}`, () => expect(isWebUri(uri)).to.equal(true))
  }

  for (const uri of [
    '',
    'acme.example',
    'javascript:alert(1)',
    'JAVASCRIPT:alert(1)',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'vbscript:x',
    'data:text/html,<script>1</script>',
    'data:image/svg+xml,<svg/>',
    'file:///etc/passwd',
    'com.example.app:/cb',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    'https:/\\evil.example',
    'https://',
    'https://a b',
  ]) {
    it(`keeps ${JSON.stringify(uri)} off the page`, () => expect(isWebUri(uri)).to.equal(false))
  }

  it('lets an image stand in its own address, and nothing else', () => {
    expect(isImageUri('data:image/png;base64,AAAA')).to.equal(true)
    expect(isImageUri('data:image/svg+xml,%3Csvg/%3E')).to.equal(true)
    expect(isImageUri('https://acme.example/logo.png')).to.equal(true)
    expect(isImageUri('data:text/html,x')).to.equal(false)
    expect(isImageUri('data:image/png;base64,"><script>')).to.equal(false)
  })

  it('names the host that is asked, in its ASCII form', () => {
    expect(hostOf('https://user@аpple.com:8443/login')).to.equal('xn--pple-43d.com:8443')
  })
})
