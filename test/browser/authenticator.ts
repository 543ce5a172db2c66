import type { Page } from 'playwright-core'

/** The passkeys of a device that does not exist (WebAuthn L3 §11), driven over DevTools. */
export type Authenticator = {
  /** Whether somebody touches it when it asks. */
  present(touched: boolean): Promise<void>
  /** Whether that somebody is its owner. */
  verify(owner: boolean): Promise<void>
  /** The device is taken away, with what it holds. */
  remove(): Promise<void>
}

export async function addAuthenticator(page: Page): Promise<Authenticator> {
  const devTools = await page.context().newCDPSession(page)
  await devTools.send('WebAuthn.enable')
  const { authenticatorId } = await devTools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return {
    async present(enabled) {
      await devTools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled })
    },
    async remove() {
      await devTools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId })
    },
    async verify(isUserVerified) {
      await devTools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified })
    },
  }
}
