import { expect } from 'chai'
import Provider from 'oidc-provider'
import { guardProviderBody } from '../../src/web/guard_provider_body.ts'
import { ISSUER, type ListeningApp, listenTo, sendRaw, statusOf } from './listening_app.ts'

describe('web/guard_provider_body', () => {
  let running: ListeningApp
  const warnings: string[] = []
  const { warn, info } = console

  before(async () => {
    console.warn = (...words) => void warnings.push(words.join(' '))
    console.info = console.warn
    const provider = new Provider(ISSUER, {
      clients: [
        {
          client_id: 'service',
          client_secret: 'correct horse battery staple',
          grant_types: ['client_credentials'],
          redirect_uris: [],
          response_types: [],
        },
      ],
      features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
      cookies: { keys: ['k'] },
      ttl: { ClientCredentials: 600 },
    })
    provider.proxy = true
    const handle = provider.callback()
    running = await listenTo((app) => {
      app.use(guardProviderBody())
      app.use(async (ctx) => {
        ctx.respond = false
        ctx.status = 404
        await handle(ctx.req, ctx.res)
      })
    })
    warnings.length = 0
  })

  after(async () => {
    await running.server.stop()
    Object.assign(console, { warn, info })
  })

  const FORM = 'application/x-www-form-urlencoded'
  const BASIC = `Basic ${Buffer.from('service:correct+horse+battery+staple').toString('base64')}`
  const token = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    fetch(`${running.url}/token`, {
      method: 'POST',
      body,
      headers: { 'Content-Type': FORM, Authorization: BASIC, ...headers },
    })

  it('hands the body on so that the provider reads it, without a warning', async () => {
    const response = await token('grant_type=client_credentials')
    expect(await response.json()).to.include({ token_type: 'Bearer' })
    expect(response.status).to.equal(200)
    expect(warnings).to.deep.equal([])
  })

  it('hands a chunked body on that arrives in pieces', async () => {
    const pieces = async function* () {
      for (const piece of ['grant_ty', 'pe=client_', 'credentials']) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        yield Buffer.from(piece)
      }
    }
    const response = await fetch(`${running.url}/token`, {
      method: 'POST',
      body: ReadableStream.from(pieces()),
      headers: { 'Content-Type': FORM, Authorization: BASIC },
      duplex: 'half',
    } as unknown as RequestInit)
    expect(response.status).to.equal(200)
    expect(warnings).to.deep.equal([])
  })

  it('keeps the connection usable for the next request', async () => {
    const body = 'grant_type=client_credentials'
    const one = `POST /token HTTP/1.1\r\nHost: a\r\nAuthorization: ${BASIC}\r\nContent-Type: ${FORM}\r\nContent-Length: ${body.length}\r\n`
    const answer = await sendRaw(
      running.port,
      `${one}\r\n${body}${one}Connection: close\r\n\r\n${body}`,
    )
    expect(answer.match(/HTTP\/1\.1 200/g)).to.have.length(2)
  })

  it('leaves a POST without a body to the provider', async () => {
    const response = await fetch(`${running.url}/token`, { method: 'POST' })
    expect(response.status).to.equal(400)
    expect(await response.json()).to.include({ error: 'invalid_request' })
  })

  const refused: Record<string, string | Uint8Array<ArrayBuffer>> = {
    'an encoded NUL': 'grant_type=client_credentials&scope=a%00b',
    'a raw NUL': 'grant_type=client_credentials&scope=a\0b',
    'an invalid escape': 'grant_type=client_credentials&scope=%zz',
    'an escape that is not UTF-8': 'grant_type=client_credentials&scope=%ff',
    'bytes that are not UTF-8': new Uint8Array([0x67, 0x3d, 0xff]),
  }
  for (const [name, body] of Object.entries(refused)) {
    it(`refuses ${name} in the words of OAuth`, async () => {
      const response = await token(body)
      expect(response.status).to.equal(400)
      expect(response.headers.get('content-type')).to.match(/^application\/json/)
      expect(response.headers.get('cache-control')).to.equal('no-store')
      expect(await response.json()).to.include({ error: 'invalid_request' })
    })
  }

  for (const body of ['{"client_name":"a\\u0000"}', '{"client_name":"\\ud800"}']) {
    it(`refuses the JSON ${body}`, async () => {
      expect((await token(body, { 'Content-Type': 'application/json' })).status).to.equal(400)
    })
  }

  it('refuses NUL in Basic credentials as a client that does not authenticate', async () => {
    for (const pair of ['service\0:x', 'service%00:x', 'service:\0']) {
      const response = await token('grant_type=client_credentials', {
        Authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
      })
      expect(response.status).to.equal(401)
      expect(response.headers.get('www-authenticate')).to.match(/^Basic/)
      expect(await response.json()).to.include({ error: 'invalid_client' })
    }
  })

  it('refuses more than 64 KiB and closes', async () => {
    const response = await token(`a=${'x'.repeat(70_000)}`)
    expect(response.status).to.equal(413)
    expect(response.headers.get('connection')).to.equal('close')
    expect(await response.json()).to.include({ error: 'invalid_request' })
  })

  it('gives up on a body without end', async () => {
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    const answer = await sendRaw(
      running.port,
      `POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(8)}`,
    )
    expect(statusOf(answer)).to.equal(413)
  })
})
