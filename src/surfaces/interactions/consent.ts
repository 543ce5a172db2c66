import type { Context } from 'koa'
import { z } from 'zod'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { grantConsent, grantOnce } from '../../domain/clients/grant_consent.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { askedOf } from './asked.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { finish, type Interaction, InteractionLost, loadInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/** Who asks for what, and the person's answer. Only what the request asked for can be allowed. */

const consentForm = z.object({ csrf: z.string().max(200) })

export async function showConsent(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  if (interaction.next.step !== 'consent') return seeOther(ctx, `/interaction/${interaction.uid}`)
  deps.pages.send(ctx, 'interactions/consent', await localsOf(deps, ctx, interaction))
}

export async function allowConsent(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid, accountId, client, missing } = interaction
  const form = parseForm(consentForm, await readForm(ctx))
  checkForm(deps, interaction, [uid, accountId ?? ''], form.csrf)
  if (interaction.next.step !== 'consent' || !accountId || !missing) {
    return goOn(deps, ctx, interaction, `/interaction/${uid}`)
  }
  const grant = client['origin'] === 'document' ? grantOnce : grantConsent
  await grant(deps, {
    accountId,
    clientId: client.clientId,
    granted: interaction.requested,
    detailsTypes: interaction.authorizationDetails.map(({ type }) => type),
    origin: originOf(ctx),
  })
  goOn(
    deps,
    ctx,
    interaction,
    await finish(deps, ctx, interaction, { consented: interaction.requested }),
  )
}

async function localsOf(
  deps: InteractionDeps,
  ctx: Context,
  { uid, accountId, client, missing, authorizationDetails }: Interaction,
): Promise<Views['interactions/consent']> {
  const account = accountId ? await findAccountById(deps.db, accountId) : undefined
  if (!account || !missing) throw new InteractionLost(uid)
  const asked = await askedOf(deps, missing, authorizationDetails, deps.pages.localeOf(ctx))
  if (!asked) throw new InteractionLost(uid)
  const path = `/interaction/${uid}`
  return {
    client: {
      ...clientViewOf(client),
      policyUri: client.policyUri,
      tosUri: client.tosUri,
      unverified: client['origin'] !== 'operator',
      describedAt: client['origin'] === 'document' ? client.clientId : undefined,
    },
    account: accountViewOf(account),
    ...asked,
    action: `${path}/consent`,
    cancelAction: `${path}/cancel`,
    switchUri: `${path}/login`,
    csrf: issueCsrf(csrfKey(deps), [uid, account.id]),
  }
}
