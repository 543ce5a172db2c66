import { z } from 'zod'
import type { FormLimits } from './forms.ts'

/** A form of somebody's profile, which has as many fields as the deployment has made. */
export const PROFILE_FORM_FIELDS: FormLimits = { maxFields: 3_000 }

const typed = z.string().max(4_000)

/** @param names of fields that have to be there, be it empty; boxes that are not ticked are not sent */
export function profileForm(
  names: readonly string[],
): z.ZodType<{ csrf: string } & Record<string, string>> {
  const fields = Object.fromEntries(names.map((name) => [name, typed]))
  return z.object({ ...fields, csrf: z.string().max(200) }).catchall(typed) as never
}
