import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import {
  accepts,
  type Component,
  findProgram,
  needsPrograms,
  startComponent,
  untilReady,
} from './component.ts'
import { freePort } from './free_port.ts'
import { temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/**
 * Dovecot, an IMAP server whose users sign in with access tokens (passdb oauth2), asked for by curl.
 * One unprivileged user runs all of it and owns the mail; root becomes `nobody`.
 */

const run = promisify(execFile)

export function available(): Availability {
  return needsPrograms('dovecot', '/usr/lib/dovecot/imap', 'curl', 'setpriv')
}

export type DovecotOptions = {
  /** Lines of Dovecot's oauth2 passdb: `['introspection_mode = post', …]`. */
  oauth2: string[]
  /** The only one that is offered: curl has a preference of its own, whatever it is told. */
  mechanism: Mechanism
}

export type Mechanism = 'XOAUTH2' | 'OAUTHBEARER'

export type Dovecot = {
  /** What IMAP answers to a command of this user. */
  imap(login: MailLogin, command: string): Promise<MailAnswer>
  /** Puts a message into the user's inbox. */
  store(login: MailLogin, message: string): Promise<MailAnswer>
  component: Component
  stop(): Promise<void>
}

export type MailLogin = { user: string; token: string }
/** `code` is curl's: 0, or 67 where the login was refused. */
export type MailAnswer = { code: number; output: string }

export async function startDovecot({ oauth2, mechanism }: DovecotOptions): Promise<Dovecot> {
  const folder = temporaryFolder('dovecot')
  const port = await freePort()
  const owner = mailOwner()
  for (const name of ['run', 'state', 'mail']) mkdirSync(path.join(folder, name))
  writeFileSync(path.join(folder, 'oauth2.conf'), `${oauth2.join('\n')}\n`)
  writeFileSync(
    path.join(folder, 'dovecot.conf'),
    configuration({ folder, port, owner, mechanism }),
  )
  const command = [findProgram('dovecot')!, '-F', '-c', path.join(folder, 'dovecot.conf')]
  const [program = '', ...args] = [...asOwner(folder, owner), ...command]
  const component = startComponent(program, args, { logFile: path.join(folder, 'log') })
  await untilReady(component, () => accepts(port))
  const url = `imap://127.0.0.1:${port}`
  return {
    imap: (login, command) => curl(login, ['--request', command, `${url}/INBOX`]),
    store(login, message) {
      const file = path.join(folder, 'message')
      writeFileSync(file, message.replaceAll('\n', '\r\n'))
      return curl(login, ['--upload-file', file, `${url}/INBOX`])
    },
    component,
    stop: () => component.stop(),
  }
}

async function curl({ user, token }: MailLogin, args: string[]): Promise<MailAnswer> {
  const who = ['--user', user, '--oauth2-bearer', token]
  const always = ['--silent', '--show-error', '--max-time', '30', '--noproxy', '*']
  try {
    const { stdout } = await run('curl', [...always, ...who, ...args])
    return { code: 0, output: stdout }
  } catch (error) {
    const { code, stderr } = error as { code: number; stderr: string }
    return { code, output: stderr }
  }
}

type Owner = { name: string; group: string }

function mailOwner(): Owner {
  const name = process.getuid?.() === 0 ? 'nobody' : userInfo().username
  return { name, group: execFileSync('id', ['-gn', name], { encoding: 'utf8' }).trim() }
}

/** What stands before a command that root hands over to the owner of the mail. */
function asOwner(folder: string, { name, group }: Owner): string[] {
  if (process.getuid?.() !== 0) return []
  execFileSync('chown', ['-R', `${name}:${group}`, folder])
  return ['setpriv', `--reuid=${name}`, `--regid=${group}`, '--clear-groups']
}

type Settings = { folder: string; port: number; owner: Owner; mechanism: Mechanism }

function configuration({ folder, port, owner: { name, group }, mechanism }: Settings): string {
  // Without root nothing can be locked into a folder or given away to another user.
  const rootless = ['anvil', 'imap-login', 'stats']
  return `
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = /dev/stderr
auth_debug = yes
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = ${name}
default_internal_group = ${group}
default_login_user = ${name}
first_valid_uid = 1
first_valid_gid = 0
mail_location = maildir:${folder}/mail/%u
auth_mechanisms = ${mechanism.toLowerCase()}
passdb {
  driver = oauth2
  mechanisms = ${mechanism.toLowerCase()}
  args = ${folder}/oauth2.conf
}
userdb {
  driver = static
  args = uid=${name} gid=${group} home=${folder}/mail/%u
}
${rootless.map((service) => `service ${service} {\n  chroot =\n}`).join('\n')}
# Whoever is refused would have to wait longer each time.
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
`
}
