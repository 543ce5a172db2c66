/**
 * Signing in as the browser sees it: the protocol engine says what is wanting, and this decides which
 * page comes next. It is the only place that does; every page returns here when it is done.
 */

export type PromptName = 'login' | 'consent' | 'select_account'

export type InteractionState = {
  /** What the protocol engine asks for, and why. */
  prompt: { name: PromptName; reasons: readonly string[] }
  /** What has been proven in this interaction. */
  attempt?: { accountId: string } | undefined
  /** Who was signed in to this browser when the interaction began. */
  sessionAccountId?: string | undefined
  /** The answer to the choice of accounts; anything but the account of the session is another one. */
  selectedAccount?: string | undefined
  /** Something is asked for that the person in question has not allowed yet. */
  consentMissing?: boolean | undefined
  /** The client belongs to the house. */
  firstParty: boolean
}

export type NextStep = { step: 'select_account' | 'login' | 'consent' | 'finish' | 'restart' }

export function nextStep(state: InteractionState): NextStep {
  switch (state.prompt.name) {
    case 'select_account':
      return afterChoice(state)
    case 'login':
      // A session may be there: the engine asks for a new proof (max_age, prompt, acr), which only
      // an attempt of this interaction is.
      return state.attempt ? consentOrFinish(state) : { step: 'login' }
    case 'consent':
      return signedInAccount(state) === undefined ? { step: 'restart' } : consentOrFinish(state)
    default:
      // A prompt that this program does not know cannot be answered by one of its pages.
      return { step: 'restart' }
  }
}

function afterChoice(state: InteractionState): NextStep {
  const { attempt, sessionAccountId, selectedAccount } = state
  if (attempt) return consentOrFinish(state)
  if (sessionAccountId === undefined) return { step: 'login' }
  if (selectedAccount === undefined) return { step: 'select_account' }
  return selectedAccount === sessionAccountId ? consentOrFinish(state) : { step: 'login' }
}

function consentOrFinish({ consentMissing, firstParty }: InteractionState): NextStep {
  return { step: consentMissing && !firstParty ? 'consent' : 'finish' }
}

function signedInAccount({ attempt, sessionAccountId }: InteractionState): string | undefined {
  return attempt?.accountId ?? sessionAccountId
}
