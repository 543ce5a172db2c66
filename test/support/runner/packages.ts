import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { findProgram } from '../component.ts'

/**
 * Installs the servers that the chosen tests need, where we may: as root on a Debian. Anywhere else,
 * and where it fails, the tests that need them are skipped with the reason.
 */

/** By module of test/support: the Debian packages, and a file each that shows that it is there. */
const PACKAGES: Record<string, [pkg: string, witness: string][]> = {
  redis: [
    ['redis-server', 'redis-server'],
    ['redis-tools', 'redis-cli'],
  ],
  chromium: [['chromium', 'chromium']],
  faketime: [['faketime', 'faketime']],
  apache: [
    ['apache2', 'apache2'],
    ['libapache2-mod-auth-openidc', '/usr/lib/apache2/modules/mod_auth_openidc.so'],
  ],
  haproxy: [
    ['haproxy', 'haproxy'],
    ['openssl', 'openssl'],
  ],
  pgbouncer: [['pgbouncer', 'pgbouncer']],
  oidc_agent: [['oidc-agent-cli', 'oidc-agent']],
  dovecot: [
    ['dovecot-imapd', '/usr/lib/dovecot/imap'],
    ['curl', 'curl'],
  ],
  openssl: [['openssl', 'openssl']],
  openldap: [['slapd', 'slapd']],
  samba_ad: [
    ['samba-ad-dc', 'samba'],
    ['samba-common-bin', 'samba-tool'],
    ['samba-ad-provision', '/usr/share/samba/setup/provision.ldif'],
  ],
  simplesamlphp: [
    ['simplesamlphp', '/usr/share/simplesamlphp/bin/pwgen.php'],
    ['php-cli', 'php'],
    // Of PHP 8.2, as in Debian 12; apt-get finds out where another one has it.
    ['php-xml', '/usr/lib/php/20220829/dom.so'],
  ],
}

const POLICY = '/usr/sbin/policy-rc.d'

/** Returns why something is still missing, for the reason behind skipped tests; or undefined. */
export function installPackages(modules: Iterable<string>, say: (line: string) => void) {
  const wanted = [...modules].flatMap((name) => PACKAGES[name] ?? [])
  const missing = wanted.filter(([, witness]) => !findProgram(witness)).map(([pkg]) => pkg)
  if (missing.length === 0) return undefined
  if (process.getuid?.() !== 0) return 'and only root could install it'
  if (!findProgram('apt-get')) return 'and there is no apt-get to install it'
  say(`Installing ${missing.join(', ')} …`)
  return withoutStartingDaemons(() => tryInstall(missing))
}

function tryInstall(packages: string[]): string | undefined {
  let words = ''
  for (let attempt = 1; attempt <= 3; attempt++) {
    // A first failure most likely means that the lists are missing, or older than the mirror.
    if (attempt > 1) apt('update')
    const result = apt('install', '--no-install-recommends', ...packages)
    if (result.ok) return undefined
    words = result.words
  }
  return `and apt-get failed: ${words}`
}

function apt(...args: string[]): { ok: boolean; words: string } {
  const options = ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=2']
  const { status, stderr, error } = spawnSync('apt-get', [...options, ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 300_000,
  })
  const words = error?.message ?? stderr.trim().split('\n').at(-1) ?? ''
  return { ok: status === 0, words }
}

/** Debian starts a server as soon as it is installed; this file forbids it. */
function withoutStartingDaemons<T>(work: () => T): T {
  const ours = !existsSync(POLICY)
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n')
  if (ours) chmodSync(POLICY, 0o755)
  try {
    return work()
  } finally {
    if (ours) rmSync(POLICY, { force: true })
  }
}
