import { describeDirectoryConnector } from '../../../suites/directory_connector.ts'
import { describePasswordConnector } from '../../../suites/password_connector.ts'
import * as openldap from '../../../support/openldap.ts'
import { requires } from '../../../support/skip.ts'
import { openForOpenLdap } from './ldap_connector.ts'

const LDIF = ['alice', 'bob', 'carol', 'dave', 'erin']
  .map((uid) => openldap.personLdif(uid))
  .join('')

async function start(context: Mocha.Context) {
  requires(context, openldap.available())
  return openldap.startOpenLdap({ ldif: LDIF })
}

describePasswordConnector('OpenLDAP', async (context) => {
  const server = await start(context)
  // The suite guesses more often than a lock would let it.
  await openldap.changePolicy(server, { pwdLockout: 'FALSE' })
  const connector = openForOpenLdap(server)
  return {
    connector: connector.password!,
    person: { login: 'alice', password: 'pw-alice', email: 'alice@example.test' },
    variants: ['ALICE', ' alice ', 'Alice'],
    unknownLogin: 'nobody',
    stop: () => server.stop(),
  }
})

describeDirectoryConnector('OpenLDAP', async (context) => {
  const server = await start(context)
  const connector = openForOpenLdap(server, { groups: { mode: 'search', nested: true } })
  return {
    connector: connector.directory!,
    usernames: ['alice', 'bob', 'carol', 'dave', 'erin'],
    stop: () => server.stop(),
  }
})
