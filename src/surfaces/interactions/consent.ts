import type { Context } from 'koa'
import { z } from 'zod'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import type { Requested } from '../../domain/clients/consent.ts'
import { showDetail } from '../../domain/clients/details_shown.ts'
import { grantConsent } from '../../domain/clients/grant_consent.ts'
import { listAuthorizationDetailsTypes } from '../../domain/clients/resource_server_store.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { goOn, seeOther } from './dispatch.ts'
import { finish, type Interaction, InteractionLost, loadInteraction } from './interaction.ts'
import { checkForm, csrfKey } from './login.ts'
import type { InteractionDeps } from './mount.ts'
import { originOf } from './origin.ts'

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
  await grantConsent(deps, {
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
    await finish(deps, interaction, { consented: interaction.requested }),
  )
}

async function localsOf(
  deps: InteractionDeps,
  ctx: Context,
  { uid, accountId, client, missing, authorizationDetails }: Interaction,
): Promise<Views['interactions/consent']> {
  const account = accountId ? await findAccountById(deps.db, accountId) : undefined
  if (!account || !missing) throw new InteractionLost(uid)
  const path = `/interaction/${uid}`
  return {
    client: { ...clientViewOf(client), policyUri: client.policyUri, tosUri: client.tosUri },
    account: {
      name: String(account.claims['name'] ?? account.username ?? account.email ?? ''),
      email: account.email,
    },
    scopes: scopesToName(missing).map((name) => ({ name })),
    resources: await resourcesOf(deps, missing.resourceScopes),
    details: await shownDetails(deps, authorizationDetails, deps.pages.localeOf(ctx), uid),
    action: `${path}/consent`,
    cancelAction: `${path}/cancel`,
    switchUri: `${path}/login`,
    csrf: issueCsrf(csrfKey(deps), [uid, account.id]),
  }
}

/** @throws InteractionLost where a type was deleted meanwhile: what nobody can read is not asked */
async function shownDetails(
  deps: InteractionDeps,
  details: Interaction['authorizationDetails'],
  locale: string,
  uid: string,
): Promise<Views['interactions/consent']['details']> {
  if (details.length === 0) return []
  const names = details.map(({ type }) => type)
  const types = await listAuthorizationDetailsTypes(deps.db, names)
  return await Promise.all(
    details.map(async (detail) => {
      const type = types.find((each) => each.type === detail.type)
      if (!type) throw new InteractionLost(uid)
      const server = await deps.resourceServers.find(type.resource)
      return { ...showDetail(detail, type, locale), resource: server?.name ?? type.resource }
    }),
  )
}

/** A claim that is asked for by itself is told as the scope that would release it. */
function scopesToName({ openidScopes, openidClaims }: Requested): string[] {
  const ofClaims = openidClaims.map((name) => /^(email|phone|address)/.exec(name)?.[1] ?? 'profile')
  const all = [...new Set([...openidScopes, ...ofClaims])]
  return all.filter((name) => name !== 'openid' || all.length === 1)
}

async function resourcesOf(
  deps: InteractionDeps,
  resourceScopes: Readonly<Record<string, readonly string[]>>,
): Promise<Views['interactions/consent']['resources']> {
  return await Promise.all(
    Object.entries(resourceScopes).map(async ([identifier, scopes]) => {
      const server = await deps.resourceServers.find(identifier)
      const described = new Map(server?.scopes.map((scope) => [scope.name, scope.description]))
      return {
        name: server?.name ?? identifier,
        scopes: scopes.map((name) => ({ name, description: described.get(name) })),
      }
    }),
  )
}
