import type { Context } from 'koa'
import { DomainError } from '../../core/errors.ts'
import { deleteClient } from '../../domain/clients/block_client.ts'
import type { Client } from '../../domain/clients/client.ts'
import { matchesClientSecret } from '../../domain/clients/client_secret.ts'
import {
  authenticateRegistration,
  type Managed,
  replaceRegistration,
} from '../../domain/clients/registration/manage_registration.ts'
import { BY_REGISTRATION } from '../../domain/clients/registration/register_client.ts'
import { RegistrationRefused } from '../../domain/clients/registration/registered_metadata.ts'
import { originOf } from '../../web/origin.ts'
import { accept } from './accept.ts'
import type { RegistrationDeps } from './mount.ts'
import { present } from './present.ts'
import { allowedPresets } from './register.ts'
import { bearerOf, countingWrongTokens, readDescription } from './request.ts'

/** `GET`, `PUT` and `DELETE /register/:client_id` (RFC 7592 §2). */

export async function readRegistration(deps: RegistrationDeps, ctx: Context): Promise<void> {
  const { client, accessToken } = await authenticate(deps, ctx)
  ctx.body = present(deps.issuer, { client, accessToken })
}

export async function updateRegistration(deps: RegistrationDeps, ctx: Context): Promise<void> {
  const { client, presets, accessToken } = await authenticate(deps, ctx)
  const description = await readDescription(ctx)
  refuseForeignIdentity(deps, client, description)
  const allowed = allowedPresets(deps, ownFirst(client, presets))
  const chosen = accept(deps, description, allowed)
  const updated = await replaceRegistration(deps, client.clientId, chosen, deps.endCodes)
  // Before the answer: whoever has read it may count on it.
  deps.clients.invalidate(client.clientId)
  ctx.body = present(deps.issuer, { ...updated, accessToken })
}

export async function deleteRegistration(deps: RegistrationDeps, ctx: Context): Promise<void> {
  const { client } = await authenticate(deps, ctx)
  const { endAccess } = deps
  await deleteClient(deps, client.clientId, { by: BY_REGISTRATION, endAccess })
  deps.clients.invalidate(client.clientId)
  ctx.status = 204
}

async function authenticate(
  deps: RegistrationDeps,
  ctx: Context,
): Promise<Managed & { accessToken: string }> {
  return await countingWrongTokens(deps, ctx, async () => {
    const token = bearerOf(ctx)
    if (token === undefined) {
      throw new DomainError('unauthenticated', 'The registration access token is missing.')
    }
    const clientId = String(ctx['params'].client_id)
    const managed = await authenticateRegistration(deps, { clientId, token, origin: originOf(ctx) })
    return { ...managed, accessToken: token }
  })
}

/** What it is stays what it is where that will do. */
function ownFirst({ preset }: Client, presets: Managed['presets']): Managed['presets'] {
  return preset ? [preset, ...presets.filter((each) => each !== preset)] : presets
}

/** RFC 7592 §2.2: of these a client cannot choose others. */
const OURS = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
]

function refuseForeignIdentity(
  { keyring, clock }: RegistrationDeps,
  client: Client,
  description: Record<string, unknown>,
): void {
  const { client_id: clientId, client_secret: secret } = description
  const set = OURS.find((member) => Object.hasOwn(description, member))
  if (set) throw refused(`${set} cannot be changed.`)
  if (clientId !== client.clientId) throw refused('client_id must be that of the client.')
  const own =
    typeof secret === 'string' && matchesClientSecret(keyring, client, secret, clock.now())
  if (secret !== undefined && !own) throw refused('client_secret must be that of the client.')
}

function refused(description: string): RegistrationRefused {
  return new RegistrationRefused('invalid_client_metadata', description)
}
