import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash as argon2Hash, argon2id, verify as argon2Verify, needsRehash } from 'argon2'
import { BulkheadRejectedError, bulkhead } from 'cockatiel'
import { DomainError } from '../../../core/errors.ts'
import { createEvenTime, pause } from './even_time.ts'
import { isFastHash, verifyForeignHash } from './foreign/foreign_hash.ts'
import { passwordText } from './password_text.ts'

/**
 * Passwords: kept as Argon2id in the PHC string format, which names its own parameters. This folder
 * owns the hash, what a password may be, and its change; who may sign in with it is decided in
 * `authentication`.
 */
export type PasswordHasher = {
  /**
   * @returns a PHC string
   * @throws DomainError `invalid_input` for a text that cannot be a password, `unavailable` where
   *   too many are waiting already
   */
  hash(password: string): Promise<string>
  /**
   * Without `phc` it does the same work against a hash that nothing matches, so that nobody learns
   * from the time whether there was one. A foreign hash is taken as well (`foreign/`); whoever is
   * refused then waits as long as the costliest one takes that was met of late.
   *
   * @returns `rehash` where the password is right and its hash was made with other parameters, or elsewhere
   * @throws DomainError `unavailable` where too many are waiting already
   */
  verify(phc: string | undefined, password: string): Promise<{ ok: boolean; rehash: boolean }>
}

export type TimedPasswordHasher = PasswordHasher & {
  /** Meets these hashes before anybody's sign-in does, so that the first one tells nothing either. */
  meet(phcs: readonly string[]): Promise<void>
}

export type PasswordHasherOptions = {
  memoryKib: number
  passes: number
  parallelism: number
  /**
   * How many are computed at once. They run on the threads of libuv, four unless UV_THREADPOOL_SIZE
   * says otherwise, which file, DNS and signing work need too, and each keeps a processor to itself:
   * the default leaves one thread and, where there are several, one processor to everything else.
   */
  concurrency?: number
  /** How many may wait beyond that; the next is refused. */
  queue?: number
}

const THREADS_OF_LIBUV = 4
const QUEUE_PER_SLOT = 32
const RETRY_AFTER_S = 2
const SALT_BYTES = 16
const HASH_BYTES = 32

export function createPasswordHasher(options: PasswordHasherOptions): TimedPasswordHasher {
  const { concurrency = defaultConcurrency() } = options
  const gate = createGate(concurrency, options.queue ?? concurrency * QUEUE_PER_SLOT)
  const parameters = {
    type: argon2id,
    memoryCost: options.memoryKib,
    timeCost: options.passes,
    parallelism: options.parallelism,
    hashLength: HASH_BYTES,
  } as const
  const dummy = dummyHash(options)
  const evenTime = createEvenTime()
  const compute = async (phc: string | undefined, password: string, text: string) => {
    const startedAt = performance.now()
    const matches = await matchesHash(phc, { dummy, password, text })
    const tookMs = performance.now() - startedAt
    if (phc !== undefined && isOutdated(phc, parameters)) evenTime.observe(phc, tookMs)
    return { matches, tookMs }
  }
  return {
    async hash(password) {
      const result = passwordText(password)
      if (result.kind === 'refused') {
        throw new DomainError('invalid_input', 'This cannot be a password.', { hint: result.fault })
      }
      return await gate(() => argon2Hash(result.text, parameters))
    },
    async verify(phc, password) {
      const result = passwordText(password)
      // Depends on the input alone, never on whose password it is.
      if (result.kind === 'refused') return { ok: false, rehash: false }
      const { matches, tookMs } = await gate(() => compute(phc, password, result.text))
      if (matches && phc !== undefined) return { ok: true, rehash: isOutdated(phc, parameters) }
      await pause(evenTime.leftAfter(tookMs))
      return { ok: false, rehash: false }
    },
    async meet(phcs) {
      for (const phc of phcs) await gate(() => compute(phc, '', ''))
    },
  }
}

/** @param password as it was typed: other systems did not normalise it. @param text its NFC */
async function matchesHash(
  phc: string | undefined,
  { dummy, password, text }: { dummy: string; password: string; text: string },
): Promise<boolean> {
  if (phc === undefined || phc.startsWith('$argon2id$'))
    return await argon2Verify(phc ?? dummy, text)
  if (isFastHash(phc)) await argon2Verify(dummy, text)
  if (await verifyForeignHash(phc, password)) return true
  return password !== text && (await verifyForeignHash(phc, text))
}

function isOutdated(phc: string, parameters: Parameters<typeof needsRehash>[1]): boolean {
  return !phc.startsWith('$argon2id$') || needsRehash(phc, parameters)
}

function defaultConcurrency(): number {
  return Math.max(1, Math.min(availableParallelism(), THREADS_OF_LIBUV) - 1)
}

/** A well-formed hash of no known password: nothing has to be computed to have it. */
function dummyHash({ memoryKib, passes, parallelism }: PasswordHasherOptions): string {
  const random = (sizeBytes: number) => randomBytes(sizeBytes).toString('base64').replace(/=+$/, '')
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${random(SALT_BYTES)}$${random(HASH_BYTES)}`
}

/** Lets so many through at once and so many wait, so that a flood of sign-ins starves nothing else. */
function createGate(slots: number, queue: number) {
  const policy = bulkhead(slots, queue)
  return async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await policy.execute(work)
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error
      throw new DomainError('unavailable', 'The server is busy. Please try again in a moment.', {
        debug: `${slots} passwords in work, ${queue} waiting`,
        retryAfterS: RETRY_AFTER_S,
        cause: error,
      })
    }
  }
}
