import { z } from 'zod'
import { flag, setting } from '../setting.ts'
import { cssColor } from '../values.ts'

const httpsOrPath = z
  .string()
  .regex(/^(https:\/\/[^\s"'<>]+|\/[^\s"'<>]*)$/, { error: 'must be an https URL or a path' })

/** What a person sees of the deployment's own look. */
export const brandSection = z.strictObject({
  name: setting(z.string().min(1).max(60).default('AuthCore'), {
    env: 'AUTHCORE_BRAND_NAME',
    doc: 'The name on every page.',
  }),
  logoUri: setting(httpsOrPath.optional(), {
    env: 'AUTHCORE_BRAND_LOGO',
    doc: 'Logo shown instead of the name: an https URL or a path on the issuer.',
  }),
  accent: setting(cssColor.optional(), {
    env: 'AUTHCORE_BRAND_ACCENT',
    doc: 'Colour of buttons, links and focus rings.',
  }),
  accentDark: setting(cssColor.optional(), {
    env: 'AUTHCORE_BRAND_ACCENT_DARK',
    doc: 'The same in the dark theme.',
  }),
})

/** The demonstration that a development start brings along. Nothing of it exists in production. */
export const demoSection = z.strictObject({
  enabled: setting(flag.optional(), {
    env: 'AUTHCORE_DEMO',
    doc: 'Seed the demonstration account, clients and API, and serve the demonstration application on port 5002.',
    defaultDoc: '`true` outside production with the embedded database, otherwise `false`',
  }),
  password: setting(z.string().min(8).max(256).optional(), {
    env: 'DEMO_PASSWORD',
    doc: 'Password of demo@example.com.',
    secret: true,
    defaultDoc: 'made at the first start and printed',
  }),
  clientSecret: setting(z.string().min(16).max(256).optional(), {
    env: 'DEMO_CLIENT_SECRET',
    doc: 'Secret of the client demo-service.',
    secret: true,
    defaultDoc: 'made at the first start and printed',
  }),
  port: setting(z.coerce.number().int().min(0).max(65535).default(5002), {
    env: 'AUTHCORE_DEMO_PORT',
    doc: 'Port of the demonstration application.',
  }),
})
