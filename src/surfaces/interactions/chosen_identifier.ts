import type { Context } from 'koa'
import { z } from 'zod'
import type { InteractionDeps } from './mount.ts'

/**
 * Who is signing in or signing up, between the page that asks it and the one that asks for the
 * password: sealed in a cookie that comes with this interaction only. Nothing of it stands in an
 * address, where histories and logs would keep it, and nobody is looked up for it.
 */

/** One for each: who signs up has not said that they sign in, and goes on by another page. */
const COOKIES = { identifier: 'authcore_identifier', newcomer: 'authcore_newcomer' } as const
type Kept = keyof typeof COOKIES
/** Longer than an interaction lasts by default; without it the first page is shown again. */
const MAX_AGE_MS = 3_600_000

const identifier = z.object({ login: z.string(), remember: z.boolean() })
const newcomer = z.object({ login: z.string() })
export type ChosenIdentifier = z.output<typeof identifier>
export type ChosenAddress = z.output<typeof newcomer>

type Deps = Pick<InteractionDeps, 'keyring'>

export function keepIdentifier(
  deps: Deps,
  ctx: Context,
  uid: string,
  chosen: ChosenIdentifier,
): void {
  keep(deps, ctx, { kept: 'identifier', uid }, chosen)
}

/** Undefined where nobody was chosen in this interaction, or the cookie is not one of ours. */
export function keptIdentifier(
  deps: Deps,
  ctx: Context,
  uid: string,
): ChosenIdentifier | undefined {
  return open(deps, ctx, { kept: 'identifier', uid }, identifier)
}

export function keepAddress(deps: Deps, ctx: Context, uid: string, chosen: ChosenAddress): void {
  keep(deps, ctx, { kept: 'newcomer', uid }, chosen)
}

/** Undefined as `keptIdentifier` is. */
export function keptAddress(deps: Deps, ctx: Context, uid: string): ChosenAddress | undefined {
  return open(deps, ctx, { kept: 'newcomer', uid }, newcomer)
}

type Place = { kept: Kept; uid: string }

function keep({ keyring }: Deps, ctx: Context, place: Place, content: object): void {
  const sealed = keyring.seal(JSON.stringify(content), contextOf(place)).toString('base64url')
  ctx.cookies.set(COOKIES[place.kept], sealed, {
    path: `/interaction/${place.uid}`,
    maxAge: MAX_AGE_MS,
    sameSite: 'lax',
    httpOnly: true,
    signed: false,
  })
}

function open<T>(
  { keyring }: Deps,
  ctx: Context,
  place: Place,
  schema: z.ZodType<T>,
): T | undefined {
  const cookie = ctx.cookies.get(COOKIES[place.kept], { signed: false })
  if (!cookie) return undefined
  try {
    const content = keyring.open(Buffer.from(cookie, 'base64url'), contextOf(place))
    return schema.parse(JSON.parse(content.toString('utf8')))
  } catch {
    return undefined
  }
}

/** A cookie of one kind, or of one interaction, does not open as another. */
function contextOf({ kept, uid }: Place): string {
  return `cookie:${kept}:${uid}`
}
