import { availableParallelism } from 'node:os'
import { BulkheadRejectedError, bulkhead } from 'cockatiel'
import { DomainError } from '../../../core/errors.ts'
import { type Argon2Cost, type Argon2Engine, chooseArgon2Engine } from './argon2/argon2_engine.ts'
import { hashWithArgon2, inventArgon2, isMadeWith, verifyArgon2 } from './argon2/argon2_hash.ts'
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

export type PasswordHasherOptions = Argon2Cost & {
  /** Without one, the faster of those that load here. */
  argon2?: Argon2Engine
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

export function createPasswordHasher(options: PasswordHasherOptions): TimedPasswordHasher {
  const { concurrency = defaultConcurrency(), argon2 = chooseArgon2Engine() } = options
  const gate = createGate(concurrency, options.queue ?? concurrency * QUEUE_PER_SLOT)
  const dummy = inventArgon2(options)
  const evenTime = createEvenTime()
  const compute = async (phc: string | undefined, password: string, text: string) => {
    const startedAt = performance.now()
    const matches = await matchesHash(phc, { argon2, dummy, password, text })
    const tookMs = performance.now() - startedAt
    if (phc !== undefined && !isMadeWith(phc, options)) evenTime.observe(phc, tookMs)
    return { matches, tookMs }
  }
  return {
    async hash(password) {
      const result = passwordText(password)
      if (result.kind === 'refused') {
        throw new DomainError('invalid_input', 'This cannot be a password.', { hint: result.fault })
      }
      return await gate(() => hashWithArgon2(argon2, result.text, options))
    },
    async verify(phc, password) {
      const result = passwordText(password)
      // Depends on the input alone, never on whose password it is.
      if (result.kind === 'refused') return { ok: false, rehash: false }
      const { matches, tookMs } = await gate(() => compute(phc, password, result.text))
      if (matches && phc !== undefined) return { ok: true, rehash: !isMadeWith(phc, options) }
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
  tried: { argon2: Argon2Engine; dummy: string; password: string; text: string },
): Promise<boolean> {
  const { argon2, dummy, password, text } = tried
  if (phc === undefined || phc.startsWith('$argon2id$'))
    return await verifyArgon2(argon2, phc ?? dummy, text)
  if (isFastHash(phc)) await verifyArgon2(argon2, dummy, text)
  if (await verifyForeignHash(phc, password, { argon2 })) return true
  return password !== text && (await verifyForeignHash(phc, text, { argon2 }))
}

function defaultConcurrency(): number {
  return Math.max(1, Math.min(availableParallelism(), THREADS_OF_LIBUV) - 1)
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
