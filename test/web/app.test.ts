import http from 'node:http'
import { expect } from 'chai'
import { DomainError, ERROR_CODES } from '../../src/core/errors.ts'
import { isId } from '../../src/core/ids.ts'
import { HTTP_STATUS } from '../../src/web/errors.ts'
import { MethodNotAllowed } from '../../src/web/http_problem.ts'
import { ISSUER, type ListeningApp, listenTo, sendRaw, statusOf } from './listening_app.ts'

describe('web/app', () => {
  let running: ListeningApp
  let entered = 0

  before(async () => {
    running = await listenTo(
      (app) => {
        app.use((ctx, next) => {
          entered++
          const code = ERROR_CODES.find((name) => ctx.path === `/error/${name}`)
          if (code) {
            const voices = { hint: 'h', debug: 'private', retryAfterS: 1.2, cause: new Error('x') }
            throw new DomainError(code, 'A sentence.', voices)
          }
          if (ctx.path === '/away') {
            ctx.status = 503
            ctx.body = 'a page of its own'
            return undefined
          }
          if (ctx.path === '/error/away') throw new DomainError('unavailable', 'A sentence.')
          if (ctx.path === '/error/bug' || ctx.path === '/api/bug') throw new TypeError('private')
          if (ctx.path === '/away') {
            throw Object.assign(new Error('private'), { status: 503, expose: true })
          }
          if (ctx.path === '/own-page-of-away') {
            ctx.status = 503
            ctx.body = 'a page'
            return undefined
          }
          if (ctx.path === '/post-only') throw new MethodNotAllowed(['POST'])
          if (ctx.path === '/context') {
            const { protocol, host, href, secure, ip } = ctx
            ctx.state.route = 'context'
            ctx.body = { protocol, host, href, secure, ip, headers: ctx.headers }
            return undefined
          }
          return next()
        })
      },
      {
        trustedProxies: ['127.0.0.0/8'],
        machinePaths: new Set(['/token', '/api']),
        crossOriginPaths: new Set(['/jwks']),
        unprefetchable: ['/interaction'],
        renderErrorPage: (_ctx, { status, kind, referenceId }) =>
          `<h1>${status} ${kind} ${referenceId}</h1>`,
      },
    )
  })

  after(() => running.server.stop())

  const get = (path: string, headers: Record<string, string> = {}) => ask('GET', path, headers)

  /** Through node:http, which sends a path as it is; `fetch` would tidy it first. */
  function ask(
    method: string,
    path: string,
    headers: Record<string, string | string[]> = {},
  ): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        { port: running.port, host: '127.0.0.1', method, path, headers, agent: false },
        (response) => {
          let body = ''
          response.setEncoding('utf8').on('data', (part) => {
            body += part
          })
          response.on('end', () =>
            resolve({ status: response.statusCode!, headers: response.headers, body }),
          )
        },
      )
      request.on('error', reject).end()
    })
  }

  describe('request id and access log', () => {
    it('names the request itself and takes no name from outside', async () => {
      const { headers } = await get('/context', { 'X-Request-Id': 'mine' })
      expect(isId(String(headers['x-request-id']))).to.equal(true)
    })

    it('writes one line with route and status, and neither query nor credentials', async () => {
      running.lines.length = 0
      const { headers } = await get('/context?code=s3cret-code', {
        Authorization: 'Bearer s3cret-token',
        Cookie: 'sid=s3cret-cookie',
      })
      const lines = running.lines.filter((line) => line['msg'] === 'request')
      expect(lines).to.have.length(1)
      expect(lines[0]).to.include({
        level: 'info',
        method: 'GET',
        path: '/context',
        route: 'context',
        status: 200,
        client_ip: '127.0.0.1',
        request_id: headers['x-request-id'],
      })
      expect(lines[0]!['duration_ms']).to.be.a('number')
      expect(JSON.stringify(running.lines)).to.not.include('s3cret')
    })
  })

  describe('host pinning', () => {
    it('shows the issuer to everything downstream, whatever the request said', async () => {
      const { body } = await get('/context?a=b', {
        Host: 'evil.example:99',
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-Proto': 'http',
        'X-Forwarded-Port': '99',
        'X-Forwarded-Prefix': '/evil',
        Forwarded: 'host=evil.example;proto=http',
        'X-Host': 'evil.example',
        'X-Original-URL': '/evil',
        'X-Rewrite-URL': '/evil',
        'X-Real-IP': '6.6.6.6',
        'X-HTTP-Method-Override': 'DELETE',
      })
      const seen = JSON.parse(body)
      expect(seen).to.include({
        protocol: 'https',
        secure: true,
        host: 'login.example.com',
        href: `${ISSUER}/context?a=b`,
      })
      expect(body).to.not.include('evil')
      expect(body).to.not.include('6.6.6.6')
      expect(body).to.not.include('DELETE')
    })

    it('takes the client address from the right end of what trusted proxies wrote', async () => {
      const { body } = await get('/context', { 'X-Forwarded-For': '6.6.6.6, 1.2.3.4, 127.0.0.9' })
      expect(JSON.parse(body).ip).to.equal('1.2.3.4')
    })
  })

  describe('request gates', () => {
    const refused = {
      'an empty segment': '/a//b',
      'a leading double slash': '//evil.example/context',
      'a dot segment': '/a/./b',
      'a double dot segment': '/a/../context',
      'a dot segment at the end': '/a/..',
      'dots before a semicolon': '/a/..;/context',
      'a dot before a semicolon': '/a/.;x/context',
      'an encoded slash': '/a%2fb',
      'an encoded backslash': '/a%5Cb',
      'a backslash': '/a\\b',
      'encoded dots': '/%2e%2e/context',
      'a double encoding': '/%252e%252e/context',
      'a NUL in the path': '/a%00',
      'a line break in the path': '/a%0d%0aSet-Cookie:x',
      'a broken escape in the path': '/a%zz',
      'bytes that are not UTF-8 in the path': '/a%c0%af',
      'a NUL in the query': '/context?a=%00',
      'a broken escape in the query': '/context?a=%',
      'bytes that are not UTF-8 in the query': '/context?a=%ff',
      'a path beyond 2 kB': `/${'a'.repeat(2_100)}`,
      'a fragment': '/context#a',
    }
    for (const [name, path] of Object.entries(refused)) {
      it(`refuses ${name}`, async () => {
        entered = 0
        const answer = await sendRaw(
          running.port,
          `GET ${path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`,
        )
        expect(statusOf(answer)).to.equal(400)
        expect(entered).to.equal(0)
      })
    }

    const passed = ['/.well-known/openid-configuration', '/a.b/c~d_e-f', '/a;b', '/a%20b', '/a/']
    for (const path of passed) {
      it(`lets ${path} through`, async () => {
        entered = 0
        await get(path)
        expect(entered).to.equal(1)
      })
    }

    it('answers TRACE and inventions with 405', async () => {
      for (const method of ['TRACE', 'PROPFIND']) {
        const { status, headers } = await ask(method, '/context')
        expect(status).to.equal(405)
        expect(headers['allow']).to.include('GET')
      }
    })

    it('refuses a compressed body', async () => {
      const { status } = await ask('POST', '/context', { 'Content-Encoding': 'gzip' })
      expect(status).to.equal(415)
    })

    it('refuses to be loaded ahead of time where that would have effects', async () => {
      entered = 0
      const headers = { 'Sec-Purpose': 'prefetch;prerender' }
      expect((await get('/interaction/abc', headers)).status).to.equal(403)
      expect((await get('/interaction', { Purpose: 'prefetch' })).status).to.equal(403)
      expect(entered).to.equal(0)
      expect((await get('/context', headers)).status).to.equal(200)
    })
  })

  describe('security headers', () => {
    it('stand on every answer, errors included', async () => {
      for (const path of ['/context', '/nowhere', '/error/bug', '/a%00']) {
        const { headers } = await get(path)
        expect(headers['content-security-policy']).to.include("default-src 'none'")
        expect(headers['content-security-policy']).to.include("frame-ancestors 'none'")
        expect(headers['x-content-type-options']).to.equal('nosniff')
        expect(headers['x-frame-options']).to.equal('DENY')
        expect(headers['referrer-policy']).to.equal('no-referrer')
        expect(headers['cache-control']).to.equal('no-store')
        expect(headers['strict-transport-security']).to.match(/^max-age=\d{8}/)
        expect(headers['cross-origin-resource-policy']).to.equal('same-origin')
        expect(headers['cross-origin-opener-policy']).to.equal('same-origin')
        expect(headers['permissions-policy']).to.include('publickey-credentials-get=(self)')
        expect(headers).to.not.have.property('x-powered-by')
      }
    })

    it('let other origins read the key set', async () => {
      const { headers } = await get('/jwks')
      expect(headers['cross-origin-resource-policy']).to.equal('cross-origin')
    })
  })

  describe('errors (RFC 9457)', () => {
    it('say when to come back, also where nobody knows for how long something is away', async () => {
      for (const path of ['/error/away', '/away']) {
        const { status, headers } = await get(path)
        expect(status).to.equal(503)
        expect(Number(headers['retry-after']), path).to.be.above(0)
      }
    })

    for (const code of ERROR_CODES) {
      it(`maps ${code} to ${HTTP_STATUS[code]}`, async () => {
        const { status, headers, body } = await get(`/error/${code}`)
        const problem = JSON.parse(body)
        expect(status).to.equal(HTTP_STATUS[code])
        expect(headers['content-type']).to.match(/^application\/problem\+json/)
        expect(headers['retry-after']).to.equal('2')
        expect(problem).to.include({
          status,
          type: `urn:authcore:problem:${code}`,
          instance: `urn:uuid:${headers['x-request-id']}`,
        })
        expect(problem.detail).to.equal(code === 'internal' ? undefined : 'A sentence.')
        expect(body).to.not.include('private')
      })
    }

    it('leaves the house blank where a program error happened, and logs it once with its cause', async () => {
      running.lines.length = 0
      const { status, headers, body } = await get('/error/bug')
      expect(status).to.equal(500)
      expect(body).to.not.include('private')
      const failures = running.lines.filter((line) => line['level'] === 'error')
      expect(failures).to.have.length(1)
      expect(failures[0]).to.include({ request_id: headers['x-request-id'] })
      expect(JSON.stringify(failures[0])).to.include('TypeError')
    })

    it('tells whoever is told "not now" when to come again, whoever threw it', async () => {
      const thrown = await get('/away')
      expect(thrown.body).to.not.include('private')
      for (const { status, headers } of [thrown, await get('/own-page-of-away')]) {
        expect(status).to.equal(503)
        expect(Number(headers['retry-after'])).to.be.above(0)
      }
    })

    it('logs a refusal below the level of an error', async () => {
      running.lines.length = 0
      await get('/error/forbidden')
      expect(running.lines.map((line) => line['level'])).to.have.members(['debug', 'info'])
    })

    it('answers 404 and 405 likewise', async () => {
      expect(JSON.parse((await get('/nowhere')).body)).to.include({ status: 404 })
      const wrong = await get('/post-only')
      expect(wrong.headers['allow']).to.equal('POST')
      expect(JSON.parse(wrong.body)).to.include({ status: 405 })
    })

    it('sends a page to a browser that navigates', async () => {
      const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
      const { status, headers, body } = await get('/error/bug', { Accept: accept })
      expect(status).to.equal(500)
      expect(headers['content-type']).to.match(/^text\/html/)
      expect(body).to.equal(`<h1>500 internal ${headers['x-request-id']}</h1>`)
    })

    it('never sends a page to a program', async () => {
      for (const accept of [
        '*/*',
        'application/json',
        'text/*',
        'application/json, text/html;q=0.5',
      ]) {
        const { headers } = await get('/nowhere', { Accept: accept })
        expect(headers['content-type']).to.match(/^application\/problem\+json/)
      }
      for (const path of ['/token', '/api/bug', '/api/nowhere']) {
        const { headers } = await get(path, { Accept: 'text/html' })
        expect(headers['content-type']).to.match(/^application\/problem\+json/)
      }
    })
  })
})
