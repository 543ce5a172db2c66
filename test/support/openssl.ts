import { needsPrograms } from './component.ts'
import type { Availability } from './skip.ts'

/** Certificates are made with it. */
export function available(): Availability {
  return needsPrograms('openssl')
}
