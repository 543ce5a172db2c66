import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { planConfig } from '../../certification/plans/plan_config.ts'
import { type Planned, plannedFor } from '../../certification/plans/planned.ts'
import { type Product, startProduct } from '../../certification/product/start_product.ts'
import { seedAccount } from '../../certification/seeding/seed_account.ts'
import { clientSeeder } from '../../certification/seeding/seed_clients.ts'
import { freePort } from '../support/free_port.ts'
import { browser } from '../support/http.ts'
import { available } from '../support/openssl.ts'
import { requires } from '../support/skip.ts'
import { type Imitation, startImitation } from './support/imitation_suite.ts'
import { scriptedBrowser } from './support/scripted_browser.ts'

describe('a server that is started to be certified', function () {
  this.timeout(60_000)
  let folder: string
  let imitation: Imitation
  let product: Product
  let ca: string
  let database: string | undefined

  before(async function () {
    requires(this, available())
    // The whole of it, as on a machine where nothing is set: with a database of its own.
    database = process.env['DATABASE_URL']
    delete process.env['DATABASE_URL']
    folder = mkdtempSync(path.join(tmpdir(), 'authcore-product-'))
    imitation = await startImitation({ plans: {} })
    product = await startProduct({
      issuer: `https://localhost:${await freePort()}`,
      folder,
      suiteHost: new URL(imitation.url).host,
      suiteCaFile: undefined,
      settings: { AUTHCORE_LEGACY_CLIENTS: 'true', AUTHCORE_NO_SUCH_SWITCH: 'true' },
    })
    ca = readFileSync(path.join(folder, 'certificate.pem'), 'utf8')
  })

  after(async () => {
    await product?.stop()
    await imitation?.stop()
    if (database !== undefined) process.env['DATABASE_URL'] = database
    if (folder) rmSync(folder, { recursive: true })
  })

  it('is reached by TLS, and says so of itself', async () => {
    const reply = await browser({ ca }).get(`${product.op}/.well-known/openid-configuration`)
    expect(reply.json()).to.include({
      issuer: product.op,
      token_endpoint: `${product.op}/token`,
    })
  })

  it('is one of production', async () => {
    const { http } = scriptedBrowser([], { ca })
    expect((await http.get(`${product.op}/dev/inbox`)).status).to.equal(404)
    const config = await product.cli<object>('config', 'check')
    expect(JSON.stringify(config)).to.include('production')
  })

  it('lets the suite sign in with what was seeded', async () => {
    const [planned] = plannedFor(['basic'], { aliasPrefix: 'x', oneAlias: true }) as [Planned]
    const account = await seedAccount(product.cli, folder)
    const seed = await clientSeeder(product.cli, { folder, suite: imitation.url })
    const at = { op: product.op, suite: imitation.url, alias: planned.alias, ...account }
    const config = planConfig(planned, await seed(planned), at)
    const { client_id } = config['client'] as { client_id: string }
    const request = new URLSearchParams({
      client_id,
      response_type: 'code',
      redirect_uri: `${imitation.url}/test/a/x/callback`,
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    })
    const suite = scriptedBrowser(config.browser, { ca })
    const visit = await suite.visit(`${product.op}/authorize?${request}`)
    expect(visit.tasks).to.deep.equal(['Sign in', 'Allow', 'Arrive at the client'])
    expect(new URL(visit.url).searchParams.get('iss')).to.equal(product.op)
    const cookies = await suite.http.jar.getCookies(product.op)
    expect(cookies.map(({ key }) => key)).to.include('__Host-authcore_session')
  })
})
