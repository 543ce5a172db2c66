import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { ErrorKind, Views } from '../../platform/templating/views.ts'
import { clientViewOf, clientWithWayBack } from '../../web/client_view.ts'
import type { Pages } from '../../web/pages.ts'
import { allowNativeTarget } from '../../web/security_headers.ts'
import { asContext } from './as_context.ts'
import { loadAccount } from './find_account.ts'
import { type LostDeps, showLost } from './lost_pages.ts'
import { PATHS } from './paths.ts'

/**
 * The pages that the engine asks for in the middle of its own routes: errors, logout, device codes.
 * It hands over its form as HTML; we take the token out of it and show our own.
 */

type OAuthError = { error?: string; error_description?: string; state?: string }

export function createRenderError(deps: LostDeps) {
  return async (ctx: KoaContextWithOIDC, out: OAuthError, error: Error): Promise<void> => {
    if (await showLost(deps, ctx, error)) return
    const { client } = ctx.oidc ?? {}
    const context = asContext(ctx)
    deps.pages.send(
      context,
      'errors/error',
      {
        kind: kindOf(context.status, out, error),
        referenceId: context.state.requestId,
        oauthError: { error: out.error ?? 'server_error', description: out.error_description },
        client: client && clientWithWayBack(client),
      },
      context.status,
    )
  }
}

const KINDS: Record<string, ErrorKind> = {
  invalid_client: 'invalid_client',
  invalid_redirect_uri: 'invalid_redirect_uri',
  temporarily_unavailable: 'unavailable',
  server_error: 'internal',
  access_denied: 'forbidden',
}

function kindOf(status: number, out: OAuthError, error: Error): ErrorKind {
  // The engine answers an unknown redirect_uri with invalid_request on the wire.
  if (error.name === 'InvalidRedirectUri') return 'invalid_redirect_uri'
  const kind = KINDS[out.error ?? '']
  return kind ?? (status >= 500 ? 'internal' : 'invalid_request')
}

export function createLogoutPages(pages: Pages, db: Db) {
  return {
    async logoutSource(ctx: KoaContextWithOIDC, form: string): Promise<void> {
      const { client, session } = ctx.oidc
      allowNativeTarget(ctx.res, ctx.oidc.params?.['post_logout_redirect_uri'])
      const account = session?.accountId ? await loadAccount(db, session.accountId) : undefined
      pages.send(asContext(ctx), 'interactions/logout', {
        action: `${PATHS.end_session}/confirm`,
        xsrf: xsrfIn(form),
        client: client && clientViewOf(client),
        account: account && accountViewOf(account),
      })
    },
    async postLogoutSuccessSource(ctx: KoaContextWithOIDC): Promise<void> {
      const { client } = ctx.oidc
      pages.send(asContext(ctx), 'interactions/logged_out', {
        client: client && clientViewOf(client),
        continueUri: client?.clientUri,
      })
    },
  }
}

type DeviceCodeError = Views['interactions/device_code']['error']

const DEVICE_ERRORS: Record<string, DeviceCodeError> = {
  NoCodeError: 'missing',
  NotFoundError: 'not_found',
  ExpiredError: 'expired',
  AlreadyUsedError: 'already_used',
}

export function createDevicePages(deps: LostDeps) {
  const { pages } = deps
  const renderError = createRenderError(deps)
  return {
    async userCodeInputSource(
      ctx: KoaContextWithOIDC,
      form: string,
      out: OAuthError = {},
      error?: Error & { userCode?: string },
    ): Promise<void> {
      if (error?.name === 'AbortedError') {
        pages.send(asContext(ctx), 'interactions/device_done', { outcome: 'denied' })
        return
      }
      const problem = error && DEVICE_ERRORS[error.name]
      if (error && !problem) return await renderError(ctx, out, error)
      pages.send(
        asContext(ctx),
        'interactions/device_code',
        {
          action: PATHS.code_verification,
          xsrf: xsrfIn(form),
          userCode: error?.userCode,
          error: problem,
        },
        problem ? 422 : 200,
      )
    },
    async userCodeConfirmSource(
      ctx: KoaContextWithOIDC,
      form: string,
      client: Client,
      deviceInfo: { ip?: string },
      userCode: string,
    ): Promise<void> {
      pages.send(asContext(ctx), 'interactions/device_confirm', {
        action: PATHS.code_verification,
        xsrf: xsrfIn(form),
        client: clientViewOf(client),
        userCode,
        ip: deviceInfo.ip,
      })
    },
    async successSource(ctx: KoaContextWithOIDC): Promise<void> {
      const { client } = ctx.oidc
      pages.send(asContext(ctx), 'interactions/device_done', {
        outcome: 'approved',
        client: client && clientViewOf(client),
      })
    },
    deviceInfo: (ctx: KoaContextWithOIDC) => ({ ip: asContext(ctx).state.clientIp }),
  }
}

function xsrfIn(form: string): string {
  return /name="xsrf" value="([^"]*)"/.exec(form)?.[1] ?? ''
}
