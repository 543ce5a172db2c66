import { PresenceFilter } from 'ldapts'
import type { Connector } from '../connector.ts'
import type { Server } from './dial.ts'
import type { Directory } from './directory.ts'
import { LdapError } from './ldap_error.ts'

/** Every server of a connection asked once, past the pool: what works, and what to do where not. */
export async function probe(directory: Directory): ReturnType<Connector['probe']> {
  const { servers } = directory.profile
  const reports = await Promise.all(servers.map((server) => reportOf(server, directory)))
  const text = reports.map(({ text }) => text).join('; ')
  return reports.some(({ ok }) => ok) ? { ok: true, detail: text } : { ok: false, reason: text }
}

async function reportOf(server: Server, directory: Directory) {
  try {
    return { ok: true, text: `${server.url}: ${await tryOut(server, directory)}` }
  } catch (error) {
    if (!(error instanceof LdapError)) throw error
    return { ok: false, text: `${error.message}: ${error.advice}` }
  }
}

/** @throws LdapError */
async function tryOut(server: Server, directory: Directory): Promise<string> {
  const connection = await directory.probe(server)
  try {
    if (!directory.hasServiceAccount) return 'answers; without a bind_dn no more can be tried'
    const { base_dn: base } = directory.profile.settings
    const found = await connection.search({
      ...{ base, scope: 'base', limit: 1, attributes: ['1.1'] },
      filter: new PresenceFilter({ attribute: 'objectClass' }),
    })
    if (found.length === 0) throw new LdapError('base_missing', server.url)
    return 'answers, takes bind_dn, and has the base DN'
  } finally {
    connection.channel.close()
  }
}
