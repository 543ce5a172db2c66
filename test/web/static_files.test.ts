import { expect } from 'chai'
import { serveFiles } from '../../src/web/static_files.ts'
import { type ListeningApp, listenTo } from './listening_app.ts'

describe('web/static_files', () => {
  let running: ListeningApp

  before(async () => {
    const body = Buffer.from('a{}')
    const files = new Map([
      ['page.css', { body, contentType: 'text/css; charset=utf-8', version: 'v1' }],
    ])
    running = await listenTo((app) => app.use(serveFiles('/assets', files)))
  })

  after(() => running.server.stop())

  const get = (path: string, headers: Record<string, string> = {}) =>
    // Otherwise fetch adds no-cache to a conditional request.
    fetch(running.url + path, { headers: { 'Cache-Control': 'max-age=0', ...headers } })

  it('may be kept for ever where the address carries the version', async () => {
    const response = await get('/assets/page.css?v=v1')
    expect(await response.text()).to.equal('a{}')
    expect(response.headers.get('content-type')).to.equal('text/css; charset=utf-8')
    expect(response.headers.get('cache-control')).to.equal('public, max-age=31536000, immutable')
    expect(response.headers.get('x-content-type-options')).to.equal('nosniff')
  })

  it('is asked for again each time where it does not', async () => {
    for (const path of ['/assets/page.css', '/assets/page.css?v=v0']) {
      expect((await get(path)).headers.get('cache-control')).to.equal('public, no-cache')
    }
  })

  it('answers a matching strong ETag with 304', async () => {
    const etag = (await get('/assets/page.css')).headers.get('etag')!
    expect(etag).to.match(/^"[\w-]{22}"$/)
    expect((await get('/assets/page.css', { 'If-None-Match': etag })).status).to.equal(304)
    expect((await get('/assets/page.css', { 'If-None-Match': '"other"' })).status).to.equal(200)
  })

  it('knows its own names only', async () => {
    for (const path of [
      '/assets/',
      '/assets/other.css',
      '/assets/constructor',
      '/assets/PAGE.CSS',
    ]) {
      expect((await get(path)).status).to.equal(404)
    }
  })

  it('serves no POST', async () => {
    expect((await fetch(`${running.url}/assets/page.css`, { method: 'POST' })).status).to.equal(404)
  })
})
