import { createRequire } from 'node:module'
import type { Challenge } from 'altcha-lib'
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { parsedJson } from '../../core/unknown.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, query } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'

/**
 * Work that a browser does before a form is taken, so that forms by the thousand cost something
 * (ALTCHA, proof of work version 2). A challenge is kept by nobody: it says what it is for and until
 * when, under a signature; only those that were answered are remembered, until they end.
 */
export type ProofUse = {
  page: 'sign_up' | 'forgot_password'
  /** Whose page it is for. */
  interactionUid: string
}

export type ProofDeps = { db: Db; clock: Clock; keyring: Keyring; rounds: number }

/** Long enough to fill a form in. */
const TTL_S = 3_600
const ALGORITHM = 'PBKDF2/SHA-256'
/** One hexadecimal digit is a sixteenth: 256 tries on average. */
const KEY_PREFIX = '00'
export const PROOF_MAX = 2_000

const hex = z.string().regex(/^[0-9a-f]{2,128}$/)
const answered = z.object({
  challenge: z.object({
    parameters: z.object({
      algorithm: z.literal(ALGORITHM),
      nonce: hex,
      salt: hex,
      cost: z.int(),
      keyLength: z.int(),
      keyPrefix: z.literal(KEY_PREFIX),
      expiresAt: z.int(),
      data: z.object({ page: z.string(), interaction: z.string() }),
    }),
    signature: hex,
  }),
  solution: z.object({ counter: z.int(), derivedKey: hex }),
})

/** @returns JSON for `views/assets/proof.js` */
export async function issueProof(
  { clock, keyring, rounds }: Omit<ProofDeps, 'db'>,
  { page, interactionUid: interaction }: ProofUse,
): Promise<string> {
  const { createChallenge, deriveKey } = altcha()
  const challenge = await createChallenge({
    algorithm: ALGORITHM,
    cost: rounds,
    keyPrefix: KEY_PREFIX,
    deriveKey,
    expiresAt: Math.floor(clock.now().getTime() / 1000) + TTL_S,
    data: { page, interaction },
    hmacSignatureSecret: secretOf(keyring),
  })
  return JSON.stringify(challenge)
}

export type ProofFault = 'missing' | 'wrong' | 'used'

/**
 * Takes an answer once: of several that come at the same time, one.
 *
 * @param text what the page's script wrote into the form
 * @returns undefined where it is right
 */
export async function takeProof(
  deps: ProofDeps,
  { page, interactionUid }: ProofUse,
  text: string,
): Promise<ProofFault | undefined> {
  if (text === '') return 'missing'
  const { data: answer } = answered.safeParse(parsedJson(text))
  if (!answer) return 'wrong'
  const { nonce, expiresAt, data } = answer.challenge.parameters
  if (data.page !== page || data.interaction !== interactionUid) return 'wrong'
  const end = new Date(expiresAt * 1000)
  if (end <= deps.clock.now() || !(await isRight(deps.keyring, answer))) return 'wrong'
  const rows = await query(
    deps.db,
    `INSERT INTO spent_proof (nonce, expires_at) VALUES ($1, $2)
     ON CONFLICT (nonce) DO NOTHING RETURNING nonce`,
    [Buffer.from(nonce, 'hex'), end],
  )
  return rows.length > 0 ? undefined : 'used'
}

async function isRight(
  keyring: Keyring,
  { challenge, solution }: z.output<typeof answered>,
): Promise<boolean> {
  const { verifySolution, deriveKey } = altcha()
  const { verified } = await verifySolution({
    challenge: challenge as Challenge,
    solution,
    deriveKey,
    hmacSignatureSecret: secretOf(keyring),
  })
  return verified
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteEndedProofs(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'spent_proof' }, { until: now, limit })
}

function secretOf(keyring: Keyring): string {
  return keyring.derive('proof_of_work').toString('base64')
}

/** Loaded at first use: few deployments ask for proofs. */
function altcha() {
  const require = createRequire(import.meta.url)
  const { createChallenge, verifySolution } = require('altcha-lib') as typeof import('altcha-lib')
  const { deriveKey } =
    require('altcha-lib/algorithms/pbkdf2') as typeof import('altcha-lib/algorithms/pbkdf2')
  return { createChallenge, verifySolution, deriveKey }
}
