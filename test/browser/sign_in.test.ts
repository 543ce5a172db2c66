import { expect } from 'chai'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { expectHeading, fillInLogin, useVisitors } from './visitor.ts'

describe('Signing in with a browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    server = await startAuthCore()
    site = await startClientSite(server)
  })
  const newVisitor = useVisitors()
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  for (const javaScriptEnabled of [true, false]) {
    it(`leads through password and consent to tokens, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async () => {
      const bob = await addPerson(server)
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(site.startUri)
      await expectHeading(page, 'Sign in')
      await fillInLogin(page, bob)
      await expectHeading(page, 'Lantern Books would like to access your account')
      await page.locator('#allow').click()
      await expectHeading(page, `Welcome ${bob.id}`)
      expect(site.tokens().claims()).to.include({ sub: bob.id })
    })
  }
})
