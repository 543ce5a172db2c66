import { expect } from 'chai'
import { createMessageRenderer } from '../../src/domain/messaging/render_message.ts'
import { createRenderer } from '../../src/platform/templating/strict_eta.ts'
import { allMessages } from '../domain/messaging/sample_messages.ts'
import { axe, screenshot } from '../support/chromium.ts'
import { catalogue, viewsDir } from '../views/render.ts'
import { overflow } from './every_page.ts'
import { browserTests } from './visitor.ts'

/** Mails as a mail program with a browser's engine shows them. */
describe('Mails', function () {
  this.timeout(120_000)
  const test = browserTests()
  const renderer = createRenderer({ viewsDir, locales: catalogue, brand: { name: 'Lantern' } })
  const render = createMessageRenderer({ renderer, issuer: 'https://login.example.test' })
  const mails = allMessages().filter(({ channel }) => channel === 'email')
  // The last of each kind is the fullest.
  const samples = [...new Map(mails.map((sample) => [sample.kind, sample])).values()]

  for (const locale of ['en', 'ar'] as const) {
    test(`pass WCAG 2.2 AA in light and dark and fit 320 pixels (${locale})`, async (newVisitor) => {
      const page = await newVisitor({ width: 375, height: 800 })
      const faults: string[] = []
      for (const sample of samples) {
        const mail = render({ ...sample, locale })
        if (mail.channel !== 'email') throw new Error('not a mail')
        await page.setContent(mail.html)
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme })
          const name = `${sample.kind} ${locale} ${colorScheme}`
          faults.push(...(await axe(page)).map((fault) => `${name}: ${fault}`))
          if (process.env['SCREENSHOTS']) {
            await screenshot(page, `mails/${locale}-${colorScheme}/${sample.kind}`)
          }
        }
        faults.push(...(await overflow(page, `${sample.kind} ${locale}`)))
      }
      expect(samples.length).to.be.above(10)
      expect(faults).to.deep.equal([])
    })
  }
})
