import { createServer, type Server } from 'node:http'
import { expect } from 'chai'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, signIn } from './visitor.ts'

describe('Signing out of applications by the browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: ClientSite
  let ada: Person
  let receiver: Server
  const asked: URL[] = []

  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_FRONTCHANNEL_LOGOUT: 'true' } })
    const port = await freePort()
    receiver = createServer((request, response) => {
      asked.push(new URL(request.url!, `http://127.0.0.1:${port}`))
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>Signed out</p>')
    }).listen(port, '127.0.0.1')
    const metadata = { frontchannel_logout_uri: `http://127.0.0.1:${port}/out` }
    ;[site, ada] = await Promise.all([startClientSite(server, { metadata }), addPerson(server)])
  })
  const test = browserTests()
  after(async () => {
    receiver?.close()
    receiver?.closeAllConnections()
    await site?.stop()
    await server?.stop()
  })

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`tells the application and leads back to it, ${how}`, async (newVisitor) => {
      asked.length = 0
      const page = await newVisitor({ javaScriptEnabled })
      await signIn(page, site, ada)
      await page.goto(site.logoutUri)
      await page.getByRole('button', { name: 'Sign out' }).click()
      if (!javaScriptEnabled) {
        await expectHeading(page, 'Signing you out')
        await page.locator('#continue').click()
      }
      await expectHeading(page, 'Signed out of the shop')
      expect(asked.map(({ pathname }) => pathname)).to.deep.equal(['/out'])
      expect(asked[0]!.searchParams.get('iss')).to.equal(server.issuer)
      expect(asked[0]!.searchParams.get('sid')).to.equal(site.tokens().claims()?.['sid'])
    })
  }
})
