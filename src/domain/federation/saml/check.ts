import { SamlFault } from './fault.ts'

/**
 * One thing that a message must not get wrong, with the clause that says so: `core` is saml-core-2.0,
 * `profiles` saml-profiles-2.0, `bindings` saml-bindings-2.0, with their approved errata.
 */
export type Check<Context> = {
  name: string
  clause: string
  /** `invalid` unless it says otherwise. */
  reason?: 'denied' | 'too_weak'
  /** What is wrong, for the trail; undefined where nothing is. */
  fault(context: Context): string | undefined
}

/** In the order of the table. @throws SamlFault with the name of the first check that objects */
export function runChecks<Context>(checks: readonly Check<Context>[], context: Context): void {
  for (const { name, clause, reason, fault } of checks) {
    const found = fault(context)
    if (found !== undefined) throw new SamlFault(name, `${found} (${clause})`, reason)
  }
}

/** What every message is checked against. */
export type Expectations = {
  nowMs: number
  skewMs: number
  /** The one entity that may speak. */
  idpEntityId: string
}

export function isLater(time: Date, { nowMs, skewMs }: Expectations): boolean {
  return time.getTime() > nowMs + skewMs
}

/** NotOnOrAfter: the very moment is too late. */
export function isOver(end: Date, { nowMs, skewMs }: Expectations): boolean {
  return nowMs - skewMs >= end.getTime()
}
