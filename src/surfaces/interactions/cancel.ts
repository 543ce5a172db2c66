import type { Context } from 'koa'
import { z } from 'zod'
import { consentDenied } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { goOn } from './dispatch.ts'
import { checkForm } from './form_token.ts'
import { finish, loadInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/** "Not now": back to the client with `access_denied` (RFC 6749 §4.1.2.1). */

const cancelForm = z.object({ csrf: z.string().max(200) })

export async function cancel(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid, accountId, client } = interaction
  const { csrf } = parseForm(cancelForm, await readForm(ctx))
  // The consent page binds its token to the account it shows, the others to the request alone.
  const bindings = interaction.next.step === 'consent' && accountId ? [uid, accountId] : [uid]
  checkForm(deps, interaction, bindings, csrf)
  await appendEvent(
    deps.db,
    consentDenied({ accountId, clientId: client.clientId, ...originOf(ctx) }),
  )
  const error = { error: 'access_denied', error_description: 'the person did not go on' }
  goOn(deps, ctx, interaction, await finish(deps, ctx, interaction, { error }))
}
