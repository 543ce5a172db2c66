import type { Context } from 'koa'
import { z } from 'zod'
import { signInWithPasskey } from '../../domain/authentication/sign_in_with_passkey.ts'
import { CREDENTIAL_JSON_MAX } from '../../domain/credentials/webauthn/webauthn.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { assertMayTryPasskey, refundPasskeyTry } from './code_limits.ts'
import { goOn } from './dispatch.ts'
import { checkForm } from './form_token.ts'
import { loadInteraction, loginHint } from './interaction.ts'
import { knownAccountsOf } from './known_device.ts'
import { sendLogin } from './login.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * Signing in with a passkey. A script of the page asks the browser for it and sends what it gets as
 * a form like any other; where there is no script, or no passkey, the page works without.
 */

const passkeyForm = z.object({
  csrf: z.string().max(200),
  credential: z.string().max(CREDENTIAL_JSON_MAX),
  remember: z.enum(['yes', '']).optional(),
})

export async function submitPasskey(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(passkeyForm, await readForm(ctx))
  const { uid, client } = interaction
  checkForm(deps, interaction, [uid], form.csrf)
  await assertMayTryPasskey(deps, ctx)
  const { relyingParty } = deps
  const remember = form.remember === 'yes'
  const result = relyingParty
    ? await signInWithPasskey(
        { ...deps, relyingParty },
        {
          response: form.credential,
          interactionUid: uid,
          clientId: client.clientId,
          remember,
          deviceKnownFor: knownAccountsOf(deps, ctx),
          origin: originOf(ctx),
        },
      )
    : { kind: 'refused' }
  if (result.kind === 'signed_in') {
    await refundPasskeyTry(deps, ctx)
    return goOn(deps, ctx, interaction, `/interaction/${uid}`)
  }
  deps.onSignIn?.('failed')
  const filled = { login: loginHint(interaction), remember, error: 'passkey_refused' } as const
  await sendLogin(deps, ctx, interaction, filled, 422)
}
