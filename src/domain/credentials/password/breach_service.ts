import { createHash } from 'node:crypto'
import type { Outbound } from '../../../platform/outbound/outbound.ts'

/**
 * Asks a service in the form of Have I Been Pwned whether a password is known from a breach, by
 * k-anonymity: five hexadecimal digits of its SHA-1 leave the house, some thousand suffixes come
 * back, and the comparison is ours. Padding hides how many came. Where the service does not answer,
 * the password counts as unknown: nobody is kept from an account because a stranger is down.
 */
export type BreachService = { isBreached(password: string): Promise<boolean> }

export type BreachOutcome = 'breached' | 'unknown' | 'failed'

export type BreachServiceDeps = {
  /** What the prefix is appended to, such as `https://api.pwnedpasswords.com/range/`. */
  url: string
  request: Outbound['request']
  log: { warn(fields: object, message: string): void }
  onOutcome?: (outcome: BreachOutcome) => void
}

const PREFIX_DIGITS = 5
const TIMEOUT_MS = 2000

export function createBreachService(deps: BreachServiceDeps): BreachService {
  return {
    async isBreached(password) {
      const outcome = await ask(deps, password)
      deps.onOutcome?.(outcome)
      return outcome === 'breached'
    },
  }
}

async function ask(
  { url, request, log }: BreachServiceDeps,
  password: string,
): Promise<BreachOutcome> {
  const digest = createHash('sha1').update(password).digest('hex').toUpperCase()
  try {
    const { status, body } = await request({
      url: `${url}${url.endsWith('/') ? '' : '/'}${digest.slice(0, PREFIX_DIGITS)}`,
      headers: { 'add-padding': 'true', accept: 'text/plain' },
      timeoutMs: TIMEOUT_MS,
    })
    if (status !== 200) throw new Error(`status ${status}`)
    return lists(body.toString('latin1'), digest.slice(PREFIX_DIGITS)) ? 'breached' : 'unknown'
  } catch (error) {
    log.warn({ err: error }, 'the breach service does not answer; the password is taken as unknown')
    return 'failed'
  }
}

/** Lines of `SUFFIX:COUNT`; a count of nought is padding. */
function lists(text: string, suffix: string): boolean {
  return text.split(/\r?\n/).some((line) => {
    const [digits = '', count] = line.trim().split(':')
    return digits.toUpperCase() === suffix && Number(count) > 0
  })
}
