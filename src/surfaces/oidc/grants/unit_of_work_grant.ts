import type { Context } from 'koa'
import { DomainError } from '../../../core/errors.ts'
import { oauthErrorOf, secondUseError } from '../adapters/adapter_for_model.ts'
import { ConsumedElsewhere, currentUnitOfWork } from '../adapters/unit_of_work.ts'

/**
 * Ends a token request: what the grant handler did is written in one statement before its answer is
 * final. Whoever lost the race for a code or refresh token gets the OAuth error that the engine
 * would have given to a second use, and nothing of the request is kept.
 */
export function commitAfter(
  handler: (ctx: Context) => Promise<void>,
  beforeCommit: (ctx: Context) => Promise<void> | void,
): (ctx: Context) => Promise<void> {
  return async (ctx) => {
    const unit = currentUnitOfWork()
    if (!unit) throw new DomainError('internal', 'A token request outside of a unit of work.')
    try {
      await handler(ctx)
      await beforeCommit(ctx)
      await unit.commit()
    } catch (error) {
      unit.discard()
      throw error instanceof ConsumedElsewhere ? secondUseError(error.model) : oauthErrorOf(error)
    }
  }
}
