import type { SecondFactor } from '../credentials/factor_store.ts'
import {
  assuranceOf,
  HARDWARE_ACR,
  type Method,
  MULTI_FACTOR_ACR,
  meetsAcr,
  PHISHING_RESISTANT_ACR,
} from './assurance.ts'

/**
 * When a second factor is asked for. The deployment says so with its policy, a client or a request
 * with an `acr`; the stricter one counts.
 *
 * - `never`: only where an `acr` asks for it
 * - `when_enrolled`: of everybody who has one
 * - `optional`: the same; who has none is offered one within the sign-in, and may put it off
 * - `required`: of everybody; who has none gets one within the sign-in
 * - `phishing_resistant`: the same, and only what no other site could pass on will do
 */
export type MfaPolicy = 'never' | 'when_enrolled' | 'optional' | 'required' | 'phishing_resistant'

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
  /** Browsers make passkeys for this deployment. */
  passkeys: boolean
  /** One of the passkeys of the account is in hardware, as attested. */
  hardwarePasskey?: boolean
  /** The sign-in is unusual, and whoever has a second factor shows it. */
  riskAsks?: boolean
  /** The person was offered one of late and put it off. */
  offerPostponed?: boolean
}

/** What can be set up within a sign-in. */
export type EnrollableFactor = 'totp' | 'webauthn'

export type WantingFactor =
  /** One of these, strongest first. */
  | { step: 'second_factor'; kinds: readonly SecondFactor[] }
  | {
      step: 'enrol_factor'
      kinds: readonly EnrollableFactor[]
      /** It is an offer, and the sign-in goes on without it. */
      optional?: true
    }

/** A key that asks for no more than a touch is the least that a kind may turn out to be. */
const METHOD_OF: Readonly<Record<SecondFactor, Method>> = {
  webauthn: 'security_key',
  totp: 'totp',
  recovery_code: 'recovery_code',
  sms: 'sms_code',
}

/** What one that is made now may turn out to be; whatever less it is, is refused where this is needed. */
const BEST_OF: Readonly<Record<EnrollableFactor, Method>> = {
  webauthn: 'hardware_passkey',
  totp: 'totp',
}

/** Nothing less will do than a passkey that is in hardware, as attested. */
export function needsHardware(state: Pick<FactorState, 'neededAcr'> | undefined): boolean {
  return state?.neededAcr === HARDWARE_ACR
}

/** The stricter one of request and deployment. */
function neededBy({ policy, neededAcr }: FactorState): string | undefined {
  if (policy !== 'phishing_resistant') return neededAcr
  return meetsAcr(neededAcr, [PHISHING_RESISTANT_ACR]) ? neededAcr : PHISHING_RESISTANT_ACR
}

/** What is wanting before the sign-in is done; undefined where nothing is. */
export function wantingFactor(state: FactorState): WantingFactor | undefined {
  const { methods, policy, enrolled, deviceTrusted, passkeys, riskAsks } = state
  const neededAcr = neededBy(state)
  const { acr } = assuranceOf(methods)
  const strong = meetsAcr(acr, [MULTI_FACTOR_ACR])
  const isEnough = (method: Method, wanted = neededAcr ?? MULTI_FACTOR_ACR) =>
    meetsAcr(assuranceOf([...methods, method]).acr, [wanted])
  const enough = (kind: SecondFactor) =>
    isEnough(kind === 'webauthn' && state.hardwarePasskey ? 'hardware_passkey' : METHOD_OF[kind])
  // Codes by SMS add nothing for whoever came with a code from another message.
  const strengthening = enrolled.filter((kind) => isEnough(METHOD_OF[kind], MULTI_FACTOR_ACR))
  const ask = (kinds: readonly SecondFactor[]) => ({ step: 'second_factor', kinds }) as const
  const enrol = (kinds: readonly EnrollableFactor[]) => ({ step: 'enrol_factor', kinds }) as const
  const all: EnrollableFactor[] = passkeys ? ['totp', 'webauthn'] : ['totp']
  if (neededAcr !== undefined && !meetsAcr(acr, [neededAcr])) {
    const helpful = enrolled.filter(enough)
    if (helpful.length > 0) return ask(helpful)
    // None of them will do, but a new one is set up by whoever has proven what they have.
    return strengthening.length > 0 && !strong
      ? ask(strengthening)
      : enrol(all.filter((kind) => isEnough(BEST_OF[kind])))
  }
  if (strong) return undefined
  if (riskAsks && strengthening.length > 0) return ask(strengthening)
  if (policy === 'never') return undefined
  if (strengthening.length > 0) return deviceTrusted ? undefined : ask(strengthening)
  if (policy === 'required') return enrol(all)
  if (policy !== 'optional' || state.offerPostponed) return undefined
  // Whoever may choose is shown what is easiest to live with first.
  return { ...enrol(all.toReversed()), optional: true }
}
