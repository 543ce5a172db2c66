import type { Module } from '../support/plan.ts'
import { CLAIMS } from './claims.ts'
import { CODES } from './codes.ts'
import { HAPPY_FLOW } from './happy_flow.ts'
import { PROMPTS } from './prompts.ts'
import { REQUEST_OBJECTS } from './request_objects.ts'
import type { OidcStage } from './stage.ts'

/** The modules of Basic, Implicit and Hybrid; which of them a plan asks is in the checklist. */
export const CORE_MODULES: Record<string, Module<OidcStage>> = {
  ...HAPPY_FLOW,
  ...PROMPTS,
  ...CLAIMS,
  ...CODES,
  ...REQUEST_OBJECTS,
}
