import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { type Certificate, makeCertificate } from '../../certification/product/certificates.ts'
import { startTlsFront, type TlsFront } from '../../certification/product/tls_front.ts'
import { freePort } from '../support/free_port.ts'
import { browser } from '../support/http.ts'
import { available } from '../support/openssl.ts'
import { requires } from '../support/skip.ts'

describe('the TLS before a server that is certified', () => {
  let own: Certificate
  let client: Certificate
  let upstream: http.Server
  let front: TlsFront
  let url: string

  before(async function () {
    requires(this, available())
    own = await makeCertificate('localhost', '127.0.0.1')
    client = await makeCertificate('a-client')
    upstream = http.createServer((request, response) => {
      response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'], 'content-type': 'application/json' })
      const { method, url: target, headers } = request
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () =>
        response.end(JSON.stringify({ method, target, headers, body: `${Buffer.concat(chunks)}` })),
      )
    })
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    const listenPort = await freePort()
    const upstreamPort = (upstream.address() as AddressInfo).port
    front = await startTlsFront(own, { listenPort, upstreamPort })
    url = `https://localhost:${listenPort}`
  })

  after(async () => {
    await front?.close()
    upstream?.close()
  })

  type Echo = { method: string; target: string; headers: Record<string, string>; body: string }

  it('passes a request on as it is, and the answer back', async () => {
    const reply = await browser({ ca: own.cert }).post(`${url}/token?x=1`, { a: 'b' })
    expect(reply.status).to.equal(201)
    expect(reply.headers['set-cookie']).to.deep.equal(['a=1', 'b=2'])
    const { method, target, headers, body } = reply.json<Echo>()
    expect({ method, target, body }).to.deep.equal({
      method: 'POST',
      target: '/token?x=1',
      body: 'a=b',
    })
    expect(headers['host']).to.equal(new URL(url).host)
  })

  it('says who called, and nothing that the caller says about it', async () => {
    const forged = {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-host': 'evil.example',
      forwarded: 'for=6.6.6.6',
      'client-cert': ':AAAA:',
      'client-cert-chain': ':AAAA:',
    }
    const reply = await browser({ ca: own.cert }).get(url, { headers: forged })
    const { headers } = reply.json<Echo>()
    expect(headers['x-forwarded-for']).to.match(/^(::ffff:)?127\.0\.0\.1$|^::1$/)
    expect(headers['x-forwarded-proto']).to.equal('https')
    for (const name of ['x-forwarded-host', 'forwarded', 'client-cert', 'client-cert-chain']) {
      expect(headers, name).to.not.have.property(name)
    }
  })

  it('passes on the certificate that a client shows (RFC 9440)', async () => {
    const request = https.get(url, { ca: own.cert, cert: client.cert, key: client.key })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    let text = ''
    for await (const chunk of response) text += chunk
    const der = client.cert.replace(/-----[^-]+-----|\s/g, '')
    expect((JSON.parse(text) as Echo).headers['client-cert']).to.equal(`:${der}:`)
  })

  it('answers 502 where the server is gone', async () => {
    const listenPort = await freePort()
    const lonely = await startTlsFront(own, { listenPort, upstreamPort: await freePort() })
    const reply = await browser({ ca: own.cert }).get(`https://localhost:${listenPort}/`)
    await lonely.close()
    expect(reply.status).to.equal(502)
  })
})
