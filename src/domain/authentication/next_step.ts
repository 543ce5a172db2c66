import type { Risk } from './risk/risk.ts'
import { type FactorState, type WantingFactor, wantingFactor } from './second_factor.ts'

/**
 * Signing in as the browser sees it: the protocol engine says what is wanting, and this decides which
 * page comes next. It is the only place that does; every page returns here when it is done.
 */

export type PromptName = 'login' | 'consent' | 'select_account'

export type InteractionState = {
  /** What the protocol engine asks for, and why. */
  prompt: { name: PromptName; reasons: readonly string[] }
  /** What has been proven in this interaction. */
  attempt?: { accountId: string; risk?: Risk | undefined } | undefined
  /**
   * Of whoever has proven something: in this interaction, or where the engine is content with the
   * sign-in before it but for its strength, in that one.
   */
  factors?: FactorState | undefined
  /** Who was signed in to this browser when the interaction began. */
  sessionAccountId?: string | undefined
  /** The answer to the choice of accounts; anything but the account of the session is another one. */
  selectedAccount?: string | undefined
  /** Something is asked for that the person in question has not allowed yet. */
  consentMissing?: boolean | undefined
  /** The terms of the deployment wait to be accepted by the person in question. */
  termsMissing?: boolean | undefined
  /** Something is to be asked about the person in question. */
  profileMissing?: boolean | undefined
  /** Somebody came from a source who is nobody here yet, and whose account is to be said. */
  personWaiting?: boolean | undefined
  /** A sign-up waits for the code that went to this address. */
  signUpPending?: 'email' | 'phone' | undefined
  /** The client belongs to the house. */
  firstParty: boolean
}

type Step =
  | 'select_account'
  | 'login'
  | 'verify_email'
  | 'verify_phone'
  | 'link_account'
  | 'confirm_sign_in'
  | 'accept_terms'
  | 'complete_profile'
  | 'consent'
  | 'finish'
  | 'restart'

export type NextStep = { step: Step } | WantingFactor

export function nextStep(state: InteractionState): NextStep {
  switch (state.prompt.name) {
    case 'select_account':
      return afterChoice(state)
    case 'login':
      // A session may be there: the engine asks for a new proof (max_age, prompt, acr), which only
      // an attempt of this interaction is.
      if (state.attempt) return afterProof(state)
      return state.personWaiting ? { step: 'link_account' } : stepUp(state)
    case 'consent':
      // Somebody else may have signed in on the way, and has proven no more than this attempt.
      if (state.attempt) return afterProof(state)
      return state.sessionAccountId === undefined ? { step: 'restart' } : agreeOrFinish(state)
    default:
      // A prompt that this program does not know cannot be answered by one of its pages.
      return { step: 'restart' }
  }
}

function afterChoice(state: InteractionState): NextStep {
  const { attempt, sessionAccountId, selectedAccount, signUpPending } = state
  if (attempt) return afterProof(state)
  if (state.personWaiting) return { step: 'link_account' }
  if (signUpPending) return { step: `verify_${signUpPending}` }
  if (sessionAccountId === undefined) return { step: 'login' }
  if (selectedAccount === undefined) return { step: 'select_account' }
  return selectedAccount === sessionAccountId ? agreeOrFinish(state) : { step: 'login' }
}

/** One more factor on top of the sign-in before, where there is one to ask for. */
function stepUp({ factors, signUpPending }: InteractionState): NextStep {
  if (signUpPending) return { step: `verify_${signUpPending}` }
  const wanting = factors && wantingFactor(factors)
  // A new factor is bound to a fresh proof, not to a session of last week.
  return wanting?.step === 'second_factor' ? wanting : { step: 'login' }
}

function afterProof(state: InteractionState): NextStep {
  // Before anything is set up: whoever has no more than a stolen password shall set up nothing.
  if (state.attempt?.risk?.asks === 'mailbox') return { step: 'confirm_sign_in' }
  const wanting = state.factors && wantingFactor(state.factors)
  if (wanting) return wanting
  // After everything that is asked of the account: who joins something to it is its owner.
  return state.personWaiting ? { step: 'link_account' } : agreeOrFinish(state)
}

/** Whose application it is makes no difference to the terms: they are about the account. */
function agreeOrFinish(state: InteractionState): NextStep {
  const { termsMissing, profileMissing, consentMissing, firstParty } = state
  if (termsMissing) return { step: 'accept_terms' }
  // Nobody consents to tell what is not there yet, and nobody tells anything before the terms.
  if (profileMissing) return { step: 'complete_profile' }
  return { step: consentMissing && !firstParty ? 'consent' : 'finish' }
}
