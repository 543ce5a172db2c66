import type { SecondFactor } from '../credentials/factor_store.ts'
import { assuranceOf, type Method, MULTI_FACTOR_ACR, meetsAcr } from './assurance.ts'

/**
 * When a second factor is asked for. The deployment says so with its policy, a client or a request
 * with an `acr`; the stricter one counts.
 *
 * - `never`: only where an `acr` asks for it
 * - `when_enrolled`: of everybody who has one
 * - `required`: of everybody; who has none gets one within the sign-in
 */
export type MfaPolicy = 'never' | 'when_enrolled' | 'required'

export type FactorState = {
  /** Proven in this sign-in. */
  methods: readonly Method[]
  /** The weakest `acr` with which the request is content; undefined where any is. */
  neededAcr: string | undefined
  policy: MfaPolicy
  /** What the account can prove besides, strongest first. */
  enrolled: readonly SecondFactor[]
  /** The person asked not to be asked again on this browser. */
  deviceTrusted: boolean
}

/** The step that is wanting before the sign-in is done; undefined where none is. */
export function wantingFactor(state: FactorState): 'second_factor' | 'enrol_factor' | undefined {
  const { acr } = assuranceOf(state.methods)
  if (meetsAcr(acr, [MULTI_FACTOR_ACR])) return undefined
  const requested = state.neededAcr !== undefined && !meetsAcr(acr, [state.neededAcr])
  if (state.enrolled.length > 0) {
    const byPolicy = state.policy !== 'never' && !state.deviceTrusted
    return requested || byPolicy ? 'second_factor' : undefined
  }
  return requested || state.policy === 'required' ? 'enrol_factor' : undefined
}
