import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { findProgram, needsPrograms, startComponent, untilReady } from './component.ts'
import { temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/**
 * oidc-agent, which holds a person's tokens for programs on the command line as ssh-agent holds keys:
 * `oidc-gen` signs in with the device flow, `oidc-token` asks for access tokens. A public client says
 * who it is in a Basic header with an empty password.
 */

const run = promisify(execFile)

export function available(): Availability {
  return needsPrograms('oidc-agent', 'oidc-gen', 'oidc-token')
}

export type OidcAgent = {
  /** Starts the device flow for a new account; its name is the agent's own affair. */
  signIn(account: string, client: AgentClient): DeviceFlow
  /** An access token; with `force` a new one, by the refresh token. */
  token(account: string, options?: { force?: boolean }): Promise<string>
  stop(): Promise<void>
}

export type AgentClient = { issuer: string; clientId: string; scope: string }

export type DeviceFlow = {
  /** The code that the agent shows to the person. */
  userCode(): Promise<string>
  /** When oidc-gen has ended: whether there is an account now. */
  done(): Promise<boolean>
}

export async function startOidcAgent(): Promise<OidcAgent> {
  const folder = temporaryFolder('oidc-agent')
  const socket = path.join(folder, 'socket')
  const env = environment(folder, socket)
  // Nobody is there to sign in again where a refresh token is refused.
  const how = ['--no-autoreauthenticate', '--no-scheme', '--no-webserver']
  const args = ['--console', '--log-stderr', ...how, '-a', socket]
  const logFile = path.join(folder, 'agent.log')
  const agent = startComponent(findProgram('oidc-agent')!, args, { logFile, env })
  await untilReady(agent, async () => existsSync(socket))
  return {
    signIn: (account, client) =>
      signIn(account, client, { env, logFile: path.join(folder, `${account}.log`) }),
    async token(account, { force = false } = {}) {
      const { stdout } = await run('oidc-token', [...(force ? ['--force-new'] : []), account], {
        env: { ...process.env, ...env },
        timeout: 60_000,
      })
      return stdout.trim()
    },
    stop: () => agent.stop(),
  }
}

function environment(folder: string, socket: string): Record<string, string> {
  const config = path.join(folder, 'config')
  mkdirSync(config)
  // It wants a list of known issuers to be there.
  writeFileSync(path.join(config, 'issuer.config'), '')
  return {
    HOME: folder,
    TMPDIR: folder,
    OIDC_CONFIG_DIR: config,
    OIDC_SOCK: socket,
    OIDC_ENCRYPTION_PW: 'only for tests',
  }
}

function signIn(
  account: string,
  { issuer, clientId, scope }: AgentClient,
  options: { env: Record<string, string>; logFile: string },
): DeviceFlow {
  const who = [`--issuer=${issuer}`, '--pub', `--client-id=${clientId}`, '--client-secret=']
  const how = ['--flow=device', '--pw-env', '--prompt=none', '--confirm-yes', '--no-url-call']
  const gen = startComponent(
    findProgram('oidc-gen')!,
    [account, ...who, `--scope=${scope}`, ...how],
    options,
  )
  const shown = () => /enter the code: (\S+)/.exec(gen.output())?.[1]
  return {
    async userCode() {
      await untilReady(gen, async () => shown() !== undefined)
      return shown()!
    },
    async done() {
      await untilReady(gen, async () => gen.hasEnded(), 60_000)
      return gen.output().includes('Everything setup correctly')
    },
  }
}
