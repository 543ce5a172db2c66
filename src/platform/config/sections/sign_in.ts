import { z } from 'zod'
import { integer, setting } from '../setting.ts'

/** What people have to prove. */
export const signInSection = z.strictObject({
  mfa: setting(z.enum(['never', 'when_enrolled', 'required']).default('when_enrolled'), {
    env: 'AUTHCORE_MFA',
    doc: 'When a second factor is asked for: `never` (only where a client or a request asks for it with an `acr`), `when_enrolled` (of everybody who has one) or `required` (of everybody; who has none sets one up within the sign-in).',
  }),
  trustedDeviceDays: setting(integer(0, 365).default(30), {
    env: 'AUTHCORE_TRUSTED_DEVICE_DAYS',
    doc: 'For how many days people may have a browser trusted, so that no second factor is asked for there; 0 offers it to nobody. An `acr` that a client or a request asks for is proven all the same.',
  }),
})
