import { expect } from 'chai'
import fc from 'fast-check'
import { DomainError } from '../../../src/core/errors.ts'
import { newId } from '../../../src/core/ids.ts'
import type { Account } from '../../../src/domain/accounts/account.ts'
import {
  claimsOf,
  parseStandardClaims,
  type StandardClaims,
  standardClaims,
} from '../../../src/domain/accounts/claims.ts'

const NAMES = Object.keys(standardClaims.shape) as (keyof StandardClaims)[]

describe('domain/accounts/claims, whatever they hold', () => {
  const value = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.webUrl(),
    fc.boolean(),
    fc.constantFrom('2000-02-29', '2001-02-29', '0000-01-01', '0000', 'Europe/Paris', 'en-GB'),
    fc.constantFrom('+15551234567', '+1555;ext=1', 'Nowhere/Land', 'x'.repeat(300)),
    fc.jsonValue({ maxDepth: 2 }),
  )
  const claims = fc.dictionary(
    fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...NAMES) }, fc.string()),
    value,
    { maxKeys: 4 },
  )

  it('are refused in words of ours, or kept exactly as they came, as text that can be stored', () => {
    fc.assert(
      fc.property(claims, (given) => {
        let kept: StandardClaims
        try {
          kept = parseStandardClaims(given)
        } catch (error) {
          expect(error).to.be.instanceOf(DomainError)
          return
        }
        expect(kept).to.deep.equal({ ...given })
        const written = JSON.stringify(kept)
        expect(JSON.parse(written)).to.deep.equal({ ...given })
        // `jsonb` takes neither of them.
        expect(written).not.to.match(/\\u0000|\\ud[89a-f]/i)
        expect(parseStandardClaims(kept)).to.deep.equal(kept)
      }),
      { numRuns: 500 },
    )
  })

  it('never speak for another account, nor of addresses that are not its own', () => {
    const names = ['sub', 'email', 'email_verified', 'phone_number', 'preferred_username']
    const foreign = fc.dictionary(fc.constantFrom(...names), fc.string())
    fc.assert(
      fc.property(foreign, foreign, fc.boolean(), (attributes, stored, emailVerified) => {
        const account = {
          id: newId(),
          email: 'ada@example.test',
          emailVerified,
          phone: '+15551234567',
          phoneVerified: false,
          username: 'ada',
          claims: stored,
          updatedAt: new Date(1_700_000_000_999),
        } as unknown as Account
        expect(claimsOf(account, attributes)).to.deep.equal({
          sub: account.id,
          email: 'ada@example.test',
          email_verified: emailVerified,
          phone_number: '+15551234567',
          phone_number_verified: false,
          preferred_username: 'ada',
          updated_at: 1_700_000_000,
        })
      }),
    )
  })
})
