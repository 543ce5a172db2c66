import { describeDirectoryConnector } from '../../../suites/directory_connector.ts'
import { describePasswordConnector } from '../../../suites/password_connector.ts'
import * as samba from '../../../support/samba_ad.ts'
import { requires } from '../../../support/skip.ts'
import { openForSamba } from './ldap_connector.ts'

const NAMES = ['alice', 'bob', 'carol', 'dave']
let server: samba.SambaAd | undefined

/** One for both suites: each stops it at its end, and it is started again in a moment. */
async function running(context: Mocha.Context): Promise<samba.SambaAd> {
  requires(context, samba.available())
  if (!server) {
    server = await samba.startSambaAd()
    // The suite guesses more often than a lock would let it.
    await server.tool('domain', 'passwordsettings', 'set', '--account-lockout-threshold=0')
    for (const name of NAMES) await samba.addUser(server, name)
  }
  await server.start()
  return server
}

const PERSON = { login: 'alice', password: 'Pw-alice-1!', email: 'alice@example.test' }

describePasswordConnector('Active Directory, looked up first', async (context) => {
  const server = await running(context)
  return {
    connector: openForSamba(server).password!,
    person: PERSON,
    variants: ['ALICE', ' alice', `alice@${samba.REALM}`, `Alice@${samba.REALM.toUpperCase()}`],
    unknownLogin: 'nobody',
    stop: () => server.stop(),
  }
})

describePasswordConnector('Active Directory, bound by the name itself', async (context) => {
  const server = await running(context)
  return {
    connector: openForSamba(server, {
      ...{ bind: 'active_directory', domain: samba.DOMAIN, upn_suffix: samba.REALM },
      bind_dn: undefined,
    }).password!,
    person: PERSON,
    variants: ['ALICE', ' alice', `alice@${samba.REALM}`, 'EXAMPLE\\alice', 'example\\Alice'],
    unknownLogin: 'nobody',
    stop: () => server.stop(),
  }
})

describeDirectoryConnector('Active Directory', async (context) => {
  const server = await running(context)
  return {
    connector: openForSamba(server, { groups: { mode: 'member_of' } }).directory!,
    usernames: NAMES,
    stop: () => server.stop(),
  }
})
