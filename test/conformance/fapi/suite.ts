import { securityProfileTitle } from '../plans.ts'
import { describePlan } from '../support/plan.ts'
import { ASSERTIONS } from './assertions.ts'
import { FAPI_DISCOVERY } from './discovery.ts'
import { DPOP } from './dpop.ts'
import { FAPI_PREFIX, type FapiVariant, fapiModules } from './modules.ts'
import { PUSHED_REQUESTS } from './pushed_requests.ts'
import { REQUEST_OBJECTS } from './request_objects.ts'
import { REQUESTS } from './requests.ts'
import { type FapiModule, startFapi } from './stage.ts'
import { TOKENS } from './tokens.ts'

const SECURITY_PROFILE: Record<string, FapiModule> = {
  ...FAPI_DISCOVERY,
  ...REQUESTS,
  ...PUSHED_REQUESTS,
  ...TOKENS,
  ...ASSERTIONS,
  ...DPOP,
}

const MESSAGE_SIGNING: Record<string, FapiModule> = { ...SECURITY_PROFILE, ...REQUEST_OBJECTS }

/** Every module by the name that the suite has for it. */
export const FAPI_MODULES: Record<string, FapiModule> = Object.fromEntries(
  Object.entries(MESSAGE_SIGNING).map(([name, module]) => [FAPI_PREFIX + name, module]),
)

export function describeSecurityProfile(variant: FapiVariant): void {
  describePlan({
    title: securityProfileTitle(variant),
    rows: fapiModules('SP', variant),
    modules: FAPI_MODULES,
    start: () => startFapi(variant),
  })
}
