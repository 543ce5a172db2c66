import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { randomToken } from '../../src/core/secrets.ts'
import { type AuthcoreCli, CliError } from '../product/authcore_cli.ts'
import { ACCOUNT } from '../tables/account.ts'
import { keep } from './credentials.ts'

export type SeededAccount = { login: string; password: string }

/** Makes the account where it is missing, and gives it a password that we know. */
export async function seedAccount(cli: AuthcoreCli, folder: string): Promise<SeededAccount> {
  const { value, isNew } = await keep(folder, 'account', async () => ({
    password: randomToken(18),
  }))
  const passwordFile = path.join(folder, 'account_password')
  writeFileSync(passwordFile, value.password, { mode: 0o600 })
  const fromFile = ['--password-file', passwordFile]
  if (!(await exists(cli))) await cli('user', 'create', ...identity(), ...fromFile)
  else if (isNew) await cli('user', 'set-password', ACCOUNT.email, ...fromFile)
  return { login: ACCOUNT.email, password: value.password }
}

async function exists(cli: AuthcoreCli): Promise<boolean> {
  try {
    await cli('user', 'show', ACCOUNT.email)
    return true
  } catch (error) {
    if (error instanceof CliError && error.code === 'not_found') return false
    throw error
  }
}

function identity(): string[] {
  const claims = Object.entries(ACCOUNT.claims).flatMap(([name, value]) => [
    '--claim',
    `${name}=${value}`,
  ])
  const names = ['--email', ACCOUNT.email, '--email-verified', '--username', ACCOUNT.username]
  return [...names, '--name', ACCOUNT.name, ...claims]
}
