import type { z } from 'zod'
import { settingTable } from '../../../src/platform/config/setting_table.ts'

/** What only narrows what clients may do: with it on, less would be seen. */
const DEMANDS = new Set(['AUTHCORE_REQUIRE_PUSHED_REQUESTS'])

/** Every switch of the protocols on, also one that is new. */
export const EVERYTHING: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    settingTable
      .filter(
        ({ section, env, schema }) =>
          section === 'protocols' && !DEMANDS.has(env) && isSwitch(schema),
      )
      .map(({ env }) => [env, 'true']),
  ),
  AUTHCORE_DYNAMIC_REGISTRATION: 'open',
}

function isSwitch(schema: unknown): boolean {
  return ['true', 'false'].every((value) => (schema as z.ZodType).safeParse(value).success)
}
