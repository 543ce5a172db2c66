import type { IncomingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { createGuard } from '../../../src/platform/outbound/guard.ts'
import { OutboundError } from '../../../src/platform/outbound/outbound_error.ts'
import { nextHop } from '../../../src/platform/outbound/redirects.ts'
import {
  closeAll,
  dialLoopback,
  makeOutbound,
  PUBLIC_ADDRESS,
  rejectedAs,
  serve,
} from './support.ts'

const STATUSES = [301, 302, 303, 307, 308]

type Seen = { method: string; url: string; headers: IncomingHttpHeaders; body: string }

/** Redirects `/status/location` and records what arrives anywhere else. */
async function serveRedirects() {
  const seen: Seen[] = []
  const server = await serve(async (request, response) => {
    const body = await text(request)
    const [, status, location] = /^\/(\d{3})\/(.+)$/.exec(request.url!) ?? []
    if (status && location) {
      response.writeHead(Number(status), { location: decodeURIComponent(location) }).end('moved')
      return
    }
    seen.push({ method: request.method!, url: request.url!, headers: request.headers, body })
    response.end('arrived')
  })
  const redirect = (status: number, location: string) =>
    `${server.origin}/${status}/${encodeURIComponent(location)}`
  return { ...server, seen, redirect }
}

describe('outbound redirects', () => {
  afterEach(closeAll)

  for (const status of STATUSES) {
    it(`refuse ${status} by default`, async () => {
      const server = await serveRedirects()
      const { outbound } = makeOutbound({ allow: [server.endpoint] })
      await rejectedAs(outbound.request({ url: server.redirect(status, '/') }), 'blocked_redirect')
      expect(server.seen).to.deep.equal([])
    })

    it(`refuse ${status} to an internal address even where redirects are followed`, async () => {
      const server = await serveRedirects()
      const { outbound } = makeOutbound({ allow: [server.endpoint] })
      for (const [location, reason] of [
        ['https://169.254.169.254/latest/meta-data', 'blocked_address'],
        ['https://[::ffff:10.0.0.1]/', 'blocked_address'],
        ['//2130706433:443/', 'blocked_scheme'],
        ['http://127.0.0.1:1/', 'blocked_scheme'],
        ['https://127.0.0.1:6379/', 'blocked_port'],
        ['file:///etc/passwd', 'blocked_scheme'],
        ['https://user:pass@rp.example/', 'userinfo'],
        ['https://', 'blocked_redirect'],
      ] as const) {
        const url = server.redirect(status, location)
        await rejectedAs(outbound.request({ url, followRedirects: 3 }), reason)
      }
    })
  }

  it('refuse a name that resolves to an internal address', async () => {
    const server = await serveRedirects()
    const { outbound } = makeOutbound(
      { allow: [server.endpoint] },
      { resolve: async () => ['10.0.0.1'] },
    )
    const url = server.redirect(302, 'https://rebound.example/')
    await rejectedAs(outbound.request({ url, followRedirects: 1 }), 'blocked_address')
  })

  it('follow within an origin with headers and, for 307 and 308, the body', async () => {
    const server = await serveRedirects()
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    for (const status of STATUSES) {
      const response = await outbound.request({
        url: server.redirect(status, '/there?x=1'),
        method: 'POST',
        body: 'hello',
        headers: { authorization: 'Bearer s3cret', 'content-type': 'text/plain' },
        followRedirects: 1,
      })
      expect(response.body.toString()).to.equal('arrived')
      const [arrival] = server.seen.splice(0)
      const kept = status >= 307
      expect(arrival!.method).to.equal(kept ? 'POST' : 'GET')
      expect(arrival!.url).to.equal('/there?x=1')
      expect(arrival!.body).to.equal(kept ? 'hello' : '')
      expect(arrival!.headers['content-type']).to.equal(kept ? 'text/plain' : undefined)
      expect(arrival!.headers.authorization).to.equal('Bearer s3cret')
    }
  })

  it('carry no credential and no custom header to another origin', async () => {
    const [here, there] = [await serveRedirects(), await serveRedirects()]
    const { outbound } = makeOutbound({ allow: [here.endpoint, there.endpoint] })
    await outbound.request({
      url: here.redirect(302, `${there.origin}/`),
      headers: {
        authorization: 'Bearer s3cret',
        cookie: 'a=s3cret',
        'x-api-key': 's3cret',
        'webhook-signature': 's3cret',
        accept: 'application/json',
      },
      followRedirects: 1,
    })
    expect(there.seen[0]!.headers.accept).to.equal('application/json')
    expect(JSON.stringify(there.seen)).not.to.contain('s3cret')
  })

  it('carry no body to another origin', async () => {
    const [here, there] = [await serveRedirects(), await serveRedirects()]
    const { outbound } = makeOutbound({ allow: [here.endpoint, there.endpoint] })
    const post = { method: 'POST', body: 's3cret', followRedirects: 1 } as const
    for (const status of [307, 308]) {
      const url = here.redirect(status, `${there.origin}/`)
      await rejectedAs(outbound.request({ ...post, url }), 'blocked_redirect')
    }
    await outbound.request({ ...post, url: here.redirect(303, `${there.origin}/`) })
    expect(there.seen.map(({ method, body }) => ({ method, body }))).to.deep.equal([
      { method: 'GET', body: '' },
    ])
  })

  it('stop after three, however many were asked for', async () => {
    let hops = 0
    const server = await serve((_request, response) => {
      hops += 1
      response.writeHead(302, { location: `/${hops}` }).end()
    })
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    await rejectedAs(
      outbound.request({ url: `${server.origin}/`, followRedirects: 30 }),
      'blocked_redirect',
    )
    expect(hops).to.equal(4)
  })

  it('do not lead from https to http, not even to an allow-listed target', () => {
    const guard = createGuard({ allow: ['127.0.0.1:9001'], allowHttp: true })
    const hop = {
      url: new URL('https://rp.example/'),
      method: 'GET',
      headers: new Headers(),
      body: undefined,
    }
    const to = (location: string) => () =>
      nextHop(guard, hop, { status: 302, headers: new Headers({ location }), body: Buffer.of() })
    expect(to('http://rp.example/')).to.throw(OutboundError, 'redirect')
    expect(to('http://127.0.0.1:9001/')).to.throw(OutboundError, 'redirect')
    expect(to('/next')().url.href).to.equal('https://rp.example/next')
  })

  it('vet the address of each hop', async () => {
    const server = await serveRedirects()
    const resolve = async (host: string) => [host === 'a.example' ? PUBLIC_ADDRESS : '10.0.0.1']
    const { outbound } = makeOutbound(
      { allowHttp: true },
      { resolve, dial: dialLoopback(server.port, [], PUBLIC_ADDRESS) },
    )
    const path = `/302/${encodeURIComponent('http://b.example/')}`
    await rejectedAs(
      outbound.request({ url: `http://a.example${path}`, followRedirects: 3 }),
      'blocked_address',
    )
    expect(server.connections()).to.equal(1)
  })

  it('leave a 3xx without Location to the caller', async () => {
    const server = await serve((_request, response) => void response.writeHead(304).end())
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    expect((await outbound.request({ url: `${server.origin}/` })).status).to.equal(304)
  })
})
