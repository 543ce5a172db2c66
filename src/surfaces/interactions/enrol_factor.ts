import type { Context } from 'koa'
import { z } from 'zod'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { enrolTotpWithinSignIn } from '../../domain/authentication/enrol_within_sign_in.ts'
import { ensureRecoveryCodes } from '../../domain/credentials/recovery_codes/generate_recovery_codes.ts'
import { showTotpEnrolment } from '../../domain/credentials/totp/enrol_totp.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { qrCodeOf } from '../../web/qr_code.ts'
import { goOn, seeOther } from './dispatch.ts'
import { type Interaction, InteractionLost, loadInteraction } from './interaction.ts'
import { checkForm, csrfKey } from './login.ts'
import type { InteractionDeps } from './mount.ts'

/** Setting up an authenticator where a second factor is asked for and the person has none yet. */

const enrolmentForm = z.object({
  csrf: z.string().max(200),
  code: z.string().max(20).default(''),
})

type EnrolmentError = Views['interactions/enrol_totp']['error']

export async function showEnrolment(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid, next } = interaction
  if (next.step !== 'enrol_factor') return seeOther(ctx, `/interaction/${uid}`)
  await send(deps, ctx, interaction)
}

export async function confirmEnrolment(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf, code } = parseForm(enrolmentForm, await readForm(ctx))
  const { uid, client, proven, next } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  if (next.step !== 'enrol_factor' || !proven) {
    return goOn(deps, ctx, interaction, `/interaction/${uid}`)
  }
  const result = await enrolTotpWithinSignIn(deps, {
    interactionUid: uid,
    clientId: client.clientId,
    base: proven,
    code,
    origin: originOf(ctx),
  })
  if (result.kind === 'refused') {
    const error = code.trim() === '' ? 'missing_code' : result.reason
    return await send(deps, ctx, interaction, error, 422)
  }
  await showRecoveryCodes(deps, ctx, interaction, proven.accountId)
}

/** Once, and only where there are none that could still be used. */
async function showRecoveryCodes(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  accountId: string,
): Promise<void> {
  const continueUri = `/interaction/${interaction.uid}`
  const codes = await ensureRecoveryCodes(deps, accountId, originOf(ctx))
  if (!codes) return goOn(deps, ctx, interaction, continueUri)
  const client = clientViewOf(interaction.client)
  deps.pages.send(ctx, 'interactions/recovery_codes', { client, codes, continueUri })
}

async function send(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  error?: EnrolmentError,
  status = 200,
): Promise<void> {
  const { uid, client, proven } = interaction
  const account = proven && (await findAccountById(deps.db, proven.accountId))
  if (!account) throw new InteractionLost(uid)
  const { uri, key } = await showTotpEnrolment(deps, account, deps.brandName)
  const path = `/interaction/${uid}`
  deps.pages.send(
    ctx,
    'interactions/enrol_totp',
    {
      client: clientViewOf(client),
      action: `${path}/enrol_factor`,
      cancelAction: `${path}/cancel`,
      csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
      cancelCsrf: issueCsrf(csrfKey(deps), [uid]),
      qrCode: qrCodeOf(uri),
      secret: key,
      error,
    },
    status,
  )
}

function bindingsOf({ uid, proven }: Interaction): string[] {
  return [uid, 'enrol', proven?.accountId ?? '']
}
