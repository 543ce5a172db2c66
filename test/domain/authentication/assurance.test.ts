import { expect } from 'chai'
import {
  acrValues,
  assuranceOf,
  HARDWARE_ACR,
  type Method,
  MULTI_FACTOR_ACR,
  meetsAcr,
  methodsOfAmr,
  PASSWORD_ACR,
  PHISHING_RESISTANT_ACR,
  webAuthnMethod,
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

  it('is two factors by a passkey alone, and tells where it lives', () => {
    for (const [method, amr] of [
      ['passkey', 'swk'],
      ['device_passkey', 'hwk'],
    ] as const) {
      expect(assuranceOf([method])).to.deep.equal({
        acr: PHISHING_RESISTANT_ACR,
        amr: [amr, 'mfa'],
      })
    }
  })

  it('is one by a key that asks for no more than a touch, which stands beside a password', () => {
    expect(assuranceOf(['security_key']).acr).to.equal(PASSWORD_ACR)
    expect(assuranceOf(['password', 'security_key'])).to.deep.equal({
      acr: PHISHING_RESISTANT_ACR,
      amr: ['pwd', 'pop', 'mfa'],
    })
    expect(assuranceOf(['security_key', 'totp']).acr).to.equal(PASSWORD_ACR)
  })

  it('knows a synced passkey, one of a device and a touch', () => {
    const cases = [
      [true, true, false, 'passkey'],
      [false, true, false, 'device_passkey'],
      [true, false, false, 'security_key'],
      [false, false, false, 'security_key'],
      [false, true, true, 'hardware_passkey'],
      [true, true, true, 'passkey'],
      [false, false, true, 'security_key'],
    ] as const
    for (const [backupEligible, userVerified, inHardware, method] of cases) {
      expect(webAuthnMethod({ backupEligible, userVerified, inHardware })).to.equal(method)
    }
  })

  it('is in hardware only by a key that its maker vouched for, and never read back as that', () => {
    const amr = ['hwk', 'mfa']
    expect(assuranceOf(['hardware_passkey'])).to.deep.equal({ acr: HARDWARE_ACR, amr })
    expect(assuranceOf(['device_passkey', 'hardware_passkey'])).to.deep.equal({
      acr: HARDWARE_ACR,
      amr,
    })
    expect(methodsOfAmr(amr)).to.deep.equal(['device_passkey'])
  })

  it('reads the methods of an earlier sign-in from its amr', () => {
    expect(methodsOfAmr(['pwd'])).to.deep.equal(['password'])
    expect(methodsOfAmr(['pwd', 'otp', 'mfa'])).to.deep.equal(['password', 'totp'])
    expect(methodsOfAmr(['face'])).to.deep.equal([])
    const one: Method[] = ['password', 'totp', 'passkey', 'device_passkey', 'security_key']
    for (const method of one) {
      expect(methodsOfAmr(assuranceOf([method]).amr)).to.deep.equal([method])
    }
  })

  it('names what can be reached, the weakest first; each meets those before it', () => {
    const all = acrValues({ passkeys: true, attestation: true })
    expect(all).to.deep.equal([
      PASSWORD_ACR,
      MULTI_FACTOR_ACR,
      PHISHING_RESISTANT_ACR,
      HARDWARE_ACR,
    ])
    expect(acrValues({ passkeys: true, attestation: false })).to.deep.equal(all.slice(0, 3))
    for (const attestation of [true, false]) {
      expect(acrValues({ passkeys: false, attestation })).to.deep.equal(all.slice(0, 2))
    }
    for (const [at, acr] of all.entries()) {
      for (const [other, asked] of all.entries()) {
        expect(meetsAcr(acr, [asked]), `${acr} for ${asked}`).to.equal(at >= other)
      }
    }
  })
})

describe('domain/authentication/second_factor', () => {
  const state = (changes: Partial<FactorState> = {}): FactorState => ({
    methods: ['password'],
    neededAcr: PASSWORD_ACR,
    policy: 'when_enrolled',
    enrolled: ['totp'],
    deviceTrusted: false,
    passkeys: true,
    ...changes,
  })
  const ask = (...kinds: string[]) => ({ step: 'second_factor', kinds })
  const enrol = (...kinds: string[]) => ({ step: 'enrol_factor', kinds })
  const cases: [string, Partial<FactorState>, object | undefined][] = [
    ['asks whoever has one', {}, ask('totp')],
    ['asks nobody twice', { methods: ['password', 'totp'] }, undefined],
    ['lets those pass who have none', { enrolled: [] }, undefined],
    ['lets a trusted browser pass', { deviceTrusted: true }, undefined],
    [
      'asks a trusted browser where an acr does',
      { deviceTrusted: true, neededAcr: MULTI_FACTOR_ACR },
      ask('totp'),
    ],
    [
      'asks for the passkey in hardware where nothing less will do',
      { neededAcr: HARDWARE_ACR, enrolled: ['webauthn', 'totp'], hardwarePasskey: true },
      ask('webauthn'),
    ],
    [
      'has one made by whoever has none, after what they have',
      { neededAcr: HARDWARE_ACR, enrolled: ['totp'] },
      ask('totp'),
    ],
    [
      'lets nothing but such a passkey be made then, whatever passkey was shown',
      { neededAcr: HARDWARE_ACR, methods: ['passkey'], enrolled: ['webauthn'] },
      enrol('webauthn'),
    ],
    [
      'is not content with less than the request under the policy for less',
      { neededAcr: HARDWARE_ACR, policy: 'phishing_resistant', methods: ['passkey'], enrolled: [] },
      enrol('webauthn'),
    ],
    ['asks nobody where the policy is never', { policy: 'never' }, undefined],
    [
      'asks under never where an acr does',
      { policy: 'never', neededAcr: MULTI_FACTOR_ACR },
      ask('totp'),
    ],
    [
      'has one set up where it is required',
      { policy: 'required', enrolled: [] },
      enrol('totp', 'webauthn'),
    ],
    [
      'has one set up where an acr asks for it',
      { enrolled: [], neededAcr: MULTI_FACTOR_ACR },
      enrol('totp', 'webauthn'),
    ],
    ['has nobody set up another one where it is required', { policy: 'required' }, ask('totp')],
    [
      'lets a trusted browser pass where it is required',
      { policy: 'required', deviceTrusted: true },
      undefined,
    ],
    [
      'offers no passkey where browsers make none',
      { policy: 'required', enrolled: [], passkeys: false },
      enrol('totp'),
    ],
    [
      'offers all that the account has',
      { enrolled: ['webauthn', 'totp'] },
      ask('webauthn', 'totp'),
    ],
    [
      'asks whoever came by a message for what no message brings',
      { methods: ['email_code'], enrolled: ['totp', 'sms'] },
      { step: 'second_factor', kinds: ['totp'] },
    ],
    [
      'never has a message prove a message',
      { methods: ['email_code'], enrolled: ['sms'] },
      undefined,
    ],
    [
      'has somebody with nothing but messages set up something better where it must be',
      { methods: ['sms_code'], enrolled: ['sms'], neededAcr: MULTI_FACTOR_ACR },
      { step: 'enrol_factor', kinds: ['totp', 'webauthn'] },
    ],
    [
      'asks nobody who came by a passkey',
      { methods: ['passkey'], enrolled: ['webauthn'] },
      undefined,
    ],
    [
      'asks for what resists phishing where an acr does',
      { neededAcr: PHISHING_RESISTANT_ACR, enrolled: ['webauthn', 'totp', 'recovery_code'] },
      ask('webauthn'),
    ],
    [
      'asks for it of somebody who has proven two other factors',
      {
        neededAcr: PHISHING_RESISTANT_ACR,
        methods: ['password', 'totp'],
        enrolled: ['webauthn', 'totp'],
      },
      ask('webauthn'),
    ],
    [
      'asks for what there is before a passkey is made',
      { neededAcr: PHISHING_RESISTANT_ACR, enrolled: ['totp', 'recovery_code'] },
      ask('totp', 'recovery_code'),
    ],
    [
      'has a passkey made by whoever has proven what they have',
      {
        neededAcr: PHISHING_RESISTANT_ACR,
        methods: ['password', 'totp'],
        enrolled: ['totp'],
        policy: 'never',
      },
      enrol('webauthn'),
    ],
    [
      'has one made by whoever has nothing else, and no authenticator instead',
      { neededAcr: PHISHING_RESISTANT_ACR, enrolled: [] },
      enrol('webauthn'),
    ],
    [
      'takes nothing but what resists phishing where the policy says so',
      { policy: 'phishing_resistant', enrolled: ['webauthn', 'totp'], deviceTrusted: true },
      ask('webauthn'),
    ],
    [
      'has a passkey made where the policy wants one, whatever the request says',
      { policy: 'phishing_resistant', enrolled: [], neededAcr: undefined },
      enrol('webauthn'),
    ],
    [
      'is content with a passkey alone there',
      { policy: 'phishing_resistant', methods: ['passkey'], enrolled: ['webauthn'] },
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
      expect(wantingFactor(state(changes))).to.deep.equal(expected)
    })
  }
})
