import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { type ListeningApp, listenTo, sendRaw, statusOf } from './listening_app.ts'

describe('web/server', () => {
  let running: ListeningApp

  before(async () => {
    running = await listenTo(
      (app) => {
        app.use(async (ctx, next) => {
          if (ctx.path === '/slow') {
            await sleep(300)
            ctx.body = 'slow but whole'
            return
          }
          if (ctx.path !== '/ok') return next()
          ctx.body = ctx.href
          return
        })
      },
      {},
      { headersTimeoutMs: 400, requestTimeoutMs: 900, keepAliveTimeoutMs: 300 },
    )
  })

  after(() => running.server.stop())

  const head = 'Host: a.example\r\nConnection: close\r\n'

  describe('malformed requests (RFC 9112)', () => {
    const cases: Record<string, string> = {
      'two different Content-Length': `POST /ok HTTP/1.1\r\n${head}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`,
      'Content-Length together with Transfer-Encoding': `POST /ok HTTP/1.1\r\n${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      'an unknown Transfer-Encoding': `POST /ok HTTP/1.1\r\n${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
      'bare line feeds': 'GET /ok HTTP/1.1\nHost: a.example\n\n',
      'a bare line feed between header fields': 'GET /ok HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n',
      'a broken chunk size': `POST /ok HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`,
      'no Host': 'GET /ok HTTP/1.1\r\nConnection: close\r\n\r\n',
      'two Hosts': `GET /ok HTTP/1.1\r\n${head}Host: b.example\r\n\r\n`,
      'a Host with user information': 'GET /ok HTTP/1.1\r\nHost: a@b\r\nConnection: close\r\n\r\n',
      'a Host that is a broken IPv6 address':
        'GET /ok HTTP/1.1\r\nHost: [::1/x]\r\nConnection: close\r\n\r\n',
      'an absolute-form target': `GET http://evil.example/ok HTTP/1.1\r\n${head}\r\n`,
      'an asterisk-form target': `OPTIONS * HTTP/1.1\r\n${head}\r\n`,
      'a space in a header name': `GET /ok HTTP/1.1\r\n${head}X Y: z\r\n\r\n`,
      'something that is not HTTP': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
    }
    for (const [name, bytes] of Object.entries(cases)) {
      it(`answers ${name} with 400 and closes`, async () => {
        expect(statusOf(await sendRaw(running.port, bytes))).to.equal(400)
      })
    }

    it('answers header fields beyond 16 kB with 431', async () => {
      const cookie = `Cookie: a=${'x'.repeat(17_000)}\r\n`
      const answer = await sendRaw(running.port, `GET /ok HTTP/1.1\r\n${head}${cookie}\r\n`)
      expect(statusOf(answer)).to.equal(431)
    })

    it('overlooks an expectation that it does not know', async () => {
      const answer = await sendRaw(running.port, `GET /ok HTTP/1.1\r\n${head}Expect: x\r\n\r\n`)
      expect(statusOf(answer)).to.equal(200)
      expect(answer).to.match(/^content-security-policy: /im)
    })

    it('answers CONNECT by closing', async () => {
      const answer = await sendRaw(running.port, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n')
      expect(answer).to.not.match(/^HTTP\/1\.1 2/)
    })

    it('echoes nothing of the request', async () => {
      const answer = await sendRaw(running.port, 'GET /<script> HTTP/1.1\r\nHost: <b>\r\n\r\n', {
        end: true,
      })
      expect(answer).to.not.include('<')
    })
  })

  describe('slow clients', () => {
    it('closes a connection whose header never ends, and serves others meanwhile', async () => {
      const answer = sendRaw(running.port, 'GET /ok HTTP/1.1\r\nHost: a.example\r\nX-A: ')
      expect((await fetch(`${running.url}/ok`)).status).to.equal(200)
      expect(statusOf(await answer)).to.equal(408)
    })

    it('closes a connection whose body never ends', async () => {
      const answer = await sendRaw(
        running.port,
        'POST /ok HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100\r\n\r\nabc',
      )
      expect(answer).to.match(/^HTTP\/1\.1 \d{3}/)
    })

    it('closes an idle connection after the keep-alive time', async () => {
      const answer = await sendRaw(running.port, 'GET /ok HTTP/1.1\r\nHost: a.example\r\n\r\n')
      expect(statusOf(answer)).to.equal(200)
    })
  })

  describe('drain', () => {
    it('finishes what is in flight, asks its connection to close, then accepts nothing', async () => {
      const other = await listenTo((app) =>
        app.use(async (ctx) => {
          await sleep(200)
          ctx.body = 'whole'
        }),
      )
      const idle = connect(other.port, '127.0.0.1')
      await new Promise((resolve) => idle.once('connect', resolve))
      const answer = fetch(`${other.url}/`)
      await sleep(50)
      const drained = other.server.drain(5_000)
      const response = await answer
      expect(await response.text()).to.equal('whole')
      expect(response.headers.get('connection')).to.equal('close')
      await drained
      const refused = await fetch(`${other.url}/`).catch((error: Error) => error)
      expect(refused).to.be.instanceOf(Error)
    })

    it('may serve on for a while before, each answer the last on its connection', async () => {
      const other = await listenTo((app) =>
        app.use((ctx) => {
          ctx.body = 'whole'
        }),
      )
      const kept = connect(other.port, '127.0.0.1')
      const answers: string[] = []
      kept.on('data', (chunk: Buffer) => answers.push(chunk.toString()))
      const ended = new Promise((resolve) => kept.once('end', resolve))
      const ask = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n'
      kept.write(ask)
      while (answers.length < 1) await sleep(5)
      expect(answers[0]).to.match(/Connection: keep-alive/i)

      const drained = other.server.drain(5_000, 1_000)
      const response = await fetch(`${other.url}/`)
      expect([response.status, response.headers.get('connection')]).to.deep.equal([200, 'close'])
      await sleep(50)
      kept.write(ask)
      await ended
      expect(answers[1]).to.match(/^HTTP\/1.1 200 .*Connection: close/is)
      await drained
      const refused = await fetch(`${other.url}/`).catch((error: Error) => error)
      expect(refused).to.be.instanceOf(Error)
    })

    it('cuts what is still open when its time is over', async () => {
      const other = await listenTo((app) => app.use(() => new Promise(() => {})))
      const cut = fetch(`${other.url}/`).catch((error: Error) => error)
      await sleep(50)
      await other.server.drain(100)
      expect(await cut).to.be.instanceOf(Error)
    })
  })
})
