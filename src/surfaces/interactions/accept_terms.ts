import type { Context } from 'koa'
import { z } from 'zod'
import { acceptTerms, type Terms } from '../../domain/authentication/terms.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, loadInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/** The terms of the deployment, for whoever has not accepted them as they are now. */

const termsForm = z.object({ csrf: z.string().max(200), version: z.string().max(100).default('') })

export async function showTerms(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { terms } = deps
  if (interaction.next.step !== 'accept_terms' || !terms) {
    return seeOther(ctx, `/interaction/${interaction.uid}`)
  }
  sendTerms(deps, ctx, interaction, terms)
}

export async function submitTerms(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf, version } = parseForm(termsForm, await readForm(ctx))
  const { uid, accountId, next } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  // What was on the page is what was accepted: a page of an older version is followed by the new one.
  if (next.step === 'accept_terms' && accountId && version === deps.terms?.version) {
    await acceptTerms(deps, { accountId, version, origin: originOf(ctx) })
  }
  goOn(deps, ctx, interaction, `/interaction/${uid}`)
}

function sendTerms(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { uri: termsUri, version }: Terms,
): void {
  const { uid, client } = interaction
  const path = `/interaction/${uid}`
  deps.pages.send(ctx, 'interactions/terms', {
    client: clientViewOf(client),
    termsUri,
    version,
    action: `${path}/accept_terms`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    cancelAction: `${path}/cancel`,
    cancelCsrf: issueCsrf(csrfKey(deps), [uid]),
  })
}

/** Nobody accepts for somebody else who signs in meanwhile. */
function bindingsOf({ uid, accountId }: Interaction): string[] {
  return [uid, 'terms', accountId ?? '']
}
