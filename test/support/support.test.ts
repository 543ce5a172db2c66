import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { parseForms, textOf } from './forms.ts'
import { freePort } from './free_port.ts'
import { atOnce, browser } from './http.ts'
import { skipReason } from './skip.ts'

/** The test support is held to account too: what it gets wrong, every test gets wrong. */

const PAGE = `<!doctype html><title>Sign in</title>
  <form action="/login?a=1&amp;b=2" method="post">
    <input type="hidden" name="csrf" value="x&quot;y">
    <input name="identifier" value="ada">
    <input type="checkbox" name="remember" checked><input type="checkbox" name="other">
    <select name="locale"><option value="en">English</option><option selected>de</option></select>
    <textarea name="note">a &lt; b</textarea>
    <button name="action" value="login">Sign <b>in</b></button>
    <button formaction="/cancel">Cancel</button>
  </form>`

describe('support/forms', () => {
  it('reads what a browser would send', () => {
    const [form] = parseForms(PAGE)
    expect(form?.action).to.equal('/login?a=1&b=2')
    expect(form?.method).to.equal('post')
    expect(Object.fromEntries(form?.fields ?? [])).to.deep.equal({
      csrf: 'x"y',
      identifier: 'ada',
      remember: 'on',
      locale: 'de',
      note: 'a < b',
    })
    expect(form?.buttons.map((button) => button.text)).to.deep.equal(['Sign in', 'Cancel'])
  })

  it('lists those last that only a script would show', () => {
    const forms = parseForms('<form id="a" hidden></form><form id="b"></form>')
    expect(forms.map(({ id }) => id)).to.deep.equal(['b', 'a'])
  })

  it('reads the visible text', () => {
    expect(textOf('<title>x</title><p>a&nbsp;&amp;\n <b>b</b></p>')).to.equal('a & b')
  })
})

describe('support/http', () => {
  let server: http.Server
  let base: string
  let arrivals = 0

  before(async () => {
    server = http.createServer((request, response) => {
      arrivals++
      const { pathname } = new URL(request.url ?? '/', base)
      if (pathname === '/page') {
        response.setHeader('set-cookie', ['sid=1; Path=/; HttpOnly', 'gone=1; Max-Age=0'])
        response.setHeader('content-type', 'text/html')
        return response.end(PAGE)
      }
      if (pathname === '/go') return response.writeHead(303, { location: 'meta' }).end()
      if (pathname === '/meta') {
        response.setHeader('content-type', 'text/html; charset=utf-8')
        return response.end('<meta http-equiv="refresh" content="0; url=/echo?x=1&amp;y=2">')
      }
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { method, url, headers } = request
        const body = Buffer.concat(chunks).toString()
        response.end(JSON.stringify({ method, url, headers, body }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

  after(() => new Promise<unknown>((resolve) => server.close(resolve)))

  type Echo = { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }

  it('keeps cookies and sends a form back', async () => {
    const ada = browser({ base })
    const page = await ada.get('/page')
    const reply = await ada.submit(page, { identifier: 'grace' }, { button: 'Sign in' })
    const { method, url, headers, body } = reply.json<Echo>()
    expect([method, url]).to.deep.equal(['POST', '/login?a=1&b=2'])
    expect(headers.cookie).to.equal('sid=1')
    expect(headers.origin).to.equal(base)
    expect(new URLSearchParams(body).get('identifier')).to.equal('grace')
    expect(new URLSearchParams(body).get('csrf')).to.equal('x"y')
    expect(new URLSearchParams(body).get('action')).to.equal('login')
  })

  it('stops at a redirect and follows when told', async () => {
    const ada = browser({ base })
    const reply = await ada.get('/go')
    expect(reply.status).to.equal(303)
    expect(reply.location).to.equal(`${base}/meta`)
    const last = await ada.followAll(reply)
    expect(last.json<Echo>().url).to.equal('/echo?x=1&y=2')
  })

  it('holds many requests back until the last is ready', async () => {
    const before = arrivals
    const ada = browser({ base })
    const replies = await atOnce(20, async (gate, i) => {
      if (i === 19) await sleep(100)
      if (i === 19) expect(arrivals, 'requests that left early').to.equal(before)
      return ada.post(`/echo/${i}`, { n: `${i}` }, { gate })
    })
    expect(arrivals - before).to.equal(20)
    expect(replies.map((reply) => reply.json<Echo>().url)).to.include('/echo/19')
    expect(replies.map((reply) => reply.json<Echo>().body)).to.include('n=19')
  })
})

describe('support/leash', () => {
  it('ends what a killed process had started', async () => {
    const program = `
      import { startComponent } from ${JSON.stringify(import.meta.resolve('./component.ts'))}
      import { temporaryFolder } from ${JSON.stringify(import.meta.resolve('./leash.ts'))}
      const folder = temporaryFolder('leash')
      const { pid } = startComponent('sleep', ['600'], { logFile: folder + '/log' })
      console.log(JSON.stringify({ folder, pid }))
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program])
    const line = await new Promise<string>((resolve) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()))
    })
    const { folder, pid } = JSON.parse(line) as { folder: string; pid: number }
    expect([existsSync(folder), isRunning(pid)]).to.deep.equal([true, true])
    child.kill('SIGKILL')
    for (let i = 0; i < 100 && existsSync(folder); i++) await sleep(50)
    expect([existsSync(folder), isRunning(pid)]).to.deep.equal([false, false])
  })
})

/** One that has ended and that nobody has asked about yet, a zombie, counts as ended. */
function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat` // on Linux only
  try {
    return process.kill(pid, 0) && !(existsSync(stat) && /\) Z /.test(readFileSync(stat, 'utf8')))
  } catch {
    return false
  }
}

describe('support/skip', () => {
  it('reads the reason back from the title', () => {
    expect(skipReason('starts Redis (skipped: redis-server not installed)')).to.equal(
      'redis-server not installed',
    )
    expect(skipReason('starts Redis')).to.equal(undefined)
  })
})

describe('test/support/free_port', () => {
  it('gives no port twice, to this process or another', async () => {
    const module = new URL('./free_port.ts', import.meta.url).href
    const script = `import(${JSON.stringify(module)}).then(async ({ freePort }) => {
      console.log(JSON.stringify(await Promise.all(Array.from({ length: 300 }, freePort))))
      process.stdin.resume()
    })`
    const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    const line = once(createInterface(child.stdout), 'line') as Promise<[string]>
    const here = await Promise.all(Array.from({ length: 300 }, freePort))
    const there = JSON.parse((await line)[0]) as number[]
    child.stdin.end()
    await once(child, 'close')
    expect(new Set([...here, ...there])).to.have.property('size', 600)
  })
})
