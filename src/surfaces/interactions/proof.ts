import type { Context } from 'koa'
import { issueProof, type ProofUse, takeProof } from '../../domain/security/proof_of_work.ts'
import { proofRefused } from '../../platform/events/catalogue.ts'
import { originOf } from '../../web/origin.ts'
import { allowOwnScripts } from '../../web/security_headers.ts'
import type { Interaction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

type Page = ProofUse['page']

/** The challenge of the page; undefined where no proof of work is asked for. */
export async function proofFor(
  deps: InteractionDeps,
  ctx: Context,
  { uid: interactionUid }: Interaction,
  page: Page,
): Promise<string | undefined> {
  const { proofRounds: rounds } = deps
  if (rounds === 0) return undefined
  allowOwnScripts(ctx.res)
  return await issueProof({ ...deps, rounds }, { page, interactionUid })
}

/** True where the work was done, once, or none is asked for. */
export async function hasProof(
  deps: InteractionDeps,
  ctx: Context,
  { uid: interactionUid, client }: Interaction,
  { page, proof }: { page: Page; proof: string },
): Promise<boolean> {
  const { proofRounds: rounds } = deps
  if (rounds === 0) return true
  const fault = await takeProof({ ...deps, rounds }, { page, interactionUid }, proof)
  if (!fault) return true
  const fact = { clientId: client.clientId, page, reason: fault, ...originOf(ctx) }
  deps.recorder.record(proofRefused(fact))
  return false
}
