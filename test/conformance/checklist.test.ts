import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { say } from '../support/say.ts'
import { DYNAMIC } from './dynamic/modules.ts'
import { THIRD_PARTY_LOGIN } from './dynamic/third_party_login.ts'
import { ENDINGS } from './endings.ts'
import { FAPI_NAMES } from './fapi/modules.ts'
import { FAPI_MODULES } from './fapi/suite.ts'
import { OIDC_NAMES } from './modules.ts'
import { BACKCHANNEL } from './oidc/backchannel_logout.ts'
import { DISCOVERY } from './oidc/discovery.ts'
import { FRONTCHANNEL } from './oidc/frontchannel_logout.ts'
import { LOGOUT } from './oidc/logout.ts'
import { CORE_MODULES } from './oidc/modules.ts'
import { ALL_PLANS } from './plans.ts'

/** The checklist against the files, so that no module and no plan of the suite is lost. */

describe('The checklist of the OpenID conformance suite', () => {
  const NAMES = [...OIDC_NAMES, ...FAPI_NAMES]

  it('has every module once, as suite 5.2.4 lists them', () => {
    expect(new Set(NAMES).size).to.equal(NAMES.length)
    // Session Management included, whose two modules are in no plan of ours.
    expect(OIDC_NAMES).to.have.length(77)
    expect(FAPI_NAMES).to.have.length(70)
    const asked = new Set(ALL_PLANS.flatMap(({ rows }) => rows.map(({ name }) => name)))
    const left = NAMES.filter((name) => !asked.has(name))
    expect(left.every((name) => name.includes('-session-management-'))).to.equal(true)
    expect(left).to.have.length(2)
  })

  it('has a file for every plan', () => {
    for (const { plan, file, rows } of ALL_PLANS) {
      say(`${plan}: ${rows.length} modules`)
      expect(existsSync(new URL(`${file}.test.ts`, import.meta.url)), file).to.equal(true)
    }
  })

  it('has every module that somebody wrote', () => {
    const written = {
      ...CORE_MODULES,
      ...DISCOVERY,
      ...LOGOUT,
      ...BACKCHANNEL,
      ...FRONTCHANNEL,
      ...DYNAMIC,
      ...THIRD_PARTY_LOGIN,
      ...FAPI_MODULES,
    }
    for (const name of Object.keys(written)) expect(NAMES).to.include(name)
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
