import { expect } from 'chai'
import { axe } from '../support/chromium.ts'
import { overflow, startWorld, visitEveryPage, type World } from './every_page.ts'
import { browserTests } from './visitor.ts'

describe('Every page in Arabic', function () {
  this.timeout(300_000)
  let world: World
  before(async () => {
    world = await startWorld()
  })
  const test = browserTests()
  after(() => world?.stop())

  test('runs from right to left, passes WCAG 2.2 AA and fits 320 pixels', async (newVisitor) => {
    const faults: string[] = []
    await visitEveryPage(world, await newVisitor({ locale: 'ar' }), async (page, name) => {
      const [lang, dir] = await page.evaluate<[string, string]>(
        '[document.documentElement.lang, getComputedStyle(document.body).direction]',
      )
      if (lang !== 'ar' || dir !== 'rtl') faults.push(`${name}: lang ${lang}, ${dir}`)
      const found = await axe(page)
      faults.push(...found.map((fault) => `${name}: ${fault}`), ...(await overflow(page, name)))
    })
    expect(faults).to.deep.equal([])
  })
})
