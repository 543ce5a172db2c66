import { expect } from 'chai'
import { findAccountById } from '../../src/domain/accounts/account_store.ts'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

const EXAMPLE = new URL('../../docs/examples/profile_schema.json', import.meta.url).pathname

describe('The profile that a deployment asks for, in a browser', function () {
  this.timeout(90_000)
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    const env = { AUTHCORE_PROFILE_SCHEMA: EXAMPLE, AUTHCORE_PROFILE_ASK: 'nickname?' }
    server = await startAuthCore({ env })
    site = await startClientSite(server)
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`is completed on the way, and changed at its own page, ${how}`, async (newVisitor) => {
      const page = await newVisitor({ javaScriptEnabled })
      const person = await addPerson(server)
      await page.goto(site.startUri)
      await fillInLogin(page, person)
      await expectHeading(page, 'Complete your profile')
      await page.getByRole('button', { name: 'Save and continue' }).click()
      await expectHeading(page, 'Complete your profile')
      await page.getByLabel('Department').selectOption({ label: 'Press' })
      await page.getByLabel('Reading with us since').fill('2020-02-29')
      const interests = page.getByRole('group', { name: 'Interests' })
      for (const name of ['Novels', 'Poetry', 'Maps']) await interests.getByLabel(name).check()
      await page.getByRole('button', { name: 'Save and continue' }).click()
      await page.getByRole('alert').waitFor()
      expect(await interests.getByLabel('Maps').isChecked(), 'what was chosen stays').to.equal(true)
      expect(await page.getByLabel('Reading with us since').inputValue()).to.equal('2020-02-29')
      await interests.getByLabel('Poetry').uncheck()
      await page.getByRole('button', { name: 'Save and continue' }).click()
      await page.getByRole('button', { name: 'Allow' }).click()
      await expectHeading(page, `Welcome ${person.id}`)
      await page.goto(`${server.issuer}/account/profile`)
      await page.getByLabel('Department').selectOption({ label: 'Sales' })
      await page.getByLabel('Send me the newsletter').selectOption({ label: 'Yes' })
      await page.getByLabel('City').fill('London')
      expect(await page.getByLabel('Badge').count(), 'that is for operators').to.equal(0)
      await page.getByRole('button', { name: 'Save' }).click()
      await page.getByRole('status').waitFor()
      const account = (await findAccountById(server.parts.db, person.id))!
      expect(account.attributes).to.deep.equal({
        department: 'sales',
        reader_since: '2020-02-29',
        interests: ['novels', 'maps'],
        newsletter: true,
      })
      expect(account.claims['address']).to.deep.equal({ locality: 'London' })
    })
  }
})
