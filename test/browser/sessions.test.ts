import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('Sessions in two browsers', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    server = await startAuthCore()
    site = await startClientSite(server)
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`are seen from one and ended in the other, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const [phone, desk] = [
        await newVisitor({ javaScriptEnabled }),
        await newVisitor({ javaScriptEnabled }),
      ]
      await phone.goto(site.startUri)
      await fillInLogin(phone, person)
      await phone.locator('#allow').click()
      await expectHeading(phone, `Welcome ${person.id}`)
      await desk.goto(`${server.issuer}/account/sessions`)
      await fillInLogin(desk, person)
      await expectHeading(desk, 'Devices')
      await desk.getByText('Signed in to').waitFor()
      await desk.locator('#end-session-1').click()
      await desk.getByText('The session has ended').waitFor()
      await phone.goto(site.startUri)
      await expectHeading(phone, 'Sign in')
      await desk.goto(`${server.issuer}/account/sessions`)
      await expectHeading(desk, 'Devices')
    })
  }
})
