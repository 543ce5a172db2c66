import { expect } from 'chai'
import fc from 'fast-check'
import { z } from 'zod'
import { parseForm, readForm } from '../../src/web/forms.ts'
import { type ListeningApp, listenTo, sendRaw, statusOf } from './listening_app.ts'

describe('web/forms', () => {
  let running: ListeningApp
  const schema = z.strictObject({ email: z.email(), password: z.string() })

  before(async () => {
    running = await listenTo((app) =>
      app.use(async (ctx) => {
        const form = await readForm(ctx)
        ctx.body = ctx.path === '/parsed' ? parseForm(schema, form) : { ...form }
      }),
    )
  })

  after(() => running.server.stop())

  const FORM = 'application/x-www-form-urlencoded'
  const post = (body: string | Uint8Array<ArrayBuffer>, type = FORM, path = '/') =>
    fetch(running.url + path, { method: 'POST', body, headers: { 'Content-Type': type } })

  it('reads what a browser wrote as it was typed, and refuses everything else', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 })
    const written = fc.uniqueArray(fc.tuple(text, text), {
      selector: ([name]) => name,
      maxLength: 5,
    })
    const isPlain = (pairs: readonly [string, string][]) =>
      pairs.every(([name, value]) => !/[[\]]/.test(name) && !`${name}${value}`.includes('\0'))
    await fc.assert(
      fc.asyncProperty(written, async (pairs) => {
        const response = await post(new URLSearchParams(pairs).toString())
        expect(response.status).to.equal(isPlain(pairs) ? 200 : 400)
        if (!response.ok) return
        // A form of one field without name and value is written as nothing at all.
        const read = new Map(Object.entries((await response.json()) as Record<string, string>))
        expect([...read]).to.have.deep.members(pairs)
      }),
      { numRuns: 60 },
    )
    const broken = fc.string({ unit: fc.constantFrom(...'a=&%0f[]+;'), maxLength: 10 })
    await fc.assert(
      fc.asyncProperty(broken, async (body) => {
        expect((await post(body)).status, body).to.be.oneOf([200, 400])
      }),
      { numRuns: 60 },
    )
  })

  it('reads flat text fields', async () => {
    const response = await post('a=1&b=x+y%26z&c=&d&=e&%C3%A4=%F0%9F%94%91')
    expect(await response.json()).to.deep.equal({
      a: '1',
      b: 'x y&z',
      c: '',
      d: '',
      '': 'e',
      ä: '🔑',
    })
  })

  it('accepts the charset UTF-8 and no other', async () => {
    expect((await post('a=1', `${FORM}; charset=utf-8`)).status).to.equal(200)
    expect((await post('a=1', `${FORM};charset="UTF-8"`)).status).to.equal(200)
    expect((await post('a=1', `${FORM}; charset=utf-16`)).status).to.equal(415)
  })

  for (const type of [
    'application/json',
    'multipart/form-data; boundary=x',
    'text/plain',
    `${FORM}; boundary=x`,
  ]) {
    it(`refuses ${type}`, async () => {
      const response = await post('a=1', type)
      expect(response.status).to.equal(415)
      expect(response.headers.get('content-type')).to.match(/^application\/problem\+json/)
    })
  }

  const malformed = {
    'a field sent twice': 'email=a%40b.c&email=d%40e.f',
    'a field sent twice in two spellings': 'a=1&%61=2',
    'an array': 'password[]=x',
    'an encoded array': 'password%5B%5D=x',
    'an object': 'password[$ne]=x',
    'a NUL': 'a=x%00y',
    'a raw NUL': 'a=x\0y',
    'a NUL in a name': 'a%00=x',
    'a broken escape': 'a=%zz',
    'bytes that are not UTF-8': 'a=%ff',
  }
  for (const [name, body] of Object.entries(malformed)) {
    it(`refuses ${name}`, async () => {
      expect((await post(body)).status).to.equal(400)
    })
  }

  it('refuses raw bytes that are not UTF-8', async () => {
    expect((await post(new Uint8Array([0x61, 0x3d, 0xff]))).status).to.equal(400)
  })

  it('pollutes no prototype', async () => {
    const response = await post('__proto__=x&constructor=y&a=1')
    expect(await response.text()).to.equal('{"__proto__":"x","constructor":"y","a":"1"}')
    expect(({} as Record<string, unknown>)['x']).to.equal(undefined)
    expect((await post('__proto__=x&email=a%40b.co&password=p', FORM, '/parsed')).status).to.equal(
      400,
    )
  })

  it('refuses a body of 5 MB and closes the connection', async () => {
    const response = await post(`a=${'x'.repeat(5_000_000)}`)
    expect(response.status).to.equal(413)
    expect(response.headers.get('connection')).to.equal('close')
  })

  it('refuses a body that grows beyond the limit without saying so before', async () => {
    const chunk = `2000\r\n${'x'.repeat(0x2000)}\r\n`
    const answer = await sendRaw(
      running.port,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}`,
    )
    expect(statusOf(answer)).to.equal(413)
  })

  it('refuses 10 000 fields', async () => {
    expect(
      (await post(Array.from({ length: 10_000 }, (_, i) => `a${i}=`).join('&'))).status,
    ).to.equal(413)
  })

  it('answers a body that breaks off with 400', async () => {
    const answer = await sendRaw(
      running.port,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${FORM}\r\nContent-Length: 10\r\n\r\na=1`,
      { end: true },
    )
    expect(statusOf(answer)).to.equal(400)
  })

  it('reads an empty form where there is no body', async () => {
    const response = await fetch(`${running.url}/`, { method: 'POST' })
    expect(await response.json()).to.deep.equal({})
  })

  it('names the fields that a schema refuses, and never their values', async () => {
    const response = await post('email=nonsense-value&admin=yes', FORM, '/parsed')
    const text = await response.text()
    expect(response.status).to.equal(400)
    expect(JSON.parse(text).hint).to.equal('Check email, password, admin.')
    expect(text).to.not.include('nonsense')
  })
})
