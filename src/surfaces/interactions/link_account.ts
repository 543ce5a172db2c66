import type { Context } from 'koa'
import { z } from 'zod'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import {
  confirmLink,
  createForWaiting,
  dropWaitingPerson,
} from '../../domain/authentication/confirm_link.ts'
import { titleOf } from '../../domain/federation/connections.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, InteractionLost, loadInteraction } from './interaction.ts'
import { knownAccountsOf } from './known_device.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * Somebody came from a source and is nobody here yet. First they say whether they have an account; who
 * has one signs in to it as always, and then says that the two belong together.
 */

const linkForm = z.object({ csrf: z.string().max(200) })

export async function showLink(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid, client, attempt, waiting, next } = interaction
  if (next.step !== 'link_account' || !waiting) return seeOther(ctx, `/interaction/${uid}`)
  const account = attempt && (await findAccountById(deps.db, attempt.accountId))
  if (attempt && !account) throw new InteractionLost(uid)
  const path = `/interaction/${uid}`
  const { connection, person, mayCreate } = waiting
  const cancelCsrf = issueCsrf(csrfKey(deps), [uid])
  const csrf = issueCsrf(csrfKey(deps), bindingsOf(interaction))
  const common = {
    client: clientViewOf(client),
    source: titleOf(deps.connections, connection),
    shownAs: person.email ?? person.username,
    cancelAction: `${path}/cancel`,
  }
  if (account) {
    return deps.pages.send(ctx, 'interactions/confirm_link', {
      ...common,
      account: accountViewOf(account),
      action: `${path}/link_account`,
      skipAction: `${path}/link_account/skip`,
      csrf,
      cancelCsrf,
    })
  }
  deps.pages.send(ctx, 'interactions/link_account', {
    ...common,
    signInUri: `${path}/login`,
    create: mayCreate ? { action: `${path}/link_account/create`, csrf } : undefined,
    csrf: cancelCsrf,
  })
}

/** They belong together. */
export async function linkAccount(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await submitted(deps, ctx)
  const { uid, attempt, next } = interaction
  if (next.step === 'link_account' && attempt) {
    const { accountId } = attempt
    await confirmLink(deps, { interactionUid: uid, accountId, origin: originOf(ctx) })
  }
  goOn(deps, ctx, interaction, `/interaction/${uid}`)
}

/** They do not, or not now. */
export async function keepApart(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await submitted(deps, ctx)
  const { uid, next } = interaction
  if (next.step === 'link_account') await dropWaitingPerson(deps, uid)
  goOn(deps, ctx, interaction, `/interaction/${uid}`)
}

/** They have none here, and want one. */
export async function createOwnAccount(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await submitted(deps, ctx)
  const { uid, client, attempt, next } = interaction
  if (next.step === 'link_account' && !attempt) {
    await createForWaiting(deps, {
      interactionUid: uid,
      clientId: client.clientId,
      deviceKnownFor: knownAccountsOf(deps, ctx),
      origin: originOf(ctx),
    })
  }
  goOn(deps, ctx, interaction, `/interaction/${uid}`)
}

async function submitted(deps: InteractionDeps, ctx: Context): Promise<Interaction> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf } = parseForm(linkForm, await readForm(ctx))
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  return interaction
}

/** Of this person, and this account: neither is exchanged behind a page that somebody looks at. */
function bindingsOf({ uid, attempt, waiting }: Interaction): string[] {
  const subject = waiting ? `${waiting.connectionId}:${waiting.person.subject}` : ''
  return [uid, 'link_account', attempt?.accountId ?? '', subject]
}
