import { type Client, type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider'
import { findAccountByIdentifier } from '../../../domain/accounts/account_store.ts'
import { classifyIdentifier } from '../../../domain/accounts/identifier.ts'
import type { LimitName } from '../../../domain/security/limits.ts'
import type { RateLimits } from '../../../domain/security/rate_limit.ts'
import { approvalRequested } from '../../../platform/events/catalogue.ts'
import type { Db } from '../../../platform/persistence/db.ts'
import { originOf } from '../../../web/origin.ts'
import { currentUnitOfWork } from '../adapters/unit_of_work.ts'
import { canBeStrongEnough } from '../step_up.ts'

/**
 * Asking a person for approval on another device (OpenID Connect CIBA Core 1.0 §7). A client that
 * proved who it is names somebody; we note the request, and a message tells them of it. The answer is
 * given on the page of `approvals.ts`, never here. What was decided and why: docs/decisions/0016.
 */

type Deps = { db: Db; limits: RateLimits }
type Feature = NonNullable<NonNullable<Configuration['features']>['ciba']>

export function createBackchannelAuthentication(deps: Deps, enabled: boolean): Feature {
  return {
    enabled,
    deliveryModes: ['poll', 'ping'],
    processLoginHint: (ctx: KoaContextWithOIDC, hint?: string) => accountOf(deps, ctx, hint ?? ''),
    processLoginHintToken() {
      throw new errors.InvalidRequest('login_hint_token is not supported, use login_hint')
    },
    // Of the documented hooks the last one before the request is stored, however it names the person.
    async verifyUserCode(
      ctx: KoaContextWithOIDC,
      { accountId }: { accountId: string },
      userCode?: string,
    ) {
      if (userCode !== undefined) throw new errors.InvalidRequest('user_code is not supported')
      if (!canBeStrongEnough(ctx.oidc.params, ctx.oidc.client, ctx.oidc.provider)) {
        throw new errors.InvalidRequest('none of the requested ACRs can be obtained')
      }
      await countRequest(deps.limits, ctx, accountId)
    },
    validateBindingMessage(_ctx: unknown, message?: string) {
      if (message !== undefined && !BINDING_MESSAGE.test(message)) {
        throw new errors.InvalidBindingMessage(
          'binding_message must be one line of at most 100 characters',
        )
      }
    },
    // FAPI-CIBA §5.2.2: for policies that weigh where the person is; we have none.
    validateRequestContext() {},
    triggerAuthenticationDevice(
      ctx: KoaContextWithOIDC,
      _request: unknown,
      { accountId }: { accountId: string },
      { clientId }: Client,
    ) {
      // In the statement that stores the request; the message comes from the event.
      currentUnitOfWork()?.record(approvalRequested({ accountId, clientId, ...originOf(ctx) }))
    },
  } as unknown as Feature
}

/** No control characters, nothing that cannot be seen, nothing that turns the text around it. */
const BINDING_MESSAGE =
  /^(?! )[^\p{Cc}\p{Zl}\p{Zp}\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]{1,100}(?<! )$/u

/** Whoever tries names until one is known does so in the open, and not often. */
async function accountOf(
  { db, limits }: Deps,
  ctx: KoaContextWithOIDC,
  hint: string,
): Promise<string | undefined> {
  const { clientId } = ctx.oidc.client!
  const blockedS = limits.peekBlocked('ciba_unknown_client', clientId)
  if (blockedS > 0) throw tooMany(ctx, blockedS)
  const identifier = classifyIdentifier(hint)
  const account = identifier && (await findAccountByIdentifier(db, identifier))
  if (account?.status === 'active') return account.id
  await limits.consume('ciba_unknown_client', clientId)
  return undefined
}

/** Nobody is asked until they give in: so often by one application, so often by all of them. */
async function countRequest(
  limits: RateLimits,
  ctx: KoaContextWithOIDC,
  accountId: string,
): Promise<void> {
  const verdict = await limits.consumeAll(limitsOf(ctx.oidc.client!.clientId, accountId))
  if (!verdict.allowed) throw tooMany(ctx, verdict.retryAfterS)
}

export function limitsOf(clientId: string, accountId: string): { limit: LimitName; key: string }[] {
  return [
    { limit: 'ciba_account_client', key: `${clientId} ${accountId}` },
    { limit: 'ciba_account', key: accountId },
  ]
}

/** The specification has no word for it; OAuth clients understand the status and Retry-After. */
function tooMany(ctx: KoaContextWithOIDC, retryAfterS: number): Error {
  ctx.set('Retry-After', String(Math.ceil(retryAfterS)))
  const error = new errors.CustomOIDCProviderError(
    'temporarily_unavailable',
    'too many requests, try again later',
  )
  return Object.assign(error, { status: 429, statusCode: 429 })
}
