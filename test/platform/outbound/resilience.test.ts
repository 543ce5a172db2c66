import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { OutboundPolicy } from '../../../src/platform/outbound/outbound.ts'
import { closeAll, dialNowhere, makeOutbound, rejectedAs, serve } from './support.ts'

/** Answers with the given statuses in turn, the last one for ever; 0 hangs up, -1 stays silent. */
async function serveStatuses(...statuses: number[]) {
  const hits: string[] = []
  const server = await serve((request, response) => {
    const status = statuses.length > 1 ? statuses.shift()! : statuses[0]!
    hits.push(request.method!)
    if (status === 0) request.socket.destroy()
    else if (status > 0) response.writeHead(status).end(String(status))
  })
  return { ...server, hits, answerWith: (...next: number[]) => statuses.splice(0, 9, ...next) }
}

function makeResilient(endpoints: string[], resilience: OutboundPolicy['resilience'] = {}) {
  return makeOutbound({
    allow: endpoints,
    totalTimeoutMs: 500,
    resilience: { firstRetryDelayMs: 1, maxRetryDelayMs: 5, ...resilience },
  })
}

describe('outbound retry', () => {
  afterEach(closeAll)

  it('repeats an idempotent call after a lost connection, a time-out and 502, 503, 504', async () => {
    for (const trouble of [0, -1, 502, 503, 504]) {
      const server = await serveStatuses(trouble, 200)
      const { outbound } = makeResilient([server.endpoint])
      const response = await outbound.requestWithRetry({ url: `${server.origin}/` })
      expect(response.status).to.equal(200)
      expect(server.hits).to.deep.equal(['GET', 'GET'])
    }
  })

  it('gives up after the attempts and hands over the last outcome', async () => {
    const server = await serveStatuses(503)
    const { outbound, calls } = makeResilient([server.endpoint])
    const response = await outbound.requestWithRetry({ url: `${server.origin}/` })
    expect(response.status).to.equal(503)
    expect(server.hits).to.have.length(3)
    expect(calls.map(({ status }) => status)).to.deep.equal([503, 503, 503])
    server.answerWith(0)
    const failing = outbound.requestWithRetry({ url: `${server.origin}/`, attempts: 2 })
    await rejectedAs(failing, 'connect')
    expect(server.hits).to.have.length(5)
  })

  it('does not repeat POST and PATCH unless the receiver can recognise a repetition', async () => {
    const server = await serveStatuses(0)
    const { outbound } = makeResilient([server.endpoint], { breakAfter: 100 })
    const url = `${server.origin}/`
    for (const method of ['POST', 'PATCH'] as const) {
      await rejectedAs(outbound.requestWithRetry({ url, method, body: 'x' }), 'connect')
    }
    expect(server.hits).to.deep.equal(['POST', 'PATCH'])
    const repeated = outbound.requestWithRetry({ url, method: 'POST', repeatable: true })
    await rejectedAs(repeated, 'connect')
    expect(server.hits.slice(2)).to.deep.equal(['POST', 'POST', 'POST'])
  })

  it('does not repeat what would end the same way: 4xx, 500, 429, a refusal', async () => {
    for (const status of [400, 401, 404, 410, 429, 500, 501]) {
      const server = await serveStatuses(status)
      const { outbound } = makeResilient([server.endpoint])
      const response = await outbound.requestWithRetry({ url: `${server.origin}/` })
      expect(response.status).to.equal(status)
      expect(server.hits).to.have.length(1)
    }
    const { outbound, calls } = makeOutbound({}, { dial: dialNowhere })
    await rejectedAs(outbound.requestWithRetry({ url: 'https://10.0.0.1/' }), 'blocked_address')
    await rejectedAs(outbound.requestWithRetry({ url: 'nonsense' }), 'invalid_url')
    expect(calls.map(({ outcome }) => outcome)).to.deep.equal(['blocked_address', 'invalid_url'])
  })

  it('does not press a target that says when to come back', async () => {
    const hits: unknown[] = []
    const server = await serve((request, response) => {
      hits.push(request.url)
      response.writeHead(503, { 'retry-after': '120' }).end()
    })
    const { outbound } = makeResilient([server.endpoint])
    const response = await outbound.requestWithRetry({ url: `${server.origin}/` })
    expect(response.headers.get('retry-after')).to.equal('120')
    expect(hits).to.have.length(1)
  })

  it('ends at once where the caller gives up between two attempts', async () => {
    const server = await serveStatuses(503)
    const { outbound } = makeResilient([server.endpoint], {
      firstRetryDelayMs: 500,
      maxRetryDelayMs: 500,
    })
    const signal = AbortSignal.timeout(100)
    const outcome = await outbound
      .requestWithRetry({ url: `${server.origin}/`, signal })
      .catch((error: Error) => error.name)
    expect(outcome).to.equal('TimeoutError')
    expect(server.hits).to.have.length(1)
  })
})

describe('outbound circuit breaker', () => {
  const realNow = Date.now
  const breakAfter2 = { breakAfter: 2, halfOpenAfterMs: 60_000 }

  /** The breaker reads the clock by itself; this moves it. */
  function passMinutes(minutes: number): void {
    Date.now = () => realNow() + minutes * 60_000
  }

  afterEach(async () => {
    Date.now = realNow
    await closeAll()
  })

  it('opens after failures in a row and then leaves the target alone', async () => {
    const server = await serveStatuses(500)
    const { outbound, logged, calls } = makeResilient([server.endpoint], breakAfter2)
    const ask = () => outbound.requestWithRetry({ url: `${server.origin}/`, attempts: 1 })
    expect((await ask()).status).to.equal(500)
    expect((await ask()).status).to.equal(500)
    await rejectedAs(ask(), 'circuit_open')
    expect(server.hits).to.have.length(2)
    expect(calls.at(-1)).to.include({ origin: server.origin, outcome: 'circuit_open' })
    expect(logged.map(({ message }) => message)).to.deep.equal([
      'outgoing calls suspended: the target keeps failing',
    ])
  })

  it('lets one call try again after a while, and closes where that succeeds', async () => {
    const server = await serveStatuses(500)
    const { outbound } = makeResilient([server.endpoint], breakAfter2)
    const ask = () => outbound.requestWithRetry({ url: `${server.origin}/`, attempts: 1 })
    await ask()
    await ask()
    await rejectedAs(ask(), 'circuit_open')
    passMinutes(2)
    expect((await ask()).status).to.equal(500)
    await rejectedAs(ask(), 'circuit_open')
    server.answerWith(200)
    passMinutes(4)
    expect((await ask()).status).to.equal(200)
    expect((await ask()).status).to.equal(200)
    expect(server.hits).to.have.length(5)
  })

  it('counts time-outs, the patience of callers included', async () => {
    const server = await serveStatuses(-1)
    const { outbound } = makeResilient([server.endpoint], breakAfter2)
    const url = `${server.origin}/`
    await rejectedAs(outbound.requestWithRetry({ url, attempts: 1, timeoutMs: 40 }), 'timeout')
    const signal = AbortSignal.timeout(20)
    await outbound.requestWithRetry({ url, attempts: 1, signal }).catch(() => {})
    await sleep(1)
    await rejectedAs(outbound.requestWithRetry({ url, attempts: 1 }), 'circuit_open')
  })

  it('does not count answers below 500, nor calls the guard refused', async () => {
    const server = await serveStatuses(404)
    const { outbound } = makeResilient([server.endpoint], breakAfter2)
    for (let i = 0; i < 5; i += 1) {
      const response = await outbound.requestWithRetry({ url: `${server.origin}/` })
      expect(response.status).to.equal(404)
    }
    for (let i = 0; i < 5; i += 1) {
      const refused = outbound.requestWithRetry({ url: 'https://127.0.0.1/' })
      await rejectedAs(refused, 'blocked_address')
    }
  })

  it('is one per origin', async () => {
    const [bad, good] = [await serveStatuses(500), await serveStatuses(200)]
    const { outbound } = makeResilient([bad.endpoint, good.endpoint], breakAfter2)
    const ask = (origin: string) => outbound.requestWithRetry({ url: `${origin}/`, attempts: 1 })
    await ask(bad.origin)
    await ask(bad.origin)
    await rejectedAs(ask(bad.origin), 'circuit_open')
    expect((await ask(good.origin)).status).to.equal(200)
  })

  it('forgets the target called least recently when there are too many', async () => {
    const servers = [await serveStatuses(500), await serveStatuses(200), await serveStatuses(200)]
    const { outbound } = makeResilient(
      servers.map(({ endpoint }) => endpoint),
      { ...breakAfter2, maxOrigins: 2 },
    )
    const ask = (i: number) =>
      outbound.requestWithRetry({ url: `${servers[i]!.origin}/`, attempts: 1 })
    await ask(0)
    await ask(0)
    await rejectedAs(ask(0), 'circuit_open')
    await ask(1)
    await ask(2)
    expect((await ask(0)).status).to.equal(500)
  })
})
