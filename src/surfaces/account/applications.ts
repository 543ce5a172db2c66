import type { Context } from 'koa'
import { z } from 'zod'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import type { Consent } from '../../domain/clients/consent.ts'
import { listConsentsOfAccount } from '../../domain/clients/consent_store.ts'
import { revokeConsent } from '../../domain/clients/grant_consent.ts'
import type { Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person } from './person.ts'

/** What applications may do with the account, and a way to take it from them. */

type Shown = Views['account/applications']['applications'][number]

const revokeForm = z.object({ csrf: z.string().max(200), client_id: z.string().max(400) })

export async function showApplications(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  await send(deps, ctx, person)
}

/** Its grants and tokens end with the consent, at introspection too. */
export async function revokeApplication(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, client_id: clientId } = parseForm(revokeForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  const { accountId } = person
  const parties = { accountId, clientId }
  const revoked = await revokeConsent(deps, parties, { by: 'owner', endAccess: deps.endGrants })
  await send(deps, ctx, person, revoked)
}

async function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  revoked?: boolean,
): Promise<void> {
  const consents = await listConsentsOfAccount(deps.db, person.accountId)
  deps.pages.send(ctx, 'account/applications', {
    page: 'applications',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    applications: await Promise.all(consents.map((consent) => shownOf(deps, consent))),
    revoked,
  })
}

async function shownOf(deps: AccountDeps, consent: Consent): Promise<Shown> {
  const { clientId, openidScopes, resourceScopes, grantedAt } = consent
  const client = await deps.clients.find(clientId)
  const logoUri = client?.metadata['logo_uri']
  return {
    clientId,
    name: client?.name ?? clientId,
    logoUri: typeof logoUri === 'string' ? logoUri : undefined,
    since: grantedAt.toISOString(),
    scopes: openidScopes
      .filter((name) => name !== 'openid' || openidScopes.length === 1)
      .map((name) => ({ name })),
    resources: await Promise.all(
      Object.entries(resourceScopes).map(async ([identifier, names]) => {
        const server = await deps.resourceServers.find(identifier)
        const described = new Map(server?.scopes.map((scope) => [scope.name, scope.description]))
        return {
          name: server?.name ?? identifier,
          scopes: names.map((name) => ({ name, description: described.get(name) })),
        }
      }),
    ),
  }
}
