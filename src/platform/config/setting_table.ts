import type { z } from 'zod'
import { configSchema } from './schema.ts'
import { type SettingMeta, settings } from './setting.ts'

export type SettingRow = SettingMeta & {
  /** Dotted path in the file and in `Config`: `server.port`. */
  path: string
  section: string
  name: string
  schema: z.ZodType
}

/** Every setting once, in the order of the schema: what the loader, the printer and the docs walk. */
export const settingTable: readonly SettingRow[] = Object.entries(configSchema.shape).flatMap(
  ([section, wrapped]) =>
    Object.entries(wrapped.unwrap().shape).map(([name, schema]) => {
      const meta = settings.get(schema)
      if (!meta) throw new Error(`the setting ${section}.${name} does not describe itself`)
      return { ...meta, path: `${section}.${name}`, section, name, schema: schema as z.ZodType }
    }),
)
