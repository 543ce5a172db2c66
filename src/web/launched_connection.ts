import type { Context } from 'koa'

/**
 * A browser that a source has sent to an application signs in at that source when the application asks:
 * what the application knows nothing of is kept here, for a few minutes and once. It says where to sign
 * in, never who.
 */

const COOKIE = 'authcore_launched'
const OPTIONS = { path: '/interaction', sameSite: 'lax', httpOnly: true, signed: false } as const
const MAX_AGE_MS = 300_000

type Launched = { connection: string; clientId: string }

export function rememberLaunch(ctx: Context, { connection, clientId }: Launched): void {
  const value = `${connection}:${encodeURIComponent(clientId)}`
  ctx.cookies.set(COOKIE, value, { ...OPTIONS, maxAge: MAX_AGE_MS, overwrite: true })
}

/** @returns the name of the connection, where this application is the one */
export function takeLaunch(ctx: Context, clientId: string): string | undefined {
  const [connection, launched] = ctx.cookies.get(COOKIE, { signed: false })?.split(':') ?? []
  if (launched !== encodeURIComponent(clientId)) return undefined
  ctx.cookies.set(COOKIE, null, { ...OPTIONS, overwrite: true })
  return connection
}
