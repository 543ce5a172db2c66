import { getEventListeners } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { closeAll, makeOutbound, rejectedAs, serve, serveRaw } from './support.ts'

async function serveEcho() {
  const seen: { request: IncomingMessage; body: string }[] = []
  const server = await serve(async (request, response) => {
    seen.push({ request, body: await text(request) })
    response.setHeader('set-cookie', ['a=1', 'b=2']).end('ok')
  })
  return { ...server, seen }
}

describe('outbound request', () => {
  afterEach(closeAll)

  it('sends method, path, query, headers and body', async () => {
    const server = await serveEcho()
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const response = await outbound.request({
      url: `${server.origin}/hook?a=1#fragment`,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'webhook-id': 'e1' },
      body: Buffer.from('{}'),
    })
    expect(response.status).to.equal(200)
    const { request, body } = server.seen[0]!
    expect(request).to.include({ method: 'POST', url: '/hook?a=1' })
    expect(request.headers).to.include({ 'webhook-id': 'e1', 'user-agent': 'AuthCore' })
    expect(body).to.equal('{}')
  })

  it('lets no caller set cookies, the host, the user agent or the framing', async () => {
    const server = await serveEcho()
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    await outbound.request({
      url: `${server.origin}/`,
      method: 'POST',
      headers: {
        Cookie: 'sid=1',
        Host: 'admin.internal',
        'User-Agent': 'curl',
        'Transfer-Encoding': 'chunked',
        'Content-Length': '99',
        Connection: 'upgrade',
        Upgrade: 'h2c',
        Expect: '100-continue',
      },
      body: 'hello',
    })
    const { headers } = server.seen[0]!.request
    expect(headers).to.include({ host: server.endpoint, 'user-agent': 'AuthCore' })
    expect(headers).to.include({ 'content-length': '5', connection: 'keep-alive' })
    expect(headers).not.to.have.any.keys('cookie', 'upgrade', 'expect', 'transfer-encoding')
  })

  it('keeps no cookies between calls', async () => {
    const server = await serveEcho()
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    await outbound.request({ url: `${server.origin}/` })
    await outbound.request({ url: `${server.origin}/` })
    expect(server.seen[1]!.request.headers.cookie).to.equal(undefined)
  })

  it('refuses headers and methods that would break the message, without quoting them', async () => {
    const server = await serveEcho()
    const { outbound, logged } = makeOutbound({ allow: [server.endpoint] })
    const url = `${server.origin}/`
    const smuggled = { authorization: 'Bearer s3cret\r\nx-admin: 1' }
    const error = await rejectedAs(outbound.request({ url, headers: smuggled }), 'protocol')
    expect(error.message).not.to.contain('s3cret')
    await rejectedAs(outbound.request({ url, method: 'CONNECT' as 'GET' }), 'protocol')
    await rejectedAs(outbound.request({ url, method: 'GET /x HTTP/1.1\r\n' as 'GET' }), 'protocol')
    expect(server.seen).to.deep.equal([])
    expect(JSON.stringify(logged)).not.to.contain('s3cret')
  })

  it('ends with the reason of the signal where the caller gives up', async () => {
    const server = await serveRaw(() => {})
    const { outbound, calls, logged } = makeOutbound({ allow: [server.endpoint] })
    const controller = new AbortController()
    const reason = new Error('changed my mind: s3cret')
    const running = outbound.request({ url: `${server.origin}/`, signal: controller.signal })
    setTimeout(() => controller.abort(reason), 20)
    const outcome = await running.catch((error: unknown) => error)
    expect(outcome).to.equal(reason)
    expect(calls[0]).to.include({ origin: server.origin, outcome: 'aborted' })
    expect(JSON.stringify(logged)).not.to.contain('s3cret')
  })

  it('does not start where the caller has given up already', async () => {
    const server = await serveEcho()
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const signal = AbortSignal.abort(new Error('too late'))
    const outcome = await outbound
      .request({ url: `${server.origin}/`, signal })
      .catch((error: Error) => error.message)
    expect(outcome).to.equal('too late')
    expect(server.connections()).to.equal(0)
  })

  it('tells metrics of a response, and the log of a failure without what was sent', async () => {
    const server = await serve((request, response) => {
      if (request.url!.startsWith('/reset')) request.socket.destroy()
      else response.writeHead(503).end()
    })
    const { outbound, calls, logged } = makeOutbound({ allow: [server.endpoint] })
    expect((await outbound.request({ url: `${server.origin}/` })).status).to.equal(503)
    expect(calls[0]).to.include({ origin: server.origin, outcome: 'response', status: 503 })
    expect(calls[0]!.durationMs).to.be.above(0)
    expect(logged).to.deep.equal([])
    const failing = outbound.request({
      url: `${server.origin}/reset?token=s3cret`,
      method: 'POST',
      headers: { authorization: 'Bearer s3cret' },
      body: 'logout_token=s3cret',
    })
    const error = await rejectedAs(failing, 'connect')
    expect(error.message).to.contain(`${server.origin}/reset`)
    expect(error.cause).to.equal(undefined)
    expect(logged.map(({ message }) => message)).to.deep.equal(['outgoing call failed'])
    expect(`${error.stack}${JSON.stringify([error, logged, calls])}`).not.to.contain('s3cret')
  })

  it('frees its timer and the signal of the caller when it is done', async () => {
    const server = await serveEcho()
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const controller = new AbortController()
    await outbound.request({ url: `${server.origin}/`, signal: controller.signal })
    expect(getEventListeners(controller.signal, 'abort')).to.have.length(0)
  })
})
