import type { Context } from 'koa'
import type Provider from 'oidc-provider'
import type { Db } from '../../platform/persistence/db.ts'
import { loadAccount } from './find_account.ts'

/**
 * Several accounts in one browser. The engine knows one session for each browser, the one in its
 * cookie; those of the other accounts that are signed in here wait in a cookie of ours, and change
 * places with it when their person chooses them. Signing out ends all of them: who shares a computer
 * means everything by it.
 */
export type BrowserAccounts = {
  /** Whose sessions wait, the last one first. */
  list(ctx: Context): Promise<string[]>
  /**
   * The session of this browser makes room for that of another account, whose waiting one is over.
   *
   * @param uid of the session that the sign-in began with
   */
  park(ctx: Context, input: { uid: string; for: string }): Promise<void>
  /** Changes places with the waiting one of this account; undefined where there is none any more. */
  take(ctx: Context, accountId: string): Promise<ChosenSession | undefined>
  /** Ends all that wait. */
  endAll(ctx: Context): Promise<void>
}

export type ChosenSession = { accountId: string; uid: string; acr?: string; amr?: string[] }

type Waiting = ChosenSession & { id: string }

/** Beside the one in use; with one more, the one that waits longest ends. */
const MAX_WAITING = 4
const MAX_AGE_MS = 30 * 86_400_000

export function createBrowserAccounts(deps: {
  db: Db
  issuer: string
  provider(): Provider
  endSession(uid: string): Promise<void>
}): BrowserAccounts {
  const { db, provider } = deps
  const cookieName = deps.issuer.startsWith('https:')
    ? '__Host-authcore_accounts'
    : 'authcore_accounts'
  const cookie = {
    httpOnly: true,
    sameSite: 'lax',
    path: '/',
    signed: true,
    overwrite: true,
  } as const
  const sessionCookie = () => provider().cookieName('session')

  async function find(id: string): Promise<Waiting | undefined> {
    const session = await provider().Session.find(id)
    if (!session?.accountId) return undefined
    const { accountId, uid, acr, amr } = session
    if ((await loadAccount(db, accountId))?.status !== 'active') return undefined
    return { id, accountId, uid, ...(acr ? { acr } : {}), ...(amr ? { amr } : {}) }
  }

  async function waiting(ctx: Context): Promise<Waiting[]> {
    const ids = (ctx.cookies.get(cookieName, { signed: true }) ?? '').split('.').filter(Boolean)
    const found = await Promise.all(ids.slice(0, MAX_WAITING).map(find))
    return found.filter((each) => each !== undefined)
  }

  function keep(ctx: Context, ids: readonly string[]): void {
    const value = ids.length > 0 ? ids.join('.') : null
    ctx.cookies.set(cookieName, value, { ...cookie, ...(value ? { maxAge: MAX_AGE_MS } : {}) })
  }

  return {
    async list(ctx) {
      return (await waiting(ctx)).map(({ accountId }) => accountId)
    },

    async park(ctx, { uid, for: accountId }) {
      const id = ctx.cookies.get(sessionCookie(), { signed: true })
      const current = id === undefined ? undefined : await find(id)
      const all = await waiting(ctx)
      const others = all.filter((each) => each.uid !== uid && each.accountId !== accountId)
      // One that this browser does not hold any more cannot wait in it.
      const parked = current?.uid === uid ? [current, ...others] : others
      const kept = parked.slice(0, MAX_WAITING)
      const over = new Set([uid, ...all.map((each) => each.uid)])
      for (const each of kept) over.delete(each.uid)
      for (const each of over) await deps.endSession(each)
      const ids = kept.map((each) => each.id)
      keep(ctx, ids)
      ctx.cookies.set(sessionCookie(), null, cookie)
    },

    async take(ctx, accountId) {
      const all = await waiting(ctx)
      const chosen = all.find((each) => each.accountId === accountId)
      if (!chosen) return undefined
      const current = ctx.cookies.get(sessionCookie(), { signed: true })
      const rest = all.filter((each) => each !== chosen).map(({ id }) => id)
      keep(ctx, [...(current ? [current] : []), ...rest].slice(0, MAX_WAITING))
      ctx.cookies.set(sessionCookie(), chosen.id, cookie)
      const { id: _, ...session } = chosen
      return session
    },

    async endAll(ctx) {
      if (ctx.cookies.get(cookieName, { signed: true }) === undefined) return
      for (const { uid } of await waiting(ctx)) await deps.endSession(uid)
      keep(ctx, [])
    },
  }
}
