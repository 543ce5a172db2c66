import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('Several accounts in one browser, chosen by their person', function () {
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

    test(`are there without a second sign-in, and leave together, ${how}`, async (newVisitor) => {
      const [ada, bob] = [
        await addPerson(server, { claims: { name: 'Ada Lovelace' } }),
        await addPerson(server, { claims: { name: 'Bob Marchetti' } }),
      ]
      const page = await newVisitor({ javaScriptEnabled })
      for (const person of [ada, bob]) {
        await page.goto(`${site.startUri}?prompt=login`)
        await fillInLogin(page, person)
        await page.locator('#allow').click()
        await expectHeading(page, `Welcome ${person.id}`)
      }
      for (const person of [ada, bob, ada]) {
        await page.goto(`${site.startUri}?prompt=select_account`)
        await page.getByRole('button', { name: person === ada ? /Ada/ : /Bob/ }).click()
        await expectHeading(page, `Welcome ${person.id}`)
      }
      await page.goto(`${server.issuer}/account`)
      await page.getByText('Ada Lovelace').first().waitFor()
      await page.getByRole('link', { name: 'Use another account' }).click()
      await page.getByRole('button', { name: /Bob/ }).click()
      await page.getByText('Bob Marchetti').first().waitFor()
      await page.goto(`${server.issuer}/logout`)
      await page.locator('#logout').click()
      await page.goto(`${site.startUri}?prompt=select_account`)
      await expectHeading(page, 'Sign in')
    })
  }
})
