import { expect } from 'chai'
import { applyRules, rulesSchema } from '../../../src/domain/federation/rules.ts'
import { personOf } from '../../support/made_up_source.ts'

const person = personOf('s1', {
  username: 'grace',
  email: 'grace@works.example',
  groups: ['staff', 'admins'],
  claims: { name: 'Grace' },
  raw: { department: ['Press'], level: 3, empty: [] },
})

const rulesOf = (rules: object) => rulesSchema.parse(rules)

describe('domain/federation/rules', () => {
  it('lets everybody in who is not kept out', () => {
    expect(applyRules(undefined, person).allowed).to.equal(true)
    for (const [allow, allowed] of [
      ['"staff" in groups', true],
      ['"guests" in groups', false],
      ['email.endsWith("@works.example") && size(groups) > 1', true],
      ['raw.department[0] == "Press"', true],
      // What this person does not have lets nobody in, whichever way it is asked.
      ['raw.missing[0] == "x"', false],
      ['raw.missing[0] != "x"', false],
      ['!(raw.missing == "x")', false],
    ] as const) {
      expect(applyRules(rulesOf({ allow }), person).allowed, allow).to.equal(allowed)
    }
  })

  it('makes claims and attributes of what the source tells, and nothing of what it does not', () => {
    const rules = rulesOf({
      claims: { nickname: 'username', website: '"https://" + raw.missing[0]', gender: '""' },
      attributes: { department: 'raw.department[0]', level: 'raw.level', all: 'groups' },
    })
    expect(applyRules(rules, person)).to.deep.equal({
      allowed: true,
      claims: { name: 'Grace', nickname: 'grace', website: undefined, gender: undefined },
      attributes: { department: 'Press', level: 3, all: ['staff', 'admins'] },
      ruledClaims: ['nickname', 'website', 'gender'],
    })
  })

  it('is refused when it is written, not when somebody signs in', () => {
    for (const [rules, words] of [
      [{ allow: 'groups' }, 'must give bool'],
      [{ allow: '"staff" in' }, 'cannot be read'],
      [{ allow: 'process.exit()' }, 'Unknown variable: process'],
      [{ claims: { name: 'nobody' } }, 'Unknown variable: nobody'],
      [{ allow: `"${'x'.repeat(2_000)}" == ""` }, '2000'],
      [{ deny: 'true' }, 'deny'],
    ] as const) {
      const result = rulesSchema.safeParse(rules)
      expect(result.success, JSON.stringify(rules)).to.equal(false)
      expect(JSON.stringify(result.error?.issues), words).to.include(words)
    }
  })

  it('reaches nothing of the program through what a source tells', () => {
    const raw = JSON.parse('{"__proto__": {"polluted": true}, "constructor": "x"}') as object
    const rules = rulesOf({
      attributes: { own: 'raw.__proto__.polluted', made: 'raw.constructor' },
    })
    applyRules(rules, { ...person, raw: raw as Record<string, unknown> })
    expect(({} as { polluted?: boolean }).polluted).to.equal(undefined)
  })
})
