import { expect } from 'chai'
import { axe } from '../support/chromium.ts'
import { overflow, startWorld, visitEveryPage, type World } from './every_page.ts'
import { browserTests } from './visitor.ts'

describe('Every page', function () {
  this.timeout(300_000)
  let world: World
  before(async () => {
    world = await startWorld()
  })
  const test = browserTests()
  after(() => world?.stop())

  test('passes WCAG 2.2 AA in light and dark and fits 320 pixels', async (newVisitor) => {
    const faults: string[] = []
    await visitEveryPage(world, await newVisitor({ colorScheme: 'light' }), async (page, name) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        const found = await axe(page)
        faults.push(...found.map((fault) => `${name} (${colorScheme}): ${fault}`))
      }
      faults.push(...(await overflow(page, name)))
    })
    expect(faults).to.deep.equal([])
  })
})
