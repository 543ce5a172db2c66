import { screenshot } from '../support/chromium.ts'
import { skip } from '../support/skip.ts'
import { startWorld, visitEveryPage, type World } from './every_page.ts'
import { browserTests } from './visitor.ts'

/** `SCREENSHOTS=1 npm test -- test/browser/screenshots.test.ts` writes them to data/screenshots/. */

const LOOKS = [
  ['en', 'light', 1280],
  ['en', 'dark', 1280],
  ['en', 'light', 375],
  ['en', 'dark', 375],
  ['ar', 'light', 375],
  ['ja', 'light', 375],
  ['de', 'light', 375],
] as const

describe('Pictures of every page', function () {
  this.timeout(300_000)
  let world: World
  before(function () {
    if (!process.env['SCREENSHOTS']) skip(this, 'taken with SCREENSHOTS=1 only')
  })
  // A new one each time: so many device codes from one address are too many.
  beforeEach(async () => {
    world = await startWorld()
  })
  const test = browserTests()
  afterEach(() => world?.stop())

  for (const [locale, colorScheme, width] of LOOKS) {
    test(`in ${locale}, ${colorScheme}, ${width} pixels wide`, async (newVisitor) => {
      const page = await newVisitor({ locale, colorScheme, width, height: 800 })
      await visitEveryPage(world, page, async (at, name) => {
        await screenshot(at, `${locale}-${colorScheme}-${width}/${name}`)
      })
    })
  }
})
