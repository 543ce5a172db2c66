import type { Context } from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'

/** The engine's own types of a Koa context lag behind Koa's. */
export function asContext(ctx: KoaContextWithOIDC): Context {
  return ctx as unknown as Context
}
