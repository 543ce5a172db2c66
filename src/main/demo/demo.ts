import { readableSecret } from '../../core/secrets.ts'
import type { Parts } from '../compose.ts'
import { type DemoRelyingParty, startRelyingParty } from './relying_party.ts'
import { seedDemo } from './seed.ts'
import { printWelcome } from './welcome.ts'

/**
 * What a first start brings along so that there is something to see: an account, two clients, an
 * API, and a small application that signs in with us. None of it exists in production.
 */
export type Demonstration = { welcome(): void; stop(): Promise<void> }

export async function startDemo(parts: Parts): Promise<Demonstration> {
  const { config } = parts
  const secrets = await seedDemo(parts, readableSecret)
  let application: DemoRelyingParty | undefined
  try {
    application = await startRelyingParty({
      issuer: config.server.issuer,
      port: config.demo.port,
      log: parts.log,
    })
  } catch (error) {
    parts.log.warn(
      { err: error, port: config.demo.port },
      'the demonstration application cannot start',
    )
  }
  return {
    welcome: () => printWelcome({ config, secrets, applicationUri: application?.uri }),
    stop: async () => await application?.stop(),
  }
}
