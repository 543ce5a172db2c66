import { z } from 'zod'
import { type Origin, signInFailed } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import type { JobQueue } from '../../../platform/jobs/queue.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { type Db, inTransaction } from '../../../platform/persistence/db.ts'
import { lockActiveAccount } from '../../accounts/account_store.ts'
import {
  type CodeDeps,
  consumeCode,
  matchCode,
  payloadOf,
  requestCode,
} from '../../credentials/one_time_code/one_time_code.ts'
import type { StoredCode } from '../../credentials/one_time_code/one_time_code_store.ts'
import { type Attempt, meetRisk } from '../attempt_store.ts'

/**
 * A code to the proven mailbox, where a sign-in is unusual and its owner has no second factor. It
 * answers that one question and is no proof besides: it makes no sign-in stronger (`acr`, `amr`).
 */
type Deps = CodeDeps & { db: Db; jobs: Pick<JobQueue, 'send'> }

const asked = z.object({ accountId: z.string(), locale: z.string() })

/** The worker makes the code and sends it. */
export async function requestConfirmation(
  deps: Deps,
  { interactionUid: boundTo, ...payload }: z.output<typeof asked> & { interactionUid: string },
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const { id } = await requestCode(deps, tx, { purpose: 'confirm_sign_in', boundTo, payload })
    await deps.jobs.send('deliver_code', { codeId: id }, { tx })
  })
}

export function confirmationOf(keyring: Keyring, stored: StoredCode): z.output<typeof asked> {
  return payloadOf(keyring, stored, asked)
}

/** @returns false where the code is not the one of this sign-in, or was used */
export async function confirmSignIn(
  deps: Deps,
  input: {
    interactionUid: string
    clientId: string
    attempt: Attempt
    code: string
    origin: Origin
  },
): Promise<boolean> {
  const { interactionUid, clientId, attempt, code, origin } = input
  const { accountId, methods: proven } = attempt
  const boundTo = interactionUid
  const stored = await matchCode(deps, deps.db, { purpose: 'confirm_sign_in', boundTo, code })
  const confirmed =
    stored?.accountId === accountId &&
    (await inTransaction(deps.db, async (tx) => {
      if (!(await lockActiveAccount(tx, accountId)) || !(await consumeCode(tx, stored))) {
        return false
      }
      return await meetRisk(tx, deps.keyring, { interactionUid, accountId })
    }))
  if (confirmed) return true
  const fact = { accountId, clientId, reason: 'wrong_confirmation_code', proven, ...origin }
  await appendEvent(deps.db, signInFailed(fact))
  return false
}
