import type { Context } from 'koa'
import type { Fault } from '../../domain/accounts/profile/attribute.ts'
import { viewsOf } from '../../domain/accounts/profile/profile_field_views.ts'
import { readFields, type Typed, typedOf } from '../../domain/accounts/profile/profile_fields.ts'
import { completeProfile } from '../../domain/authentication/ask_profile.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { PROFILE_FORM_FIELDS, profileForm } from '../../web/profile_form.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, loadInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/** What the deployment wants to know of the person and does not know yet. */

export async function showProfileStep(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid, next, person } = interaction
  if (next.step !== 'complete_profile' || !person) return seeOther(ctx, `/interaction/${uid}`)
  sendProfile(deps, ctx, interaction, { typed: typedOf(person.missing, person.account) })
}

export async function submitProfileStep(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  // Which fields there are may have changed since the page was made: what is not there is empty.
  const { csrf, ...typed } = parseForm(profileForm([]), await readForm(ctx, PROFILE_FORM_FIELDS))
  const { uid, next, person } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  if (next.step === 'complete_profile' && person) {
    const { account, missing } = person
    const { change, faults } = readFields(deps.profile, missing, typed, account.claims)
    if (faults.size > 0) return sendProfile(deps, ctx, interaction, { typed, faults }, 422)
    await completeProfile(deps, { accountId: account.id, change, origin: originOf(ctx) })
  }
  goOn(deps, ctx, interaction, `/interaction/${uid}`)
}

/** "Not now": only where nothing of it is needed. */
export async function postponeProfileStep(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf } = parseForm(profileForm([]), await readForm(ctx))
  const { uid, next, person } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  if (next.step === 'complete_profile' && person && canWait(interaction)) {
    const change = { claims: {}, attributes: {} }
    await completeProfile(deps, { accountId: person.account.id, change, origin: originOf(ctx) })
  }
  goOn(deps, ctx, interaction, `/interaction/${uid}`)
}

function canWait({ person }: Interaction): boolean {
  return person?.missing.every(({ required }) => !required) === true
}

function sendProfile(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { typed, faults }: { typed: Typed; faults?: ReadonlyMap<string, Fault> },
  status = 200,
): void {
  const { uid, client, person } = interaction
  const path = `/interaction/${uid}`
  const look = { typed, locale: deps.pages.localeOf(ctx), ...(faults ? { faults } : {}) }
  const isAddress = ({ kind }: { kind: string }) => kind === 'address'
  const missing = person?.missing ?? []
  const locals = {
    client: clientViewOf(client),
    action: `${path}/complete_profile`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    fields: viewsOf(
      missing.filter((field) => !isAddress(field)),
      look,
    ),
    addressFields: viewsOf(missing.filter(isAddress), look),
    postponeAction: canWait(interaction) ? `${path}/complete_profile/postpone` : undefined,
    cancelAction: `${path}/cancel`,
    cancelCsrf: issueCsrf(csrfKey(deps), [uid]),
    error: faults && ('invalid' as const),
  }
  deps.pages.send(ctx, 'interactions/complete_profile', locals, status)
}

/** Nobody answers for somebody else who signs in meanwhile. */
function bindingsOf({ uid, accountId }: Interaction): string[] {
  return [uid, 'complete_profile', accountId ?? '']
}
