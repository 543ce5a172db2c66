import { z } from 'zod'
import { messagingSection } from './sections/messaging.ts'
import { mutualTlsSection } from './sections/mutual_tls.ts'
import { passkeysSection } from './sections/passkeys.ts'
import { passwordsSection } from './sections/passwords.ts'
import { brandSection, demoSection } from './sections/presentation.ts'
import { protocolsSection } from './sections/protocols.ts'
import { riskSection } from './sections/risk.ts'
import { securitySection } from './sections/security.ts'
import { serverSection } from './sections/server.ts'
import { signInSection } from './sections/sign_in.ts'
import { storageSection } from './sections/storage.ts'
import { tokensSection } from './sections/tokens.ts'

/** The whole configuration as it is written: in the environment, or by section in a file. */
export const configSchema = z.strictObject({
  server: serverSection.prefault({}),
  storage: storageSection.prefault({}),
  security: securitySection.prefault({}),
  signIn: signInSection.prefault({}),
  risk: riskSection.prefault({}),
  passkeys: passkeysSection.prefault({}),
  passwords: passwordsSection.prefault({}),
  tokens: tokensSection.prefault({}),
  protocols: protocolsSection.prefault({}),
  mutualTls: mutualTlsSection.prefault({}),
  messaging: messagingSection.prefault({}),
  brand: brandSection.prefault({}),
  demo: demoSection.prefault({}),
})

type Written = z.output<typeof configSchema>

export type Environment = 'production' | 'development' | 'test'
export type NamedKey = { id: string; key: Buffer }

/** The configuration in force: what was not written is decided, nothing is optional by accident. */
export type Config = {
  readonly environment: Environment
  readonly server: Written['server'] & {
    issuer: string
    host: string
    logPretty: boolean
    drainDelayS: number
  }
  readonly storage: Written['storage']
  readonly security: Written['security'] & {
    encryptionKeys: NamedKey[]
    hashKey: Buffer
    cookieKeys: Buffer[]
  }
  readonly signIn: Written['signIn'] & { signUp: 'closed' | 'invite' | 'open' }
  readonly risk: Written['risk']
  readonly passkeys: Written['passkeys']
  readonly passwords: Written['passwords'] & { minLength: number }
  readonly tokens: Written['tokens']
  readonly protocols: Written['protocols']
  readonly mutualTls: Written['mutualTls']
  readonly messaging: Written['messaging']
  readonly brand: Written['brand']
  readonly demo: Written['demo'] & { enabled: boolean }
}

/** The configuration before the secrets that a first start may make are there. */
export type ConfigBeforeSecrets = Omit<Config, 'security'> & {
  readonly security: Written['security']
}
