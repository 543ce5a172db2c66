import { createRequire } from 'node:module'

/** What a User-Agent header says of itself: the words people know their devices by. */
export type DeviceName = { browser?: string | undefined; system?: string | undefined }

const LENGTH_MAX = 400

/** Never a proof of anything: whoever sends the header writes it. */
export function deviceNameOf(userAgent: string | undefined): DeviceName {
  if (!userAgent) return {}
  const { browser, os } = parser().parse(userAgent.slice(0, LENGTH_MAX))
  return { browser: browser.name, system: os.name }
}

/** The same in one line, for where no template stands; `?` where nothing is known. */
export function deviceWordsOf(userAgent: string | undefined): string {
  const { browser, system } = deviceNameOf(userAgent)
  return [browser, system].filter(Boolean).join(', ') || '?'
}

/** What a new passkey is called unless its owner knows better; may be empty. */
export function systemNameOf(userAgent: string | undefined): string {
  return deviceNameOf(userAgent).system ?? ''
}

/** Loaded at first use: few processes ever show a device. */
function parser(): typeof import('bowser') {
  return createRequire(import.meta.url)('bowser') as typeof import('bowser')
}
