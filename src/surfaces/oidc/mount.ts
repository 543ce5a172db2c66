import type Koa from 'koa'
import type { Context, Middleware } from 'koa'
import type { ClientCache } from '../../domain/clients/client_cache.ts'
import type { Logger } from '../../platform/observability/logger.ts'
import { guardProviderBody } from '../../web/guard_provider_body.ts'
import { originOf } from '../../web/origin.ts'
import type { Pages } from '../../web/pages.ts'
import { allowOpener } from '../../web/security_headers.ts'
import { oauthErrorOf } from './adapters/adapter_for_model.ts'
import { inUnitOfWork, type RecordStores } from './adapters/unit_of_work.ts'
import type { BrowserAccounts } from './browser_accounts.ts'
import { takeEmptyBasic } from './empty_basic.ts'
import { showOwnForm } from './engine_forms.ts'
import { type FrontchannelDeps, showFrontchannelLogout } from './frontchannel_logout.ts'
import { logLoss } from './log_failure.ts'
import { MACHINE_PATHS, PATHS } from './paths.ts'
import { takePosts } from './post_as_get.ts'
import type { ProviderRuntime } from './provider_runtime.ts'
import { SIGNED_INTROSPECTION } from './structured_tokens.ts'

/**
 * The protocol endpoints: `/authorize`, `/token` and their siblings. Every request runs in a unit of
 * work of its own that is committed when the engine is done; what cannot be committed is an error,
 * and the person or client is told so instead of holding a code or token that is not there.
 */
export type OidcMount = {
  accounts: Pick<BrowserAccounts, 'endAll'>
  runtime: ProviderRuntime
  stores: RecordStores
  /** Ends sessions of an account that has one more now, where those are too many. */
  makeRoom(accountId: string): Promise<void>
  /** Where a browser that has signed out goes instead: to the source that it had signed in at. */
  signOutAtSource(input: { sessionUid: string; continueUri: string }): Promise<string | undefined>
  /** A session stands for what was proven in an interaction, by a source or not. */
  signedInBySource(input: {
    interactionUid: string
    sessionUid: string
    expiresAt: Date
  }): Promise<void>
  clients: ClientCache
  pages: Pages
  log: Logger
  /** Limits on what comes in; runs before anything is read. */
  throttle: Middleware
  /** Whether requests of browsers may come as forms. */
  posts: boolean
  /** Set where the applications of a session are told of its end by the browser. */
  frontchannelLogout: FrontchannelDeps | undefined
  /** Fetches what a request only refers to; undefined where the deployment has that off. */
  requestByReference: Middleware | undefined
}

const RETRY_AFTER_S = '2'
const TOKEN_LOOKUPS: ReadonlySet<string> = new Set([PATHS.introspection, PATHS.revocation])
const ENDPOINT_PREFIXES = Object.values(PATHS)

export function mountOidc(app: Koa, mount: OidcMount): void {
  const { throttle, posts, requestByReference = (_ctx, next) => next() } = mount
  if (posts) app.use(takePosts(new Set([PATHS.authorization, PATHS.end_session])))
  const guardBody = guardProviderBody()
  app.use(async (ctx, next) => {
    if (!isEndpoint(ctx.path)) return await next()
    ctx.state['uiLocales'] = ctx.query['ui_locales']
    if (!MACHINE_PATHS.has(ctx.path)) allowOpener(ctx.res)
    if (MACHINE_PATHS.has(ctx.path)) ctx.req.headers.accept = acceptOfMachine(ctx)
    await throttle(ctx, async () => {
      await guardBody(ctx, async () => {
        await requestByReference(ctx, async () => await serve(ctx, next, mount))
      })
    })
  })
}

/**
 * A program that says nothing, or names HTML, at a machine's endpoint is answered in JSON. The one
 * other thing that it can ask for is a signed introspection.
 */
function acceptOfMachine(ctx: Context): string {
  const asksForSigned =
    ctx.path === PATHS.introspection && ctx.get('Accept').includes(SIGNED_INTROSPECTION)
  return asksForSigned ? SIGNED_INTROSPECTION : 'application/json'
}

async function serve(ctx: Context, next: () => Promise<unknown>, mount: OidcMount): Promise<void> {
  const { accounts, runtime, stores, clients, pages, frontchannelLogout, makeRoom } = mount
  try {
    await takeEmptyBasic(ctx, clients)
    const { signedIn } = await inUnitOfWork(stores, async (unit) => {
      unit.origin = originOf(ctx)
      unit.lookForAnyToken = TOKEN_LOOKUPS.has(ctx.path)
      await runtime.handler()(ctx, next as never)
      // Lost in a hook of the engine, which has answered with an error of ours by now.
      if (ctx.state.unavailable) throw ctx.state.unavailable
      if (hasSignedOut(ctx)) await accounts.endAll(ctx)
      return unit
    })
    for (const accountId of signedIn) await makeRoom(accountId)
    await tellOfSource(ctx, mount)
  } catch (error) {
    if (!MACHINE_PATHS.has(ctx.path)) throw error
    answerInOAuth(ctx, error)
    logLoss(mount.log, ctx, error)
  }
  if (ctx.status === 503) ctx.set('Retry-After', RETRY_AFTER_S)
  ctx.state.route ??= ctx.oidc?.route
  await signOutAtSource(ctx, mount)
  showOwnForm(ctx, pages)
  if (frontchannelLogout) await showFrontchannelLogout(frontchannelLogout, ctx)
  endFormChain(ctx, pages)
}

const MONTH_MS = 30 * 86_400_000

/** Which of our sessions came of the sign-in that has just been resumed. */
async function tellOfSource({ oidc }: Context, { signedInBySource }: OidcMount): Promise<void> {
  const interaction = oidc?.entities?.Interaction
  const { session } = oidc ?? {}
  if (!oidc?.result?.login || !interaction?.uid || !session?.uid) return
  const expiresAt = new Date(session.exp ? session.exp * 1000 : Date.now() + MONTH_MS)
  await signedInBySource({ interactionUid: interaction.uid, sessionUid: session.uid, expiresAt })
}

/** The way that the browser was going leads over the source, where there is one. */
async function signOutAtSource(ctx: Context, mount: OidcMount): Promise<void> {
  const continueUri = ctx.response.get('Location')
  const sessionUid = ctx.oidc?.session?.uid
  if (!hasSignedOut(ctx) || !continueUri || !sessionUid) return
  const uri = await mount.signOutAtSource({ sessionUid, continueUri })
  if (uri !== undefined) ctx.set('Location', uri)
}

function hasSignedOut({ oidc }: Context): boolean {
  return oidc?.route === 'end_session_confirm' && oidc.params?.['logout'] !== undefined
}

/**
 * A form of ours that ends at a client answers with a page and not with the redirect: Chromium holds
 * `form-action` against every hop that follows a form.
 */
function endFormChain(ctx: Context, pages: Pages): void {
  const target = ctx.response.get('Location')
  if (ctx.method !== 'POST' || ctx.status !== 303 || !/^https?:/.test(target)) return
  if (!leadsOut(new URL(target), ctx.URL.origin)) return
  ctx.remove('Location')
  pages.send(ctx, 'interactions/continue', { uri: target })
}

/** To a client; resuming an authorization request, or signing out at a source, most likely ends there too. */
function leadsOut({ origin, pathname }: URL, ours: string): boolean {
  return (
    origin !== ours ||
    pathname.startsWith(`${PATHS.authorization}/`) ||
    pathname.startsWith('/federation/')
  )
}

/** A store that fails at the very end of a machine's request still speaks OAuth. */
function answerInOAuth(ctx: Context, error: unknown): void {
  const known = oauthErrorOf(error) as {
    statusCode?: number
    error?: string
    error_description?: string
  }
  if (known.statusCode !== 503) throw error
  ctx.status = 503
  ctx.body = { error: known.error, error_description: known.error_description }
}

function isEndpoint(path: string): boolean {
  return (
    path.startsWith('/.well-known/o') ||
    ENDPOINT_PREFIXES.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
  )
}
