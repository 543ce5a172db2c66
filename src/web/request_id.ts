import type { Middleware } from 'koa'
import { newId } from '../core/ids.ts'

/** Names the request. An id sent by the caller is not adopted: it would let two requests share one. */
export const nameRequest: Middleware = (ctx, next) => {
  const id = newId()
  ctx.state.requestId = id
  ctx.set('X-Request-Id', id)
  return next()
}
