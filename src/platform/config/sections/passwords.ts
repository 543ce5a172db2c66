import { z } from 'zod'
import { integer, setting } from '../setting.ts'
import { webUrl } from '../values.ts'

/** What a new password must be, and who is asked about it. */
export const passwordsSection = z.strictObject({
  minLength: setting(integer(8, 64).optional(), {
    env: 'AUTHCORE_PASSWORD_MIN_LENGTH',
    doc: 'The least number of characters of a new password. Fewer than 15 only where AUTHCORE_MFA lets nobody in without a second factor (NIST SP 800-63B-4 §3.1.1.2). Passwords chosen before stay as they are.',
    defaultDoc: '`15`, and `8` where AUTHCORE_MFA is `required` or `phishing_resistant`',
  }),
  breachService: setting(webUrl.optional(), {
    env: 'AUTHCORE_PASSWORD_BREACH_SERVICE',
    doc: 'Where to ask whether a new password is known from a breach, in the form of the range API of Have I Been Pwned: `https://api.pwnedpasswords.com/range/`. Five digits of its SHA-1 leave the house. Where it does not answer, the password is accepted.',
    defaultDoc: 'nobody is asked',
  }),
})
