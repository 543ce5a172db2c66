import { chromium } from 'playwright-core'
import type { Camera } from './assist.ts'

/** A Chromium of this machine. Each picture is of a browser that nobody has signed in with. */
export async function openCamera(executablePath: string): Promise<Camera> {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  return {
    async photograph(url) {
      const context = await browser.newContext({ ignoreHTTPSErrors: true })
      try {
        const page = await context.newPage()
        await page.goto(url, { waitUntil: 'load' })
        return await page.screenshot({ fullPage: true })
      } finally {
        await context.close()
      }
    },
    close: () => browser.close(),
  }
}
