import type { Context } from 'koa'
import {
  type AssertionUse,
  assertionOptions,
} from '../../domain/credentials/webauthn/verify_webauthn.ts'
import { allowOwnScripts } from '../../web/security_headers.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * What the page's script hands to the browser, as JSON; the page may load the script then. Undefined
 * where browsers make no passkeys for this deployment.
 */
export async function askForPasskey(
  { relyingParty, ...deps }: InteractionDeps,
  ctx: Context,
  use: AssertionUse,
): Promise<string | undefined> {
  if (!relyingParty) return undefined
  allowOwnScripts(ctx.res)
  return JSON.stringify(await assertionOptions({ ...deps, relyingParty }, use))
}
