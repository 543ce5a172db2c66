import type { AliasOptions } from './plans/planned.ts'
import type { ProfileName } from './tables/profiles.ts'

/** What the command line comes to. */
export type CertifyOptions = AliasOptions & {
  profiles: readonly ProfileName[]
  suite: string
  suiteCaFile: string | undefined
  token: string | undefined
  /** A server that runs already; otherwise one is started at `issuer`. */
  op: string | undefined
  issuer: string
  out: string
  expectations: string
  concurrency: number
  timeoutMs: number
  pollMs: number
  only: RegExp | undefined
  chromium: string | undefined
  say(line: string): void
}
