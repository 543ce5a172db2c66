import { createServer } from 'node:net'
import { expect } from 'chai'
import {
  closeAll,
  dialLoopback,
  dialNowhere,
  listenOn,
  makeOutbound,
  PUBLIC_ADDRESS,
  rejectedAs,
  serve,
} from './support.ts'

describe('outbound connections', () => {
  afterEach(closeAll)

  it('refuse a name with one public and one private address', async () => {
    for (const addresses of [
      [PUBLIC_ADDRESS, '10.0.0.1'],
      ['::1', PUBLIC_ADDRESS],
      ['2606:4700::1', PUBLIC_ADDRESS, '::ffff:127.0.0.1'],
    ]) {
      const { outbound } = makeOutbound({}, { resolve: async () => addresses, dial: dialNowhere })
      await rejectedAs(outbound.request({ url: 'https://rp.example/' }), 'blocked_address')
    }
  })

  it('go to the vetted address and resolve once, so that rebinding has nothing to rebind', async () => {
    const server = await serve((_request, response) => void response.end('pinned'))
    const answers = [['127.0.0.1'], ['169.254.169.254']]
    let resolved = 0
    const { outbound } = makeOutbound(
      { allow: [`rp.internal:${server.port}`] },
      { resolve: async () => answers[Math.min(resolved++, 1)]! },
    )
    const response = await outbound.request({ url: `http://rp.internal:${server.port}/` })
    expect(response.body.toString()).to.equal('pinned')
    expect(resolved).to.equal(1)
  })

  it('vet each new connection: first public, then private', async () => {
    const server = await serve((_request, response) => {
      response.setHeader('connection', 'close').end('public')
    })
    const answers = [[PUBLIC_ADDRESS], ['127.0.0.1']]
    const dialled: string[] = []
    const { outbound } = makeOutbound(
      { allowHttp: true },
      {
        resolve: async () => answers.shift()!,
        dial: dialLoopback(server.port, dialled, PUBLIC_ADDRESS),
      },
    )
    const first = await outbound.request({ url: 'http://rp.example/' })
    expect(first.body.toString()).to.equal('public')
    await rejectedAs(outbound.request({ url: 'http://rp.example/' }), 'blocked_address')
    expect(dialled).to.deep.equal([PUBLIC_ADDRESS])
    expect(server.connections()).to.equal(1)
  })

  it('look at the peer before a byte is written', async () => {
    let received = 0
    const closed = Promise.withResolvers<void>()
    const server = await listenOn(
      createServer((socket) => {
        socket.on('data', (chunk) => {
          received += chunk.length
        })
        socket.on('close', () => closed.resolve())
      }),
    )
    // As if the network sent a vetted address somewhere else: the peer is 127.0.0.1.
    for (const scheme of ['https', 'http']) {
      const { outbound } = makeOutbound(
        { allowHttp: true },
        { resolve: async () => [PUBLIC_ADDRESS], dial: dialLoopback(server.port) },
      )
      await rejectedAs(
        outbound.request({ url: `${scheme}://rp.example/`, method: 'POST', body: 'secret' }),
        'blocked_address',
      )
    }
    await closed.promise
    expect(server.connections()).to.equal(2)
    expect(received).to.equal(0)
  })

  it('are shared by calls to one origin, within a limit', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.end('ok'), 10)
    })
    const { outbound } = makeOutbound({ allow: [server.endpoint], connectionsPerOrigin: 2 })
    const calls = Array.from({ length: 6 }, () => outbound.request({ url: `${server.origin}/` }))
    for (const { status } of await Promise.all(calls)) expect(status).to.equal(200)
    expect(server.connections()).to.equal(2)
  })

  it('fail as dns where a name does not resolve', async () => {
    const failing = async () => {
      throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })
    }
    const { outbound } = makeOutbound({}, { resolve: failing, dial: dialNowhere })
    const error = await rejectedAs(outbound.request({ url: 'https://rp.example/' }), 'dns')
    expect(error.code).to.equal('ENOTFOUND')
    const empty = makeOutbound({}, { resolve: async () => [], dial: dialNowhere })
    await rejectedAs(empty.outbound.request({ url: 'https://rp.example/' }), 'dns')
  })

  it('use the system resolver by default', async () => {
    const server = await serve((_request, response) => void response.end('named'))
    const { outbound } = makeOutbound({ allow: [`localhost:${server.port}`] })
    const response = await outbound.request({ url: `http://localhost:${server.port}/` })
    expect(response.body.toString()).to.equal('named')
    await rejectedAs(outbound.request({ url: 'https://localhost/' }), 'blocked_address')
  })

  it('fail as connect where nobody listens, and name the code', async () => {
    const { outbound } = makeOutbound({ allow: ['127.0.0.1:1'] })
    const error = await rejectedAs(outbound.request({ url: 'http://127.0.0.1:1/' }), 'connect')
    expect(error.code).to.equal('ECONNREFUSED')
  })

  it('end with the connect deadline where the resolver hangs', async () => {
    const hang = () => new Promise<never>(() => {})
    const { outbound } = makeOutbound({ connectTimeoutMs: 50 }, { resolve: hang })
    await rejectedAs(outbound.request({ url: 'https://rp.example/' }), 'timeout')
  })

  it('end with the deadline of the call where that comes first', async () => {
    const resolver = Promise.withResolvers<never>()
    const { outbound } = makeOutbound({}, { resolve: () => resolver.promise })
    await rejectedAs(outbound.request({ url: 'https://rp.example/', timeoutMs: 40 }), 'timeout')
    resolver.reject(new Error('released'))
  })

  it('end with the connect deadline where the TLS handshake never comes', async () => {
    const server = await listenOn(createServer(() => {}))
    const { outbound } = makeOutbound({ allow: [server.endpoint], connectTimeoutMs: 50 })
    await rejectedAs(outbound.request({ url: `https://${server.endpoint}/` }), 'timeout')
  })

  it('refuse further calls once closed', async () => {
    const server = await serve((_request, response) => void response.end('ok'))
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const running = outbound.request({ url: `${server.origin}/` })
    await outbound.close()
    expect((await running).status).to.equal(200)
    await rejectedAs(outbound.request({ url: `${server.origin}/` }), 'connect')
  })
})
