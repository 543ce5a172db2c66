import { expect } from 'chai'
import {
  ACCOUNT_STATES,
  accountState,
  type StateFacts,
} from '../../../src/domain/accounts/account_state.ts'

const PROVEN: StateFacts = {
  status: 'active',
  email: 'ada@example.test',
  emailVerified: true,
  phoneVerified: false,
  deletionAt: undefined,
  locks: [],
}

describe('the state of an account', () => {
  const stateOf = (change: Partial<StateFacts> = {}) => accountState({ ...PROVEN, ...change })

  it('is active where nothing else is true', () => {
    expect(stateOf()).to.equal('active')
  })

  it('is unverified where it has an address or a number and has proven none', () => {
    expect(stateOf({ emailVerified: false })).to.equal('unverified')
    const phone = '+491711234567'
    expect(stateOf({ emailVerified: false, phone })).to.equal('unverified')
    expect(stateOf({ emailVerified: false, phone, phoneVerified: true })).to.equal('active')
    const { email: _, ...bare } = PROVEN
    expect(accountState({ ...bare, emailVerified: false }), 'a username alone').to.equal('active')
  })

  it('is, of several, the one that keeps its owner out most', () => {
    const all: Partial<StateFacts>[] = [
      { emailVerified: false },
      { locks: ['password'] },
      { deletionAt: new Date('2026-12-01') },
      { status: 'disabled' },
    ]
    const grown = all.map((_, index) => stateOf(Object.assign({}, ...all.slice(0, index + 1))))
    expect(grown).to.deep.equal(['unverified', 'locked', 'scheduled_for_deletion', 'disabled'])
    expect(['active', ...grown]).to.deep.equal([...ACCOUNT_STATES])
  })
})
