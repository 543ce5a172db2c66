import { readFile } from 'node:fs/promises'
import { z } from 'zod'

/**
 * An OpenID Provider as the load sees it, whoever made it: where it is, which clients and people it
 * knows, and what it cannot do. `npm run bench -- protocol --op file.json` reads one from a file, so
 * that others run through the same programme; ours is made when it is seeded.
 */

const client = z.strictObject({ id: z.string(), secret: z.string() })
const command = z.tuple([z.string()], z.string())

const scriptedPage = z.strictObject({
  /** Its path. */
  page: z.string(),
  /** Where it posts to, as JSON; `{login}`, `{password}` and the page's `{query}` are filled in. */
  post: z.string(),
  json: z.record(z.string(), z.unknown()),
  /** The member of the answer that says where the browser goes next. */
  next: z.string(),
})

const schema = z.strictObject({
  name: z.string(),
  /** Program and arguments; `{node}` and `{port}` are filled in, as in `env`. */
  start: command,
  env: z.record(z.string(), z.string()).default({}),
  /** Run before everything else, such as `npm ci` in a folder of its own. */
  install: command.optional(),
  /** Run between the start of its services and its own, in the same environment: tables, people. */
  seed: command.optional(),
  /** Where these run, from the folder of this repository. */
  folder: z.string().default('.'),
  /** `DATABASE_URL` and `REDIS_URL` are given to those that name them. */
  services: z.array(z.enum(['postgres', 'redis'])).default([]),
  issuer: z.string(),
  /** Signs people in with PKCE, `client_secret_basic` and refresh tokens. */
  web: client.extend({ redirectUri: z.string() }),
  /** Asks for tokens of its own, and introspects them. */
  service: client,
  /**
   * APIs by how their access tokens are made; one that is not there is left out of the table. Null
   * is the kind of token that comes where none is named.
   */
  resources: z
    .partialRecord(z.enum(['ES256', 'RS256', 'opaque']), z.string().nullable())
    .default({}),
  /** A scope of those APIs. */
  scope: z.string().default('read'),
  people: z.strictObject({
    /** `{n}` is a number from 0 up to `count`. */
    login: z.string(),
    password: z.string(),
    count: z.int().positive(),
    /** Whether passwords are checked as ours are, so that the hash can be taken off the figure. */
    hashed: z.boolean().default(false),
  }),
  /** Pages that a script fills in and sends, and what it sends; the page itself is not asked for. */
  scriptedPages: z.array(scriptedPage).default([]),
  /** Operations that it does not have, and why. */
  without: z.record(z.string(), z.string()).default({}),
})

export type ProviderDescription = z.infer<typeof schema>
export type ScriptedPage = z.infer<typeof scriptedPage>

/** @throws ZodError where the file does not describe one */
export async function readProvider(file: string): Promise<ProviderDescription> {
  return schema.parse(JSON.parse(await readFile(file, 'utf8')))
}

/** The same with its port in place. */
export function atPort(provider: ProviderDescription, port: number): ProviderDescription {
  const filled = JSON.stringify(provider)
    .replaceAll('{port}', String(port))
    .replaceAll('{node}', process.execPath)
  return JSON.parse(filled) as ProviderDescription
}
