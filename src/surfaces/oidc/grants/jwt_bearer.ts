import type Provider from 'oidc-provider'
import { type AccessToken, errors } from 'oidc-provider'
import type { Account } from '../../../domain/accounts/account.ts'
import { findAccountByIdentifier } from '../../../domain/accounts/account_store.ts'
import { canonicalEmail, canonicalUsername } from '../../../domain/accounts/identifier.ts'
import type { AssertionIssuer } from '../../../domain/clients/client_metadata.ts'
import type { Db } from '../../../platform/persistence/db.ts'
import { loadAccount } from '../find_account.ts'
import { grantHelpers } from '../internals.ts'
import type { Assertion, AssertionVerifier } from './assertion.ts'
import { answerWith, askedScopes, bindToken, type GrantContext, targetOf } from './issue_token.ts'

/**
 * The JWT bearer grant (RFC 7523 §2.1): somebody whom the operator trusts says that a person may be
 * acted for, and the client gets a token for them at an API of its own. Nobody is made by it: the
 * person must have an account. The token has a grant that ends with it, so that whatever ends the
 * access of an account or a client ends this too.
 */

export type JwtBearerDeps = { db: Db; verifyAssertion: AssertionVerifier }

export const JWT_BEARER_PARAMETERS = ['assertion', 'resource', 'scope']

export function createJwtBearer(provider: Provider, deps: JwtBearerDeps) {
  const helpers = grantHelpers(provider)
  return async (ctx: GrantContext): Promise<void> => {
    const target = await targetOf(helpers, ctx)
    const scope = askedScopes(ctx, target.scopes)?.join(' ')
    const assertion = await verified(deps, ctx)
    const account = await accountOf(deps.db, assertion)
    if (account?.status !== 'active') throw refusal('it names no active account')
    const token = new provider.AccessToken({
      accountId: account.id,
      client: ctx.oidc.client,
      gty: 'jwt_bearer',
      resourceServer: target,
      scope,
    } as ConstructorParameters<typeof AccessToken>[0])
    await bindToken(helpers, ctx, token)
    await assertUnused(provider, assertion)
    token.grantId = await saveGrantOf(provider, token)
    await answerWith(helpers, ctx, token)
  }
}

async function saveGrantOf(provider: Provider, token: AccessToken): Promise<string> {
  const { accountId, clientId, expiration: expiresIn, scope, aud } = token
  const grant = new provider.Grant({ accountId, clientId, expiresIn } as object)
  if (scope) grant.addResourceScope(String(aud), scope)
  return await grant.save()
}

function refusal(reason: string): Error {
  return new errors.InvalidGrant(`assertion: ${reason}`)
}

async function verified(
  { verifyAssertion }: JwtBearerDeps,
  { oidc: { client, params } }: GrantContext,
): Promise<Assertion> {
  const { assertion } = params
  if (!assertion) throw new errors.InvalidRequest('missing required parameter(s): assertion')
  const trusted = (client['assertion_issuers'] as AssertionIssuer[] | undefined) ?? []
  try {
    return await verifyAssertion(String(assertion), trusted)
  } catch (error) {
    throw refusal((error as Error).message)
  }
}

/** Last of all: what is refused for another reason may be tried again. */
async function assertUnused(provider: Provider, { trusted, jti, exp }: Assertion): Promise<void> {
  const { ReplayDetection } = provider as unknown as {
    ReplayDetection: { unique(issuer: string, jti: string, exp: number): Promise<boolean> }
  }
  // Apart from the ids of client assertions and proofs, which go by client_id.
  if (!(await ReplayDetection.unique(`jwt-bearer:${trusted.issuer}`, jti, exp))) {
    throw refusal('it was used before')
  }
}

async function accountOf(db: Db, { trusted, sub }: Assertion): Promise<Account | undefined> {
  switch (trusted.subject) {
    case 'account_id':
      return await loadAccount(db, sub)
    case 'username':
      return await accountNamed(db, 'username', canonicalUsername(sub))
    case 'email': {
      // Who has not shown that an address is theirs is not who it names.
      const account = await accountNamed(db, 'email', canonicalEmail(sub))
      return account?.emailVerified ? account : undefined
    }
  }
}

async function accountNamed(
  db: Db,
  kind: 'username' | 'email',
  canonical: string | undefined,
): Promise<Account | undefined> {
  return canonical === undefined
    ? undefined
    : await findAccountByIdentifier(db, { kind, canonical })
}
