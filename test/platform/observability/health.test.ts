import { expect } from 'chai'
import { createHealth } from '../../../src/platform/observability/health.ts'

describe('platform/observability/health', () => {
  it('is ready only while it serves', async () => {
    const health = createHealth({ checks: {}, timeoutMs: 100 })
    expect(health.live()).to.equal(true)
    expect((await health.ready()).ready).to.equal(false)
    health.enter('serving')
    expect((await health.ready()).ready).to.equal(true)
    health.enter('draining')
    expect(await health.ready()).to.include({ ready: false, phase: 'draining' })
  })

  it('says which dependency is down and tells once when that changes', async () => {
    let up = false
    const changes: string[] = []
    const health = createHealth({
      checks: {
        database: async () => {
          if (!up) throw new Error('refused')
        },
        redis: async () => {},
      },
      timeoutMs: 100,
      cacheMs: -1,
      onChange: (name, state) => changes.push(`${name} ${state}`),
    })
    health.enter('serving')
    const down = await health.ready()
    expect(down.ready).to.equal(false)
    expect(down.dependencies['database']!.state).to.equal('down')
    expect(down.dependencies['redis']!.state).to.equal('up')
    expect(down.dependencies['redis']!.durationMs).to.be.a('number')
    await health.ready()
    up = true
    expect((await health.ready()).ready).to.equal(true)
    expect(changes).to.deep.equal(['database down', 'database up'])
  })

  it('calls a dependency down that does not answer in time', async () => {
    const health = createHealth({
      checks: { database: () => new Promise(() => {}) },
      timeoutMs: 20,
    })
    health.enter('serving')
    expect((await health.ready()).dependencies['database']!.state).to.equal('down')
  })

  it('checks once however many ask', async () => {
    let checks = 0
    const health = createHealth({
      checks: {
        database: async () => {
          checks++
        },
      },
      timeoutMs: 100,
    })
    await Promise.all(Array.from({ length: 100 }, () => health.ready()))
    await health.ready()
    expect(checks).to.equal(1)
  })
})
