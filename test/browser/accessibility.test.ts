import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { axe } from '../support/chromium.ts'
import { startWorld, visitEveryPage, type World } from './every_page.ts'
import { browserTests } from './visitor.ts'

describe('Every page', function () {
  this.timeout(120_000)
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

  test('does so in Arabic, from right to left', async (newVisitor) => {
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

/** WCAG 2.2 SC 1.4.10: no scrolling sideways at 320 CSS pixels. */
async function overflow(page: Page, name: string): Promise<string[]> {
  const before = page.viewportSize()!
  await page.setViewportSize({ width: 320, height: 640 })
  const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
  await page.setViewportSize(before)
  return wide > 320 ? [`${name}: ${wide} pixels wide at 320`] : []
}
