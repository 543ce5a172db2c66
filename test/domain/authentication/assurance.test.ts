import { expect } from 'chai'
import {
  assuranceOf,
  MULTI_FACTOR_ACR,
  methodsOfAmr,
  PASSWORD_ACR,
} from '../../../src/domain/authentication/assurance.ts'
import {
  type FactorState,
  wantingFactor,
} from '../../../src/domain/authentication/second_factor.ts'

describe('domain/authentication/assurance', () => {
  it('is multi-factor by two factors of different kinds only', () => {
    expect(assuranceOf(['password'])).to.deep.equal({ acr: PASSWORD_ACR, amr: ['pwd'] })
    for (const second of ['totp', 'recovery_code'] as const) {
      expect(assuranceOf(['password', second])).to.deep.equal({
        acr: MULTI_FACTOR_ACR,
        amr: ['pwd', 'otp', 'mfa'],
      })
    }
    expect(assuranceOf(['totp', 'recovery_code']).acr).to.equal(PASSWORD_ACR)
    expect(assuranceOf(['password', 'password']).acr).to.equal(PASSWORD_ACR)
  })

  it('reads the methods of an earlier sign-in from its amr', () => {
    expect(methodsOfAmr(['pwd'])).to.deep.equal(['password'])
    expect(methodsOfAmr(['pwd', 'otp', 'mfa'])).to.deep.equal(['password', 'totp'])
    expect(methodsOfAmr(['face'])).to.deep.equal([])
  })
})

describe('domain/authentication/second_factor', () => {
  const state = (changes: Partial<FactorState> = {}): FactorState => ({
    methods: ['password'],
    neededAcr: PASSWORD_ACR,
    policy: 'when_enrolled',
    enrolled: ['totp'],
    deviceTrusted: false,
    ...changes,
  })
  const cases: [string, Partial<FactorState>, ReturnType<typeof wantingFactor>][] = [
    ['asks whoever has one', {}, 'second_factor'],
    ['asks nobody twice', { methods: ['password', 'totp'] }, undefined],
    ['lets those pass who have none', { enrolled: [] }, undefined],
    ['lets a trusted browser pass', { deviceTrusted: true }, undefined],
    [
      'asks a trusted browser where an acr does',
      { deviceTrusted: true, neededAcr: MULTI_FACTOR_ACR },
      'second_factor',
    ],
    ['asks nobody where the policy is never', { policy: 'never' }, undefined],
    [
      'asks under never where an acr does',
      { policy: 'never', neededAcr: MULTI_FACTOR_ACR },
      'second_factor',
    ],
    ['has one set up where it is required', { policy: 'required', enrolled: [] }, 'enrol_factor'],
    [
      'has one set up where an acr asks for it',
      { enrolled: [], neededAcr: MULTI_FACTOR_ACR },
      'enrol_factor',
    ],
    ['has nobody set up another one where it is required', { policy: 'required' }, 'second_factor'],
    [
      'lets a trusted browser pass where it is required',
      { policy: 'required', deviceTrusted: true },
      undefined,
    ],
    [
      'is content with what nobody can prove',
      { neededAcr: undefined, deviceTrusted: true },
      undefined,
    ],
  ]
  for (const [title, changes, expected] of cases) {
    it(title, () => {
      expect(wantingFactor(state(changes))).to.equal(expected)
    })
  }
})
