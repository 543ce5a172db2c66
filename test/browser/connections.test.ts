import { expect } from 'chai'
import { listIdentitiesOfAccount } from '../../src/domain/federation/identity_store.ts'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import {
  addConnection,
  type MadeUpSource,
  madeUpSource,
  personOf,
  proven,
} from '../support/made_up_source.ts'
import { openSource } from './source_site.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('An account elsewhere, in a browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  let source: MadeUpSource
  before(async () => {
    source = madeUpSource()
    server = await startAuthCore({ kinds: source.kinds })
    await addConnection(server, source, 'works', { title: 'Example Works' })
  })
  const test = browserTests()
  after(() => server?.stop())

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`is joined, signs in, and is taken away, ${how}`, async (newVisitor) => {
      const { issuer, parts } = server
      const person = await addPerson(server)
      const there = personOf(`person-${how}`, { username: 'ada.works' })
      const identities = async () => await listIdentitiesOfAccount(parts.db, person.id)
      source.says.result = proven(there)
      const page = await newVisitor({ javaScriptEnabled })
      await openSource(page, { issuer, connection: 'works' })
      await page.goto(`${issuer}/account/security`)
      await fillInLogin(page, person)
      await page.locator('#to-connections').click()
      await expectHeading(page, 'Accounts elsewhere')
      await page.locator('#join-works').click()
      await page.locator('#back-there').click()
      await expectHeading(page, /^Sign in with .*Example Works.* from now on\?$/)
      expect(await identities()).to.be.empty
      await page.locator('#link').click()
      await page.locator('#done').waitFor()
      await page.locator('#identities').getByText('ada.works').waitFor()
      expect(await identities()).to.have.length(1)
      const other = await newVisitor({ javaScriptEnabled })
      await openSource(other, { issuer, connection: 'works' })
      await other.goto(`${issuer}/account`)
      await other.locator('#with-works').click()
      await other.locator('#back-there').click()
      await other.locator('.facts').getByText(person.email).waitFor()
      await page.locator('#remove-identity-0').click()
      await page.locator('#no-identities').waitFor()
      expect(await identities()).to.be.empty
    })
  }
})
