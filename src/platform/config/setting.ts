import { z } from 'zod'
import { parseDurationS } from '../../core/duration.ts'

/**
 * What a setting says about itself besides its type: the environment variable that sets it, the
 * sentence of the reference page, and whether its value may ever be printed.
 */
export type SettingMeta = {
  env: string
  doc: string
  secret?: boolean
  /** How the default reads in the documentation where it is computed at start. */
  defaultDoc?: string
}

export const settings = z.registry<SettingMeta>()

export function setting<T extends z.ZodType>(schema: T, meta: SettingMeta): T {
  settings.add(schema, meta)
  return schema
}

/** A duration as whole seconds, written `90s`, `15m`, `24h`, `14d` or as a bare number of seconds. */
export function durationS(minS: number, maxS: number) {
  return z
    .union([z.string(), z.number()])
    .transform((value, ctx) => {
      const seconds = parseDurationS(String(value))
      if (seconds === undefined || seconds < minS || seconds > maxS) {
        ctx.addIssue({
          code: 'custom',
          message: `must be a duration from ${minS}s to ${maxS}s, such as 90s, 15m, 24h or 14d`,
        })
        return z.NEVER
      }
      return seconds
    })
    .pipe(z.number().int())
}

/** A whole number within bounds, from the environment's text or the file's number. */
export function integer(min: number, max: number) {
  return z.coerce.number({ error: 'must be a whole number' }).int().min(min).max(max)
}

export const flag = z.union([
  z.boolean(),
  z
    .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
    .transform((text) => text === 'true' || text === '1'),
])

/** A list: comma separated in the environment, an array in the file. Empty parts are dropped. */
export function list<T extends z.ZodType<unknown, string>>(item: T) {
  return z.preprocess(
    (value) =>
      typeof value === 'string'
        ? value
            .split(',')
            .map((part) => part.trim())
            .filter((part) => part !== '')
        : value,
    z.array(item),
  )
}
