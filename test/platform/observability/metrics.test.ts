import { closeSync, existsSync, openSync, watch } from 'node:fs'
import { setImmediate as nextRound } from 'node:timers/promises'
import { expect } from 'chai'
import { createMetrics } from '../../../src/platform/observability/metrics.ts'

describe('platform/observability/metrics', () => {
  it('counts requests by method, route and status, never by path', async () => {
    const metrics = createMetrics()
    metrics.httpRequestStarted()
    metrics.httpRequestStarted()
    metrics.httpRequestEnded('GET', 'jwks', 200, 0.003)
    metrics.httpRequestEnded('BREW', undefined, 404, 0.003)
    const text = await metrics.scrape()
    expect(text).to.include(
      'authcore_http_request_duration_seconds_count{method="GET",route="jwks",status="200"} 1',
    )
    expect(text).to.include(
      'authcore_http_request_duration_seconds_count{method="other",route="unmatched",status="404"} 1',
    )
    expect(text).to.include('authcore_http_requests_in_flight 0')
  })

  it('counts what the product does', async () => {
    const metrics = createMetrics()
    metrics.signIn('refused')
    metrics.tokenIssued('authorization_code')
    metrics.rateLimited('sign_in_ip')
    metrics.eventRecorded('account.signed_in')
    const text = await metrics.scrape()
    expect(text).to.include('authcore_sign_ins_total{outcome="refused"} 1')
    expect(text).to.include('authcore_tokens_issued_total{grant_type="authorization_code"} 1')
    expect(text).to.include('authcore_rate_limited_total{limit="sign_in_ip"} 1')
    expect(text).to.include('authcore_events_total{type="account.signed_in"} 1')
  })

  it('asks for the outbox and the process at each scrape, and survives a database that is down', async () => {
    const metrics = createMetrics()
    metrics.observeOutbox(async () => 7)
    expect(await metrics.scrape()).to.include('authcore_outbox_depth 7')
    metrics.observeOutbox(async () => {
      throw new Error('down')
    })
    const text = await metrics.scrape()
    expect(text).to.include('authcore_outbox_depth Nan')
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes']) {
      expect(text).to.match(new RegExp(`^${name} \\d`, 'm'))
    }
  })

  it('counts what the process holds open, and forgets what it has closed', async () => {
    const metrics = createMetrics()
    const read = async (name: string) => {
      const line = new RegExp(`^${name} (\\d+)$`, 'm').exec(await metrics.scrape())
      return Number(line?.[1] ?? 0)
    }
    const watchers = 'nodejs_active_resources{type="FSEventWrap"}'
    const before = await read(watchers)
    const watcher = watch(import.meta.filename)
    const during = await read(watchers)
    watcher.close()
    // The loop lets go of it in its next round.
    await nextRound()
    expect(during).to.equal(before + 1)
    expect(await read(watchers)).to.equal(before)
    if (!existsSync('/proc/self/fd')) return
    const files = await read('process_open_fds')
    const file = openSync(import.meta.filename, 'r')
    const open = await read('process_open_fds')
    closeSync(file)
    expect(open).to.equal(files + 1)
    expect(await read('process_open_fds')).to.equal(files)
  })

  it('keeps two registries apart', async () => {
    createMetrics().signIn('signed_in')
    expect(await createMetrics().scrape()).to.not.include('signed_in')
  })
})
