import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { ENDINGS } from './endings.ts'
import { ALL_PLANS, NOT_ASKED, OIDC_NAMES } from './modules.ts'
import { BACKCHANNEL } from './oidc/backchannel_logout.ts'
import { DISCOVERY } from './oidc/discovery.ts'
import { LOGOUT } from './oidc/logout.ts'
import { CORE_MODULES } from './oidc/modules.ts'

/** The checklist against the files, so that no module and no plan of the suite is lost. */

const HERE = new URL('.', import.meta.url)
const files = readdirSync(HERE).filter((name) => name.endsWith('.test.ts'))
const sources = files.map((name) => readFileSync(new URL(name, HERE), 'utf8'))
const isAsked = (plan: string) => sources.some((source) => source.includes(`'${plan}'`))

describe('The checklist of the OpenID conformance suite', () => {
  it('has every module once', () => {
    expect(new Set(OIDC_NAMES).size).to.equal(OIDC_NAMES.length)
    // As suite 5.2.4 lists them, Session Management included.
    expect(OIDC_NAMES).to.have.length(77)
  })

  it('has a file for every plan', () => {
    for (const { plan, rows } of ALL_PLANS) {
      const left = NOT_ASKED[plan]
      console.log(`      ${plan}: ${rows.length} modules${left ? ` (not asked: ${left})` : ''}`)
      expect(rows, plan).not.to.have.length(0)
      if (!left) expect(isAsked(plan), plan).to.equal(true)
    }
  })

  it('has every module that somebody wrote', () => {
    const written = { ...CORE_MODULES, ...DISCOVERY, ...LOGOUT, ...BACKCHANNEL }
    for (const name of Object.keys(written)) expect(OIDC_NAMES).to.include(name)
  })

  it('expects no ending of a module that is in no plan', () => {
    for (const { plans, modules, why } of ENDINGS) {
      const meant = ALL_PLANS.filter(({ plan }) => plans.test(plan))
        .flatMap(({ rows }) => rows)
        .filter(({ name }) => modules.test(name))
      expect(meant, why).not.to.have.length(0)
    }
  })
})
