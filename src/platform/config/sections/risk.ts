import { z } from 'zod'
import { setting } from '../setting.ts'

/** Where people sign in from, and what follows from an unusual sign-in. */
export const riskSection = z.strictObject({
  geoDatabase: setting(z.string().min(1).optional(), {
    env: 'AUTHCORE_GEO_DATABASE',
    doc: 'A file in MaxMind DB format, of countries or cities (GeoLite2, GeoIP2, DB-IP), that tells where addresses are; read again when it is replaced. See docs/OPERATIONS.md.',
    defaultDoc: 'no place is told',
  }),
})
