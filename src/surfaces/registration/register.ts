import type { Context } from 'koa'
import { DomainError } from '../../core/errors.ts'
import type { ClientPreset } from '../../domain/clients/client_presets.ts'
import { registerClient } from '../../domain/clients/registration/register_client.ts'
import {
  hashRegistrationToken,
  type RegistrationToken,
} from '../../domain/clients/registration/registration_token.ts'
import { findRegistrationToken } from '../../domain/clients/registration/registration_token_store.ts'
import { ipKeys } from '../../domain/security/ip_key.ts'
import { originOf } from '../../web/origin.ts'
import { accept } from './accept.ts'
import type { RegistrationDeps } from './mount.ts'
import { present } from './present.ts'
import { bearerOf, countingWrongTokens, countOrRefuse, readDescription } from './request.ts'

/** `POST /register` (RFC 7591 §3). */
export async function register(deps: RegistrationDeps, ctx: Context): Promise<void> {
  await countOrRefuse(deps, [
    { limit: 'registration_ip', key: ipKeys(ctx.state.clientIp).narrow },
    ...(deps.mode === 'open' ? [{ limit: 'registration_global', key: 'all' } as const] : []),
  ])
  const registered = await countingWrongTokens(deps, ctx, async () => {
    const token = await admit(deps, ctx)
    const presets = allowedPresets(deps, token?.presets ?? deps.presets)
    const chosen = accept(deps, await readDescription(ctx), presets)
    return await registerClient(deps, { chosen, presets, token, origin: originOf(ctx) })
  })
  ctx.status = 201
  ctx.body = present(deps.issuer, registered)
}

/** An initial access token that is shown has to be right, also where none is wanted. */
async function admit(
  { db, keyring, clock, mode }: RegistrationDeps,
  ctx: Context,
): Promise<RegistrationToken | undefined> {
  const shown = bearerOf(ctx)
  if (shown === undefined && mode === 'open') return undefined
  const hash = shown === undefined ? undefined : hashRegistrationToken(keyring, shown)
  const token = hash && (await findRegistrationToken(db, hash, clock.now()))
  if (token) return token
  throw new DomainError(
    'unauthenticated',
    shown === undefined
      ? 'Registering here wants an initial access token.'
      : 'The initial access token is wrong, used up or expired.',
  )
}

/** `legacy` is allowed by a setting of its own. */
export function allowedPresets(
  { legacyClients }: Pick<RegistrationDeps, 'legacyClients'>,
  presets: readonly ClientPreset[],
): ClientPreset[] {
  return presets.filter((preset) => preset !== 'legacy' || legacyClients)
}
