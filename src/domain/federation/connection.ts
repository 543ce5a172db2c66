import { z } from 'zod'
import { rulesSchema } from './rules.ts'
import { syncSchema } from './sync_settings.ts'

/** A source of identities, as the deployment has set it up. */
export type Connection = {
  /** A UUID. */
  id: string
  /** Stands in addresses: `/federation/:name/callback`. */
  name: string
  /** One of `kinds.ts`. */
  kind: string
  status: ConnectionStatus
  definition: Definition
  createdAt: Date
  updatedAt: Date
}

export type ConnectionStatus = 'active' | 'disabled'

/** What a file says of a connection, but for its name and kind; see `docs/federation/README.md`. */
export type Definition = z.output<typeof definitionSchema>

const domain = z
  .string()
  .toLowerCase()
  .regex(/^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/, {
    error: 'must be a domain in its ASCII form, such as example.com',
  })

/** In addresses and commands. */
export const connectionName = z.string().regex(/^[a-z][a-z0-9-]{1,39}$/, {
  error: 'must be 2 to 40 small letters, digits and hyphens, the first a letter',
})

export const definitionSchema = z.strictObject({
  /** What the button says; the kind's own name where nothing does. */
  title: z.string().trim().min(1).max(80).optional(),
  /** Whether the sign-in page has a button for it. */
  button: z.boolean().default(true),
  /** People of these mail domains are sent there. */
  domains: z.array(domain).max(100).default([]),
  /** `hidden`: no password of ours signs in people of these domains. */
  password: z.enum(['offered', 'hidden']).default('offered'),
  /** A directory is asked for names that nobody has here. */
  fallback: z.boolean().default(false),
  /** What becomes of somebody who is nobody here yet: an account, or nothing. */
  provisioning: z.enum(['create', 'none']).default('create'),
  /**
   * What joins somebody to the account that has their address: the address alone, where both sides have
   * proven it, or the person, who signs in to the account once.
   */
  linking: z.enum(['verified_email', 'sign_in']).default('sign_in'),
  /** Whether an address that the source calls verified is; the kind knows better where nothing is said. */
  trust_email: z.boolean().optional(),
  /** Whether accounts that came from there are told anew at each sign-in. */
  refresh: z.boolean().default(true),
  /**
   * Which of the source's own words vouch for a second factor, of `amr` or as `acr`. None of them: our
   * own policy is asked, whatever they did there.
   */
  second_factor: z
    .strictObject({
      amr: z.array(z.string().max(100)).max(20).default([]),
      acr: z.array(z.string().max(300)).max(20).default([]),
    })
    .optional(),
  /** Whether whoever signs out here is signed out there as well. */
  single_logout: z.boolean().default(false),
  /** Who of there is let in, and what their attributes are called here. */
  rules: rulesSchema.optional(),
  /** A directory is gone through from time to time; only at sign-ins where nothing is said. */
  sync: syncSchema.optional(),
  /** As the kind wants them, without secrets. */
  settings: z.record(z.string(), z.unknown()).default({}),
})
