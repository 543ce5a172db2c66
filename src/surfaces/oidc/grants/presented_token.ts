import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { isId } from '../../../core/ids.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import type { Db } from '../../../platform/persistence/db.ts'
import type { Codec } from '../adapters/codec.ts'
import { findJwtStanding } from '../adapters/replay_store.ts'
import { findSubjectOfClient, findSubjectOfGrant, type Subject } from '../adapters/subject_store.ts'
import { currentUnitOfWork } from '../adapters/unit_of_work.ts'
import { loadAccount } from '../find_account.ts'
import type { AccessTokenClaims, Actor, OwnTokens } from '../own_tokens.ts'
import { subjectFor } from '../pairwise.ts'

/**
 * A token that somebody presents to be exchanged, or to show who acts (RFC 8693 §2.1). Only what we
 * issued ourselves is taken, and only while everything stands behind it that stood there when it was
 * issued: not expired, not revoked, its client in use, its grant there, its account active.
 */

export const TOKEN_TYPE = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
} as const

export type PresentedToken = {
  /** Whom it names: an account, or for a service that acts for itself its client_id. */
  sub: string
  clientId: string
  /** The account behind it, with its grant; missing for a service. */
  account: { id: string; grantHash: Buffer } | undefined
  /** The API it is for; missing for ID tokens and tokens for UserInfo. */
  audience: string | undefined
  scopes: ReadonlySet<string>
  /** Epoch seconds. */
  exp: number
  /** RFC 7800: the key that whoever presents it must hold. */
  cnf: Record<string, unknown> | undefined
  act: Actor | undefined
  mayAct: Record<string, unknown> | undefined
  signIn: { acr?: string; amr?: string[]; auth_time?: number }
}

export type PresentedDeps = { db: Db; codec: Codec; keyring: Keyring; ownTokens: OwnTokens }
type Role = 'subject_token' | 'actor_token'
type Read = (
  deps: PresentedDeps,
  ctx: KoaContextWithOIDC,
  value: string,
) => Promise<PresentedToken | string>

const READERS: Readonly<Record<string, Read>> = {
  [TOKEN_TYPE.accessToken]: (deps, ctx, value) =>
    (value.includes('.') ? readJwt : readStored)(deps, ctx, value),
  [TOKEN_TYPE.jwt]: readJwt,
  [TOKEN_TYPE.idToken]: readIdToken,
}

/** @throws InvalidRequest, which RFC 8693 §2.2.2 wants for every token that is not acceptable */
export async function readPresented(
  deps: PresentedDeps,
  ctx: KoaContextWithOIDC,
  role: Role,
  { value, type }: { value: string; type: string },
): Promise<PresentedToken> {
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined
  if (!read) throw new errors.InvalidRequest(`${role}_type is not supported`)
  const token = await read(deps, ctx, value)
  if (typeof token === 'string') throw unacceptable(role, token)
  if (!(await ctx.oidc.provider.Client.find(token.clientId))) {
    throw unacceptable(role, 'its client is not in use')
  }
  return token
}

/** The reason is for the trail: to the client a token that ended looks like one that never was. */
function unacceptable(role: Role, reason: string): Error {
  const description = `${role} is invalid, expired, or revoked`
  return new errors.InvalidRequest(description, 400, `${role}: ${reason}`)
}

async function readJwt(
  deps: PresentedDeps,
  _ctx: KoaContextWithOIDC,
  value: string,
): Promise<PresentedToken | string> {
  const claims = await deps.ownTokens.verifyAccessToken(value)
  if (!claims?.jti || !claims.client_id || !claims.sub || !claims.exp) return 'not a token of ours'
  const jtiHash = deps.keyring.hash('jwt_jti', claims.jti)
  const standing = { ...claims, sub: claims.sub, client_id: claims.client_id, exp: claims.exp }
  if (claims.gid === undefined) {
    const ofService = { jtiHash, grantHash: undefined }
    const { revoked } = await findJwtStanding(deps.db, ofService)
    return revoked ? 'revoked' : presentedOf(standing)
  }
  const grantHash = Buffer.from(claims.gid, 'base64url')
  const subject = await findSubjectOfGrant(deps.db, { jtiHash, grantHash })
  return faultOf(subject) ?? { ...presentedOf(standing), account: accountOf(subject!) }
}

async function readIdToken(
  { db, ownTokens }: PresentedDeps,
  _ctx: KoaContextWithOIDC,
  value: string,
): Promise<PresentedToken | string> {
  const claims = await ownTokens.verifyIdToken(value)
  if (!claims || typeof claims.aud !== 'string') return 'not an ID token of ours'
  const { sub, aud: clientId } = claims
  if (!isId(sub)) return 'names no account'
  const subject = await findSubjectOfClient(db, { accountId: sub, clientId })
  const { aud: _, ...rest } = claims
  const presented = presentedOf({ ...rest, client_id: clientId })
  return faultOf(subject) ?? { ...presented, account: accountOf(subject!) }
}

function faultOf(subject: Subject | undefined): string | undefined {
  if (!subject) return 'its grant is gone'
  if (subject.revoked) return 'revoked'
  return subject.accountStatus === 'active' ? undefined : 'its account is not active'
}

function accountOf({ accountId, grantHash }: Subject) {
  return { id: accountId, grantHash }
}

function presentedOf(
  claims: AccessTokenClaims & { sub: string; client_id: string; exp: number },
): PresentedToken {
  const { acr, amr, auth_time } = claims
  return {
    sub: claims.sub,
    clientId: claims.client_id,
    account: undefined,
    audience: typeof claims.aud === 'string' ? claims.aud : undefined,
    scopes: new Set(claims.scope?.split(' ')),
    exp: claims.exp,
    cnf: claims.cnf,
    act: claims.act,
    mayAct: claims.may_act,
    signIn: {
      ...(acr === undefined ? {} : { acr }),
      ...(amr === undefined ? {} : { amr }),
      ...(auth_time === undefined ? {} : { auth_time }),
    },
  }
}

type StoredToken = {
  isValid: boolean
  clientId: string
  accountId?: string
  grantId?: string
  aud?: string
  scope?: string
  exp: number
  jkt?: string
  'x5t#S256'?: string
  extra?: AccessTokenClaims
}

async function readStored(
  { db, codec, keyring }: PresentedDeps,
  ctx: KoaContextWithOIDC,
  value: string,
): Promise<PresentedToken | string> {
  const unit = currentUnitOfWork()!
  // One statement for both kinds.
  unit.lookForAnyToken = true
  const { AccessToken, ClientCredentials } = ctx.oidc.provider
  const found = (await AccessToken.find(value)) ?? (await ClientCredentials.find(value))
  const token = found as unknown as StoredToken | undefined
  if (!token?.isValid) return 'unknown or expired'
  const { accountId, clientId, grantId, extra, aud, scope, exp } = token
  const cnf = confirmationOf(token)
  const client = await ctx.oidc.provider.Client.find(clientId)
  if (!client) return 'its client is not in use'
  // As a JWT would have it: who acts is told under the name by which the client knows them.
  const sub = accountId === undefined ? clientId : subjectFor(keyring, client, accountId)
  const claims = { ...extra, sub, client_id: clientId, exp, cnf, aud, scope }
  const presented = presentedOf(claims as Parameters<typeof presentedOf>[0])
  if (accountId === undefined) return presented
  const gid = extra?.gid
  const grantHash = grantId ? codec.idHash(grantId) : Buffer.from(gid ?? '', 'base64url')
  const grant = await unit.find({ model: 'Grant', idHash: grantHash })
  if (!grant || (grant.expiresAt && grant.expiresAt <= new Date())) return 'its grant is gone'
  if ((await loadAccount(db, accountId))?.status !== 'active') return 'its account is not active'
  return { ...presented, account: { id: accountId, grantHash } }
}

function confirmationOf(token: StoredToken): Record<string, unknown> | undefined {
  const { jkt, 'x5t#S256': x5t } = token
  if (jkt !== undefined) return { jkt }
  return x5t === undefined ? undefined : { 'x5t#S256': x5t }
}
