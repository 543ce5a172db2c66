import type { OidcStage } from '../oidc/stage.ts'
import type { Notes } from '../support/outcome.ts'
import type { SuiteHost } from '../support/suite_host.ts'

/** What is done with every value that discovery advertises, and with those that it does not. */

export type Stage = OidcStage & { host: SuiteHost }
export type Exercise = (value: string, stage: Stage) => Promise<void>

export type Member = {
  /** Uses the value, and throws where it does not work, or where nobody has written how to use it. */
  works: Exercise
  /** What other servers offer, and whoever attacks tries. */
  others?: readonly string[]
  /** Tries a value that is not advertised, and throws where it works. */
  refused?: Exercise
}

/** One exercise for each value that is known; another value fails and says its name. */
export function oneOf(member: string, exercises: Readonly<Record<string, Exercise>>): Exercise {
  return async (value, stage) => {
    const exercise = exercises[value]
    if (!exercise) throw unexercised(member, value)
    await exercise(value, stage)
  }
}

export function unexercised(member: string, value: unknown): Error {
  return new Error(
    `discovery advertises ${member} ${JSON.stringify(value)}, and nobody shows that it works: ` +
      'write its exercise in test/conformance/discovery',
  )
}

/** Here nothing but a plain success will do. */
export const STRICT: Notes = {
  warn(text) {
    throw new Error(`warning: ${text}`)
  },
  review() {},
  skip(text) {
    throw new Error(`skipped: ${text}`)
  },
}
