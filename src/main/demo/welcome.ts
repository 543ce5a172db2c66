import type { Config } from '../../platform/config/schema.ts'
import { DEV_INBOX_PATH } from '../../surfaces/dev_inbox/mount.ts'
import { DEMO_API, DEMO_EMAIL, type DemoSecrets } from './seed.ts'

/** The one screen that a person who has just started the server reads. */
export function printWelcome(input: {
  config: Config
  secrets: DemoSecrets
  applicationUri: string | undefined
}): void {
  const { config, secrets, applicationUri } = input
  const lines = [
    '',
    '  AuthCore is running.',
    '',
    `  Issuer           ${config.server.issuer}`,
    `  Demo application ${applicationUri ?? 'not running: its port is taken'}`,
    `  Sign in as       ${DEMO_EMAIL}`,
    `  Password         ${secrets.password}`,
    '',
    `  Demo service     demo-service / ${secrets.clientSecret}`,
    `  Demo API         ${DEMO_API} (read, write)`,
    `  Dev inbox        ${config.server.issuer}${DEV_INBOX_PATH}`,
    '',
    '  Read next        README.md, docs/CONFIGURATION.md',
    '  Stop             Ctrl-C; everything is kept in the data directory',
    '',
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
