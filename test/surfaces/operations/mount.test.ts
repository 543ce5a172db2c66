import { expect } from 'chai'
import { createHealth, type Health } from '../../../src/platform/observability/health.ts'
import { createMetrics } from '../../../src/platform/observability/metrics.ts'
import { operationsSurface } from '../../../src/surfaces/operations/mount.ts'
import { type ListeningApp, listenTo, sendRaw, statusOf } from '../../web/listening_app.ts'

describe('surfaces/operations', () => {
  let running: ListeningApp
  let health: Health
  let databaseUp = true

  before(async () => {
    const metrics = createMetrics()
    health = createHealth({
      checks: {
        database: async () => {
          if (!databaseUp) throw new Error('down')
        },
      },
      timeoutMs: 100,
      cacheMs: -1,
    })
    const surface = operationsSurface({ health, metrics, metricsAllow: ['10.0.0.0/8'] })
    running = await listenTo((app) => surface.mount(app), {
      trustedProxies: ['127.0.0.1'],
      metrics,
    })
    health.enter('serving')
  })

  after(() => running.server.stop())

  const get = (path: string, from: string) =>
    fetch(running.url + path, { headers: { 'X-Forwarded-For': from } })

  it('tells anyone whether it lives and whether it is ready', async () => {
    expect(await (await get('/health/live', '6.6.6.6')).json()).to.deep.equal({ status: 'up' })
    expect(await (await get('/health/ready', '6.6.6.6')).json()).to.deep.equal({ status: 'ready' })
  })

  it('tells the operator about every dependency', async () => {
    const body = (await (await get('/health/ready', '10.1.2.3')).json()) as Record<string, unknown>
    expect(body).to.include({ status: 'ready', phase: 'serving' })
    expect(body).to.have.nested.property('dependencies.database.state', 'up')
    expect(body).to.have.nested.property('dependencies.database.duration_ms')
  })

  it('is not ready while a dependency is down, and lives on', async () => {
    databaseUp = false
    const response = await get('/health/ready', '6.6.6.6')
    expect(response.status).to.equal(503)
    expect(response.headers.get('retry-after')).to.equal('5')
    expect(await response.json()).to.deep.equal({ status: 'not_ready' })
    expect((await get('/health/live', '6.6.6.6')).status).to.equal(200)
    databaseUp = true
  })

  it('shows the metrics to the operator only; to others there is no such page', async () => {
    const shown = await get('/metrics', '10.1.2.3')
    expect(shown.headers.get('content-type')).to.match(/^text\/plain/)
    expect(await shown.text()).to.include('route="health_live"')
    const hidden = await get('/metrics', '6.6.6.6')
    const missing = await get('/nowhere', '6.6.6.6')
    expect(hidden.status).to.equal(404)
    expect(hidden.headers.get('content-type')).to.equal(missing.headers.get('content-type'))
  })

  it('answers a probe by address and one without a Host', async () => {
    for (const request of ['HTTP/1.1\r\nHost: 10.0.0.7:5001', 'HTTP/1.0']) {
      const answer = await sendRaw(
        running.port,
        `GET /health/live ${request}\r\nConnection: close\r\n\r\n`,
      )
      expect(statusOf(answer)).to.equal(200)
    }
  })

  it('keeps probes out of the log at info level', async () => {
    running.lines.length = 0
    await get('/health/live', '6.6.6.6')
    expect(running.lines.map((line) => line['level'])).to.deep.equal(['debug'])
  })
})
