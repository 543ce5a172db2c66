import { expect } from 'chai'
import fc from 'fast-check'
import {
  type Method,
  MULTI_FACTOR_ACR,
  meetsAcr,
  PASSWORD_ACR,
  PHISHING_RESISTANT_ACR,
} from '../../../src/domain/authentication/assurance.ts'
import {
  type InteractionState,
  type NextStep,
  nextStep,
  type PromptName,
} from '../../../src/domain/authentication/next_step.ts'
import type { FactorState } from '../../../src/domain/authentication/second_factor.ts'

const prompt = (name: PromptName) => ({ name, reasons: [] })
const attempt = { accountId: 'ada' }
const mailbox = {
  ...attempt,
  risk: { signals: ['new_country' as const], asks: 'mailbox' as const },
}
const enrolled = (methods: readonly Method[]): FactorState => ({
  methods,
  neededAcr: undefined,
  policy: 'when_enrolled',
  enrolled: ['totp'],
  deviceTrusted: false,
  passkeys: true,
})

describe('domain/authentication/next_step', () => {
  const cases: [string, Omit<InteractionState, 'firstParty'> & { firstParty?: boolean }, string][] =
    [
      ['asks who it is first', { prompt: prompt('login') }, 'login'],
      [
        'asks again although somebody is signed in',
        { prompt: prompt('login'), sessionAccountId: 'ada' },
        'login',
      ],
      [
        'asks for consent after the sign-in',
        { prompt: prompt('login'), attempt, consentMissing: true },
        'consent',
      ],
      [
        'asks no consent for the house',
        { prompt: prompt('login'), attempt, consentMissing: true, firstParty: true },
        'finish',
      ],
      [
        'finishes where nothing is missing',
        { prompt: prompt('login'), attempt, consentMissing: false },
        'finish',
      ],
      [
        'asks for the code of an unusual sign-in before anything is set up, accepted or allowed',
        {
          prompt: prompt('login'),
          attempt: mailbox,
          factors: { ...enrolled(['password']), enrolled: [], policy: 'required' },
          termsMissing: true,
          consentMissing: true,
        },
        'confirm_sign_in',
      ],
      [
        'goes on once that code was right',
        {
          prompt: prompt('login'),
          attempt: { ...mailbox, risk: { ...mailbox.risk, asks: 'met' } },
        },
        'finish',
      ],
      [
        'asks for a factor of an unusual sign-in whatever the policy says and the browser is trusted for',
        {
          prompt: prompt('login'),
          attempt,
          factors: {
            ...enrolled(['password']),
            policy: 'never',
            deviceTrusted: true,
            riskAsks: true,
          },
        },
        'second_factor',
      ],
      [
        'asks nobody for a factor who has none, however unusual the sign-in is',
        {
          prompt: prompt('login'),
          attempt,
          factors: { ...enrolled(['password']), enrolled: [], policy: 'never', riskAsks: true },
        },
        'finish',
      ],
      [
        'asks for the terms after the sign-in, and before consent',
        { prompt: prompt('login'), attempt, termsMissing: true, consentMissing: true },
        'accept_terms',
      ],
      [
        'asks for what is missing in the profile after the terms',
        { prompt: prompt('login'), attempt, termsMissing: true, profileMissing: true },
        'accept_terms',
      ],
      [
        'asks for what is missing in the profile before consent',
        { prompt: prompt('login'), attempt, profileMissing: true, consentMissing: true },
        'complete_profile',
      ],
      [
        'asks for it on the way to the house, too, and of a session that stands',
        {
          prompt: prompt('consent'),
          sessionAccountId: 'ada',
          profileMissing: true,
          firstParty: true,
        },
        'complete_profile',
      ],
      [
        'asks nobody for a profile who has not proven anything',
        { prompt: prompt('login'), sessionAccountId: 'ada', profileMissing: true },
        'login',
      ],
      [
        'asks for the terms on the way to the house, too',
        { prompt: prompt('login'), attempt, termsMissing: true, firstParty: true },
        'accept_terms',
      ],
      [
        'asks nobody for the terms before it is known who it is',
        { prompt: prompt('login'), sessionAccountId: 'ada', termsMissing: true },
        'login',
      ],
      [
        'asks for the second factor before the terms',
        { prompt: prompt('login'), attempt, factors: enrolled(['password']), termsMissing: true },
        'second_factor',
      ],
      [
        'asks for the terms after the second factor',
        {
          prompt: prompt('login'),
          attempt,
          factors: enrolled(['password', 'totp']),
          termsMissing: true,
        },
        'accept_terms',
      ],
      [
        'asks for the second factor of a step-up before the terms',
        {
          prompt: prompt('login'),
          sessionAccountId: 'ada',
          factors: enrolled(['password']),
          termsMissing: true,
        },
        'second_factor',
      ],
      [
        'asks the signed-in person for the terms',
        { prompt: prompt('consent'), sessionAccountId: 'ada', termsMissing: true },
        'accept_terms',
      ],
      [
        'asks the chosen account for the terms',
        {
          prompt: prompt('select_account'),
          sessionAccountId: 'ada',
          selectedAccount: 'ada',
          termsMissing: true,
        },
        'accept_terms',
      ],
      [
        'asks the signed-in person for consent',
        { prompt: prompt('consent'), sessionAccountId: 'ada', consentMissing: true },
        'consent',
      ],
      [
        'finishes a consent that is there',
        { prompt: prompt('consent'), sessionAccountId: 'ada' },
        'finish',
      ],
      [
        'asks whoever signed in meanwhile for the second factor before consent',
        {
          prompt: prompt('consent'),
          sessionAccountId: 'bob',
          attempt,
          factors: enrolled(['password']),
          consentMissing: true,
        },
        'second_factor',
      ],
      [
        'begins anew where consent is asked of nobody',
        { prompt: prompt('consent'), consentMissing: true },
        'restart',
      ],
      [
        'begins anew where the house asks consent of nobody',
        { prompt: prompt('consent'), firstParty: true },
        'restart',
      ],
      [
        'offers the choice of accounts',
        { prompt: prompt('select_account'), sessionAccountId: 'ada' },
        'select_account',
      ],
      [
        'has nothing to choose from where nobody is signed in',
        { prompt: prompt('select_account') },
        'login',
      ],
      [
        'goes on with the chosen account',
        { prompt: prompt('select_account'), sessionAccountId: 'ada', selectedAccount: 'ada' },
        'finish',
      ],
      [
        'asks for consent of the chosen account',
        {
          prompt: prompt('select_account'),
          sessionAccountId: 'ada',
          selectedAccount: 'ada',
          consentMissing: true,
        },
        'consent',
      ],
      [
        'lets another account sign in',
        { prompt: prompt('select_account'), sessionAccountId: 'ada', selectedAccount: 'another' },
        'login',
      ],
      [
        'goes on after another account has signed in',
        {
          prompt: prompt('select_account'),
          sessionAccountId: 'bob',
          selectedAccount: 'another',
          attempt,
        },
        'finish',
      ],
      [
        'cannot answer a prompt it does not know',
        { prompt: prompt('create' as PromptName), attempt },
        'restart',
      ],
    ]
  for (const [title, state, step] of cases) {
    it(title, () => {
      expect(nextStep({ firstParty: false, ...state }).step).to.equal(step)
    })
  }

  it('never finishes a login without a proof of this interaction, nor anything without an account', () => {
    const state = fc.record({
      prompt: fc.record({
        name: fc.constantFrom<PromptName>('login', 'consent', 'select_account'),
        reasons: fc.constant([]),
      }),
      attempt: fc.constantFrom(undefined, attempt),
      sessionAccountId: fc.constantFrom(undefined, 'ada', 'bob'),
      selectedAccount: fc.constantFrom(undefined, 'ada', 'bob', 'another'),
      consentMissing: fc.boolean(),
      termsMissing: fc.boolean(),
      firstParty: fc.boolean(),
    })
    fc.assert(
      fc.property(state, (state) => {
        const { step } = nextStep(state)
        if (!['finish', 'consent', 'accept_terms'].includes(step)) return
        expect(state.attempt ?? state.sessionAccountId).not.to.equal(undefined)
        if (state.prompt.name === 'login') expect(state.attempt).not.to.equal(undefined)
        expect(step === 'accept_terms').to.equal(state.termsMissing)
        if (step === 'finish') expect(state.consentMissing && !state.firstParty).to.equal(false)
      }),
    )
  })
})

describe('domain/authentication/next_step, whoever walks through it', () => {
  const factors = fc.record({
    methods: fc.constantFrom<readonly Method[]>(['password'], ['passkey'], ['email_code']),
    neededAcr: fc.constantFrom(undefined, PASSWORD_ACR, MULTI_FACTOR_ACR, PHISHING_RESISTANT_ACR),
    policy: fc.constantFrom<FactorState['policy']>(
      'never',
      'when_enrolled',
      'optional',
      'required',
      'phishing_resistant',
    ),
    enrolled: fc.subarray<FactorState['enrolled'][number]>([
      'webauthn',
      'totp',
      'sms',
      'recovery_code',
    ]),
    deviceTrusted: fc.boolean(),
    passkeys: fc.constant(true),
    hardwarePasskey: fc.boolean(),
    riskAsks: fc.boolean(),
  })
  const risk = fc.constantFrom<'none' | 'factor' | 'mailbox'>('none', 'factor', 'mailbox')
  const state = fc.record({
    prompt: fc.constantFrom<PromptName>('login', 'consent', 'select_account').map(prompt),
    attempt: fc.option(
      risk.map((asks) => ({ accountId: 'ada', risk: { signals: [], asks } })),
      { nil: undefined },
    ),
    factors: fc.option(factors, { nil: undefined }),
    sessionAccountId: fc.constantFrom(undefined, 'ada', 'bob'),
    selectedAccount: fc.constantFrom(undefined, 'ada', 'bob', 'another'),
    consentMissing: fc.boolean(),
    termsMissing: fc.boolean(),
    profileMissing: fc.boolean(),
    personWaiting: fc.boolean(),
    signUpPending: fc.constantFrom(undefined, 'email' as const, 'phone' as const),
    firstParty: fc.boolean(),
  })

  /** What is so once the person has done what the page asks for. */
  function done(state: InteractionState, next: NextStep): InteractionState {
    const attempt = state.attempt ?? { accountId: 'ada' }
    const proves = (method: Method): InteractionState => ({
      ...state,
      factors: { ...state.factors!, methods: [...state.factors!.methods, method] },
    })
    switch (next.step) {
      case 'select_account':
        return { ...state, selectedAccount: state.sessionAccountId }
      case 'login':
        return { ...state, attempt }
      case 'verify_email':
      case 'verify_phone':
        return { ...state, attempt, signUpPending: undefined }
      case 'link_account':
        return { ...state, attempt, personWaiting: false }
      case 'confirm_sign_in':
        return { ...state, attempt: { ...attempt, risk: { signals: [], asks: 'met' } } }
      case 'second_factor': {
        const [kind] = next.kinds
        return proves(
          kind === 'webauthn' ? 'hardware_passkey' : kind === 'sms' ? 'sms_code' : kind!,
        )
      }
      case 'enrol_factor':
        return proves(next.kinds[0] === 'webauthn' ? 'hardware_passkey' : 'totp')
      case 'accept_terms':
        return { ...state, termsMissing: false }
      case 'complete_profile':
        return { ...state, profileMissing: false }
      case 'consent':
        return { ...state, consentMissing: false }
      default:
        return state
    }
  }

  it('comes to an end after a few pages, and is shown no page twice that was done', () => {
    fc.assert(
      fc.property(state, (begin) => {
        let at: InteractionState = begin
        const seen: string[] = []
        for (
          let next = nextStep(at);
          !['finish', 'restart'].includes(next.step);
          next = nextStep(at)
        ) {
          seen.push(next.step)
          expect(seen.length, seen.join(' → ')).to.be.below(12)
          at = done(at, next)
        }
        // A second factor may be followed by one that is made anew, and that by nothing.
        expect(new Set(seen).size, seen.join(' → ')).to.equal(seen.length)
        if (nextStep(at).step !== 'finish') return
        expect(at.attempt ?? at.sessionAccountId).not.to.equal(undefined)
        expect([at.termsMissing, at.profileMissing]).to.deep.equal([false, false])
        expect(at.attempt?.risk?.asks).not.to.equal('mailbox')
      }),
      { numRuns: 1_000 },
    )
  })

  it('starts anew only where nobody has proven anything and there is nobody to ask', () => {
    fc.assert(
      fc.property(state, (state) => {
        if (nextStep(state).step !== 'restart') return
        expect([state.attempt, state.sessionAccountId]).to.deep.equal([undefined, undefined])
        expect(state.prompt.name).to.equal('consent')
      }),
    )
  })
})

describe('domain/authentication/assurance', () => {
  it('meets what is requested by the strongest of the requested classes that it reaches', () => {
    expect(meetsAcr(PASSWORD_ACR, [])).to.equal(true)
    expect(meetsAcr(undefined, [])).to.equal(true)
    expect(meetsAcr(PASSWORD_ACR, [PASSWORD_ACR])).to.equal(true)
    expect(meetsAcr(PASSWORD_ACR, ['urn:unknown', PASSWORD_ACR])).to.equal(true)
    expect(meetsAcr(PASSWORD_ACR, ['urn:unknown'])).to.equal(false)
    expect(meetsAcr(undefined, [PASSWORD_ACR])).to.equal(false)
    expect(meetsAcr('urn:unknown', [PASSWORD_ACR])).to.equal(false)
  })
})
