import { createLegacyHook } from '../domain/authentication/legacy_hook.ts'
import type { LegacyMigration } from '../domain/authentication/migrate_legacy_account.ts'
import type { Parts } from './compose.ts'

/** The system that people come over from, where the deployment names one. */
export function legacySignIn({ config, outbound, clock, log }: Parts): LegacyMigration | undefined {
  const { legacyHook: url, legacyHookSecret } = config.signIn
  if (url === undefined) return undefined
  const { request } = outbound
  // `contradictions.ts` has seen to it that the secret is there.
  return { system: createLegacyHook({ request, clock, url, secret: legacyHookSecret! }), log }
}
