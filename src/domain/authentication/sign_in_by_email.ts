import { z } from 'zod'
import { emailCodeRequested, type Origin, signInFailed } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { JobQueue } from '../../platform/jobs/queue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { lockActiveAccount } from '../accounts/account_store.ts'
import {
  consumeCode,
  matchCode,
  payloadOf,
  requestCode,
} from '../credentials/one_time_code/one_time_code.ts'
import type { StoredCode } from '../credentials/one_time_code/one_time_code_store.ts'
import type { Method } from './assurance.ts'
import { type ProofDeps, recordProof } from './record_proof.ts'

/**
 * Signing in by a code that goes to the account's mailbox or telephone, in the place of a password. It
 * is one factor and no more; that of a mail is never a second one, for who reads the mailbox can set a
 * new password as well (NIST SP 800-63B-4 §3.1.3.1 knows no authenticator in it).
 */
export type EmailSignInDeps = ProofDeps & { db: Db; jobs: Pick<JobQueue, 'send'> }

const asked = z.object({
  identifier: z.string(),
  locale: z.string(),
  interactionUid: z.string(),
})
export type EmailSignIn = z.output<typeof asked>

/** Asks for a code; whether there is such an account is found out by the worker that sends it. */
export async function beginEmailSignIn(
  deps: EmailSignInDeps,
  input: EmailSignIn & { clientId: string; origin: Origin },
): Promise<void> {
  const { clientId, origin, ...payload } = input
  await inTransaction(deps.db, async (tx) => {
    const boundTo = payload.interactionUid
    const { id } = await requestCode(deps, tx, { purpose: 'sign_in', boundTo, payload })
    await deps.jobs.send('deliver_code', { codeId: id }, { tx })
    await appendEvent(tx, emailCodeRequested({ clientId, ...origin }))
  })
}

export function emailSignInOf(keyring: Keyring, stored: StoredCode): EmailSignIn {
  return payloadOf(keyring, stored, asked)
}

/** Once for each code, in the browser that asked for it. */
export async function completeEmailSignIn(
  deps: EmailSignInDeps,
  input: {
    interactionUid: string
    clientId: string
    code: string
    remember: boolean
    /** The accounts that this browser has signed in to before. */
    deviceKnownFor?: readonly string[]
    origin: Origin
  },
): Promise<{ kind: 'signed_in' } | { kind: 'refused' }> {
  const { interactionUid, clientId, code, remember, deviceKnownFor, origin } = input
  const stored = await matchCode(deps, deps.db, {
    purpose: 'sign_in',
    boundTo: interactionUid,
    code,
  })
  const accountId = stored?.accountId
  const signedIn =
    stored && accountId
      ? await inTransaction(deps.db, async (tx) => {
          if (!(await lockActiveAccount(tx, accountId)) || !(await consumeCode(tx, stored))) {
            return false
          }
          const method: Method = stored.channel === 'sms' ? 'sms_code' : 'email_code'
          const base = { accountId, methods: [], remember, authenticatedAt: deps.clock.now() }
          const proof = { interactionUid, clientId, base, method, origin }
          await recordProof(deps, tx, { ...proof, deviceKnownFor })
          return true
        })
      : false
  if (signedIn) return { kind: 'signed_in' }
  const fact = { accountId, clientId, reason: 'wrong_email_code', ...origin }
  await appendEvent(deps.db, signInFailed(fact))
  return { kind: 'refused' }
}
