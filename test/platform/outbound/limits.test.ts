import type { Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { closeAll, makeOutbound, onCleanup, rejectedAs, serve, serveRaw } from './support.ts'

/** Writes a chunk every few milliseconds until the peer hangs up. */
function drip(socket: Socket, chunk: string, everyMs = 5): void {
  const timer = setInterval(() => socket.write(chunk), everyMs)
  socket.on('close', () => clearInterval(timer))
  onCleanup(() => clearInterval(timer))
}

/** Writes as fast as the peer reads, until it hangs up. */
function flood(socket: Socket, chunk: string): void {
  const push = () => {
    while (!socket.destroyed && socket.write(chunk));
  }
  socket.on('drain', push)
  push()
}

const HEAD = 'HTTP/1.1 200 OK\r\n'

describe('outbound limits', () => {
  afterEach(closeAll)

  async function call(onRequest: (socket: Socket) => void, limits: object = {}) {
    const server = await serveRaw(onRequest)
    const harness = makeOutbound({ allow: [server.endpoint] })
    return harness.outbound.request({ url: `${server.origin}/`, timeoutMs: 120, ...limits })
  }

  it('end a call whose headers come too slowly', async () => {
    await rejectedAs(
      call(() => {}),
      'timeout',
    )
    const slowly = call((socket) => {
      socket.write(HEAD)
      drip(socket, 'x: y\r\n')
    })
    await rejectedAs(slowly, 'timeout')
  })

  it('end a call whose body comes too slowly, and the connection with it', async () => {
    const closed = Promise.withResolvers<void>()
    const slowly = call((socket) => {
      socket.on('close', () => closed.resolve())
      socket.write(`${HEAD}content-length: 100000\r\n\r\n`)
      drip(socket, 'x')
    })
    await rejectedAs(slowly, 'timeout')
    await closed.promise
  })

  it('end a call that is slow over several redirects', async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.writeHead(302, { location: '/again' }).end(), 50)
    })
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const url = `${server.origin}/`
    await rejectedAs(outbound.request({ url, timeoutMs: 120, followRedirects: 3 }), 'timeout')
  })

  it('stop reading an endless body at the cap, and close the connection', async () => {
    const closed = Promise.withResolvers<void>()
    let socketOfServer: Socket | undefined
    const endless = call(
      (socket) => {
        socketOfServer = socket
        socket.on('close', () => closed.resolve())
        socket.write(`${HEAD}\r\n`)
        flood(socket, 'x'.repeat(65_536))
      },
      { timeoutMs: 5000 },
    )
    await rejectedAs(endless, 'too_large')
    await closed.promise
    // A cap of 1 MiB, and what lay in the buffers of two sockets.
    expect(socketOfServer!.bytesWritten).to.be.below(32 * 1024 * 1024)
  })

  it('take a body of exactly the cap, and not one byte more', async () => {
    const server = await serve((request, response) => {
      response.end('x'.repeat(Number(request.url!.slice(1))))
    })
    const { outbound } = makeOutbound({ allow: [server.endpoint], maxResponseBytes: 1000 })
    const fits = await outbound.request({ url: `${server.origin}/1000` })
    expect(fits.body).to.have.length(1000)
    await rejectedAs(outbound.request({ url: `${server.origin}/1001` }), 'too_large')
    await rejectedAs(
      outbound.request({ url: `${server.origin}/11`, maxResponseBytes: 10 }),
      'too_large',
    )
  })

  it('stop at endless headers', async () => {
    const many = call(
      (socket) => {
        socket.write(HEAD)
        flood(socket, 'x-filler: yyyyyyyyyyyyyyyyyyyyyyyy\r\n'.repeat(100))
      },
      { timeoutMs: 5000 },
    )
    await rejectedAs(many, 'too_large')
    const long = call(
      (socket) => {
        socket.write(`${HEAD}x: `)
        flood(socket, 'y'.repeat(65_536))
      },
      { timeoutMs: 5000 },
    )
    await rejectedAs(long, 'too_large')
  })

  it('stop at endless trailers', async () => {
    const trailing = call(
      (socket) => {
        socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n0\r\n`)
        flood(socket, 'x-filler: yyyyyyyyyyyyyyyyyyyyyyyy\r\n'.repeat(100))
      },
      { timeoutMs: 5000 },
    )
    await rejectedAs(trailing, 'too_large')
  })

  it('stop at a flood of interim responses', async () => {
    const hinted = call((socket) => flood(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)), {
      timeoutMs: 5000,
    })
    await rejectedAs(hinted, 'protocol')
    const continued = call((socket) => flood(socket, 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(100)), {
      timeoutMs: 5000,
    })
    await rejectedAs(continued, 'connect')
    const slowly = call((socket) => drip(socket, 'HTTP/1.1 102 Processing\r\n\r\n', 30))
    await rejectedAs(slowly, 'timeout')
  })

  it('sit through a few interim responses', async () => {
    const response = await call((socket) => {
      socket.end(`HTTP/1.1 103 Early Hints\r\n\r\n${HEAD}content-length: 2\r\n\r\nok`)
    })
    expect(response.body.toString()).to.equal('ok')
  })

  for (const [what, answer, reason] of [
    [
      'an upgrade nobody asked for',
      'HTTP/1.1 101 Up\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n',
      'connect',
    ],
    ['what is no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', 'protocol'],
    ['a status that means nothing', 'HTTP/1.1 999 Denied\r\ncontent-length: 0\r\n\r\n', 'protocol'],
    ['two lengths', `${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\nok`, 'protocol'],
    [
      'a length beside chunks',
      `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      'protocol',
    ],
    ['broken chunks', `${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n`, 'protocol'],
    ['a body cut short', `${HEAD}content-length: 10\r\n\r\nshort`, 'connect'],
  ] as const) {
    it(`refuse ${what}`, async () => {
      await rejectedAs(
        call((socket) => void socket.end(answer), { timeoutMs: 5000 }),
        reason,
      )
    })
  }

  describe('content codings', () => {
    async function callCoded(coding: string, body: Buffer) {
      const asked: (string | undefined)[] = []
      const server = await serve((request, response) => {
        asked.push(request.headers['accept-encoding'])
        response.setHeader('content-encoding', coding).end(body)
      })
      const { outbound } = makeOutbound({ allow: [server.endpoint] })
      const response = outbound.request({
        url: `${server.origin}/`,
        headers: { 'accept-encoding': 'gzip' },
      })
      return response.finally(() => expect(asked).to.deep.equal(['identity']))
    }

    it('are not asked for, and decoded where they come all the same', async () => {
      for (const [coding, encode] of [
        ['gzip', gzipSync],
        ['GZIP', gzipSync],
        ['deflate', deflateSync],
        ['br', brotliCompressSync],
        ['identity', (data: Buffer) => data],
      ] as const) {
        const response = await callCoded(coding, encode(Buffer.from('{"keys":[]}')))
        expect(response.body.toString(), coding).to.equal('{"keys":[]}')
      }
      const decoded = await callCoded('gzip', gzipSync(Buffer.from('ok')))
      expect(decoded.headers.has('content-encoding')).to.equal(false)
      expect(decoded.headers.has('content-length')).to.equal(false)
    })

    it('do not blow up a bomb past the cap', async () => {
      const bomb = Buffer.alloc(8 * 1024 * 1024)
      await rejectedAs(callCoded('gzip', gzipSync(bomb)), 'too_large')
      await rejectedAs(callCoded('deflate', deflateSync(bomb)), 'too_large')
    })

    it('are refused where unknown, stacked or damaged', async () => {
      const twice = gzipSync(gzipSync(Buffer.from('ok')))
      await rejectedAs(callCoded('gzip, gzip', twice), 'protocol')
      await rejectedAs(callCoded('zstd', Buffer.from('ok')), 'protocol')
      await rejectedAs(callCoded('gzip', Buffer.from('no gzip')), 'protocol')
    })
  })

  it('leave other targets alone while one is slow', async () => {
    const slow = await serveRaw(() => {})
    const quick = await serve((_request, response) => void response.end('ok'))
    const { outbound } = makeOutbound({ allow: [slow.endpoint, quick.endpoint] })
    let stuck = 50
    const waiting = Array.from({ length: stuck }, async () => {
      await rejectedAs(outbound.request({ url: `${slow.origin}/`, timeoutMs: 400 }), 'timeout')
      stuck -= 1
    })
    expect((await outbound.request({ url: `${quick.origin}/` })).status).to.equal(200)
    expect(stuck).to.equal(50)
    await Promise.all(waiting)
  })
})
