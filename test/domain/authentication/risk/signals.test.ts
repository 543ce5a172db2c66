import { expect } from 'chai'
import {
  distanceKm,
  type RiskPolicy,
  SIGNALS,
  type Signal,
  type SignInSeen,
  signalsOf,
} from '../../../../src/domain/authentication/risk/signals.ts'
import type { SeenPlace } from '../../../../src/domain/sessions/sign_in_place_store.ts'

const LYON = { latitude: 45.7, longitude: 4.8, radiusKm: 20 }
const TOKYO = { latitude: 35.7, longitude: 139.7, radiusKm: 50 }
const PARIS = { latitude: 48.9, longitude: 2.4, radiusKm: 20 }

const now = new Date('2026-03-10T12:00:00Z')
const ago = (hours: number) => new Date(now.getTime() - hours * 3_600_000)

const policy: RiskPolicy = {
  actions: { new_device: 'notify', new_country: 'notify', travel: 'notify', velocity: 'notify' },
  historyDays: 90,
  travel: { speedKmh: 1_000, distanceKm: 300 },
  velocity: { networks: 3, windowS: 600 },
}
const at = (hours: number, more: Partial<SeenPlace> = {}): SeenPlace => ({
  network: 'aa',
  country: 'FR',
  point: LYON,
  signedInAt: ago(hours),
  triedAt: ago(hours),
  ...more,
})
const seen = (more: Partial<SignInSeen> = {}): SignInSeen => ({
  now,
  returning: true,
  knownDevice: true,
  network: 'aa',
  country: 'FR',
  point: LYON,
  before: [at(24)],
  ...more,
})

describe('what is unusual about a sign-in', () => {
  it('is nothing at the first sign-in of all, whatever there is', () => {
    const odd = { knownDevice: false, country: 'JP', point: TOKYO, before: [at(1)] }
    expect(signalsOf(seen({ ...odd, returning: false }), policy)).to.deep.equal([])
    expect(signalsOf(seen({ ...odd }), policy)).to.include('travel')
  })

  it('is nothing where everything is as it was', () => {
    expect(signalsOf(seen(), policy)).to.deep.equal([])
  })

  it('is a browser that was never seen', () => {
    expect(signalsOf(seen({ knownDevice: false }), policy)).to.deep.equal(['new_device'])
  })

  it('is a country that was not signed in from within the days that count', () => {
    const fromJapan = (before: SeenPlace[]) =>
      signalsOf(seen({ country: 'JP', point: undefined, before }), policy)
    expect(fromJapan([at(24)])).to.deep.equal(['new_country'])
    expect(fromJapan([at(24), at(48, { country: 'JP', network: 'bb' })])).to.deep.equal([])
    const longAgo = at(91 * 24, { country: 'JP', network: 'bb' })
    expect(fromJapan([at(24), longAgo])).to.deep.equal(['new_country'])
    const refused = at(1, { country: 'JP', network: 'bb', signedInAt: undefined })
    expect(fromJapan([at(24), refused]), 'a refused try teaches nothing').to.deep.equal([
      'new_country',
    ])
  })

  it('is no country where none was ever known, or this one is not', () => {
    expect(signalsOf(seen({ before: [] }), policy)).to.deep.equal([])
    expect(signalsOf(seen({ before: [at(24, { country: undefined })] }), policy)).to.deep.equal([])
    expect(signalsOf(seen({ country: undefined, point: undefined }), policy)).to.deep.equal([])
  })

  it('is a way too long for the time between, counted from the last sign-in', () => {
    const inTokyo = (before: SeenPlace[]) =>
      signalsOf(seen({ point: TOKYO, before }), policy).includes('travel')
    expect(inTokyo([at(2)])).to.equal(true)
    expect(inTokyo([at(10)]), '9 600 km in ten hours').to.equal(false)
    expect(inTokyo([at(2), at(1, { point: TOKYO, network: 'bb' })])).to.equal(false)
    expect(inTokyo([at(2, { signedInAt: undefined })])).to.equal(false)
    expect(inTokyo([at(2, { point: undefined })])).to.equal(false)
    expect(inTokyo([at(0)]), 'at the same moment').to.equal(true)
  })

  it('is no way that the places may be off by, nor a short one', () => {
    const toParis = (more: Partial<SeenPlace>) =>
      signalsOf(seen({ point: PARIS, before: [at(0.01, more)] }), policy).includes('travel')
    expect(toParis({})).to.equal(true)
    expect(toParis({ point: { ...LYON, radiusKm: 200 } })).to.equal(false)
    const far = { ...policy, travel: { ...policy.travel, distanceKm: 500 } }
    expect(signalsOf(seen({ point: PARIS, before: [at(0.01)] }), far)).to.deep.equal([])
  })

  it('is tries from many networks within a short time, refused ones too', () => {
    const refused = (network: string, hours = 0.05) =>
      at(hours, { network, signedInAt: undefined, country: undefined, point: undefined })
    const before = [at(24), refused('bb'), refused('cc')]
    expect(signalsOf(seen({ before }), policy)).to.deep.equal(['velocity'])
    expect(signalsOf(seen({ before, network: 'bb' }), policy)).to.deep.equal([])
    expect(signalsOf(seen({ before: [at(24), refused('bb'), refused('cc', 1)] }), policy))
      .to.deep //
      .equal([])
  })

  it('is not what is switched off', () => {
    const before = [at(0.1, { network: 'bb' }), at(0.1, { network: 'cc' })]
    const odd = seen({ knownDevice: false, country: 'JP', point: TOKYO, before })
    expect(signalsOf(odd, policy)).to.deep.equal([...SIGNALS])
    for (const name of SIGNALS) {
      const without = {
        ...policy,
        actions: { ...policy.actions, [name as Signal]: 'off' as const },
      }
      expect(signalsOf(odd, without)).to.deep.equal(SIGNALS.filter((each) => each !== name))
    }
  })
})

describe('the distance between two places', () => {
  it('is that on the globe', () => {
    expect(distanceKm(LYON, TOKYO)).to.be.within(9_800, 10_000)
    expect(distanceKm(LYON, LYON)).to.equal(0)
    const west = { latitude: 0, longitude: -179, radiusKm: 0 }
    expect(distanceKm(west, { ...west, longitude: 179 })).to.be.within(222, 223)
    expect(distanceKm(west, { ...west, longitude: 1 })).to.be.within(20_015, 20_016)
  })
})
