import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Attribute, Change } from 'ldapts'
import { findAccountByIdentifier, getAccountById } from '../../src/domain/accounts/account_store.ts'
import { linkIdentity } from '../../src/domain/authentication/admit_person.ts'
import { type SyncResult, syncDirectory } from '../../src/domain/directory_sync/sync_directory.ts'
import type { Connection } from '../../src/domain/federation/connection.ts'
import { KINDS } from '../../src/domain/federation/kinds.ts'
import {
  type ConnectionToSet,
  createConnection,
} from '../../src/domain/federation/manage_connections.ts'
import { syncDepsOf } from '../../src/main/directories.ts'
import { inTransaction } from '../../src/platform/persistence/db.ts'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import type { Browser } from '../support/http.ts'
import { madeUpSource, personOf } from '../support/made_up_source.ts'
import * as openldap from '../support/openldap.ts'
import {
  authorizationRequest,
  authorize,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import * as samba from '../support/samba_ad.ts'
import { requires } from '../support/skip.ts'
import {
  addGuard,
  eventsOf,
  exchangeFields,
  expectTokens,
  introspect,
  post,
  type TestClient,
} from './driver.ts'

/** Who leaves a directory is signed out here, and what they were given is worth nothing any more. */

type Place = { server: AuthCore; client: TestClient; guard: TestClient; party: RelyingParty }

async function place(options: Parameters<typeof startAuthCore>[0] = {}): Promise<Place> {
  const server = await startAuthCore(options)
  const client = await addClient(server)
  const guard = await addGuard(server)
  return { server, client, guard, party: await relyingParty(server, client) }
}

/** Known to the server when this is done. */
async function connect(
  { server: { parts } }: Place,
  input: ConnectionToSet & { content: { name: string } },
  kinds = KINDS,
): Promise<Connection> {
  await createConnection({ ...parts, kinds }, input)
  for (;;) {
    const found = await parts.connections.find(input.content.name)
    if (found) return found
    await sleep(20)
  }
}

async function tokensOf({ server, client, party }: Place, login: string, password: string) {
  const person = { id: '', email: login, password }
  const parameters = { scope: 'openid offline_access', prompt: 'consent' }
  const signedIn = await authorize(server, party, person, { parameters })
  const tokens = expectTokens(await post(server, '/token', client, exchangeFields(signedIn)))
  return { mind: signedIn.alice, access: tokens.access_token, refresh: tokens.refresh_token! }
}

async function activeOf({ server, guard }: Place, tokens: { access: string; refresh: string }) {
  const answers = [tokens.access, tokens.refresh].map((token) => introspect(server, guard, token))
  return (await Promise.all(answers)).map(({ active }) => active)
}

/** Whether the browser is still signed in. */
async function isSignedIn({ party }: Place, mind: Browser): Promise<boolean> {
  const { url } = await authorizationRequest(party, { prompt: 'none' })
  const { location } = await mind.get(url.href)
  return new URL(location!).searchParams.get('error') !== 'login_required'
}

async function sync({ server }: Place, connection: Connection): Promise<SyncResult> {
  const result = await syncDirectory(syncDepsOf(server.parts), connection)
  expect(result).to.deep.include({ outcome: 'synced' })
  return result
}

async function refusalOf({ server, party }: Place, login: string, password: string) {
  const person = { id: '', email: login, password }
  try {
    await authorize(server, party, person)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('somebody was let in')
}

describe('OpenLDAP that is gone through', function () {
  this.timeout(60_000)
  let at: Place
  let directory: openldap.OpenLdap
  let connection: Connection
  before(async function () {
    requires(this, openldap.available())
    const people = ['alice', 'bob', 'carol'].map((uid) => openldap.personLdif(uid))
    directory = await openldap.startOpenLdap({ ldif: people.join('') })
    at = await place()
    const settings = {
      ...{ servers: [directory.ldaps], ca_file: directory.caFile, base_dn: openldap.BASE },
      ...{ bind_dn: openldap.READER.dn, email_verified: true },
    }
    const content = {
      name: 'staff',
      kind: 'ldap',
      fallback: true,
      sync: { create: true },
      settings,
    }
    const secrets = { bind_password: openldap.READER.password }
    connection = await connect(at, { content, secrets })
  })
  after(async () => {
    await at?.server.stop()
    await directory?.stop()
  })

  const dnOf = (uid: string) => `uid=${uid},ou=people,${openldap.BASE}`
  const accountOf = async (username: string) =>
    (await findAccountByIdentifier(at.server.parts.db, { kind: 'username', canonical: username }))!

  it('makes accounts that people sign in to with the password they have there', async () => {
    const { counts } = await sync(at, connection)
    expect(counts).to.deep.include({ seen: 3, created: 3, leftAlone: {} })
    const account = await accountOf('alice')
    expect(account).to.deep.include({
      email: 'alice@example.test',
      emailVerified: true,
      claims: { name: 'Alice Test', given_name: 'Alice', family_name: 'Test' },
    })
    const tokens = await tokensOf(at, 'alice', 'pw-alice')
    expect((await introspect(at.server, at.guard, tokens.access))['sub']).to.equal(account.id)
  })

  it('ends what somebody has who is gone', async () => {
    const tokens = await tokensOf(at, 'bob', 'pw-bob')
    expect(await activeOf(at, tokens)).to.deep.equal([true, true])
    await directory.asAdmin((client) => client.del(dnOf('bob')))
    expect(await isSignedIn(at, tokens.mind)).to.equal(true)
    expect((await sync(at, connection)).counts).to.include({ seen: 2, disabled: 1 })
    expect(await activeOf(at, tokens)).to.deep.equal([false, false])
    expect(await isSignedIn(at, tokens.mind)).to.equal(false)
    const { id } = await accountOf('bob')
    const [event] = (await eventsOf(at.server, 'auth.account.disabled')).slice(-1)
    expect(event!.data).to.deep.equal({ accountId: id, by: 'connection:staff' })
  })

  it('ends what somebody has who is disabled, until they are so no longer', async () => {
    const tokens = await tokensOf(at, 'carol', 'pw-carol')
    const lockedTime = (operation: 'add' | 'delete') =>
      directory.asAdmin((client) =>
        client.modify(
          dnOf('carol'),
          new Change({
            operation,
            modification: new Attribute({
              type: 'pwdAccountLockedTime',
              values: operation === 'add' ? ['000001010000Z'] : [],
            }),
          }),
        ),
      )
    await lockedTime('add')
    expect((await sync(at, connection)).counts).to.include({ seen: 2, disabled: 1 })
    expect(await activeOf(at, tokens)).to.deep.equal([false, false])
    await lockedTime('delete')
    expect((await sync(at, connection)).counts).to.include({ disabled: 0, enabled: 1 })
    expect(await activeOf(at, await tokensOf(at, 'carol', 'pw-carol'))).to.deep.equal([true, true])
  })

  it('tells of a name that was changed', async () => {
    await directory.asAdmin((client) =>
      client.modify(
        dnOf('alice'),
        new Change({
          operation: 'replace',
          modification: new Attribute({ type: 'cn', values: ['Alice Married'] }),
        }),
      ),
    )
    expect((await sync(at, connection)).counts).to.include({ changed: 1 })
    expect((await accountOf('alice')).claims['name']).to.equal('Alice Married')
    expect((await sync(at, connection)).counts).to.include({ changed: 0 })
  })

  it('takes nothing from anybody while it is away', async () => {
    await directory.stop()
    const result = await syncDirectory(syncDepsOf(at.server.parts), connection)
    expect(result).to.include({ outcome: 'failed', reason: 'unavailable' })
    expect((await accountOf('alice')).status).to.equal('active')
    const [event] = await eventsOf(at.server, 'auth.connection.sync_failed')
    expect(event!.data).to.include({ connection: 'staff', reason: 'unavailable' })
  })
})

describe('Active Directory that is gone through', function () {
  this.timeout(90_000)
  let at: Place
  let directory: samba.SambaAd
  let connection: Connection
  before(async function () {
    requires(this, samba.available())
    directory = await samba.startSambaAd()
    for (const name of ['reader', 'alice', 'bob']) await samba.addUser(directory, name)
    await directory.tool('group', 'add', 'people')
    await directory.tool('group', 'addmembers', 'people', 'alice,bob')
    at = await place()
    const settings = {
      ...{ servers: [directory.ldaps], ca_file: directory.caFile, base_dn: samba.BASE },
      ...{ directory: 'active_directory', bind_dn: `reader@${samba.REALM}`, email_verified: true },
      ...{ groups: { mode: 'member_of' }, required_groups: ['people'] },
    }
    const content = { name: 'corp', kind: 'ldap', fallback: true, sync: { create: true }, settings }
    const secrets = { bind_password: 'Pw-reader-1!' }
    connection = await connect(at, { content, secrets })
  })
  after(async () => {
    await at?.server.stop()
    await directory?.stop()
  })

  const statusOf = async (username: string) => {
    const { db } = at.server.parts
    return (await findAccountByIdentifier(db, { kind: 'username', canonical: username }))?.status
  }

  it('ends session and tokens of somebody who is disabled, until they are enabled again', async () => {
    expect((await sync(at, connection)).counts).to.include({ created: 2 })
    const tokens = await tokensOf(at, 'alice', 'Pw-alice-1!')
    await directory.tool('user', 'disable', 'alice')
    expect(await activeOf(at, tokens), 'before the run').to.deep.equal([true, true])
    expect((await sync(at, connection)).counts).to.include({ disabled: 1 })
    expect(await activeOf(at, tokens)).to.deep.equal([false, false])
    expect(await isSignedIn(at, tokens.mind)).to.equal(false)
    expect(await statusOf('alice')).to.equal('disabled')

    await directory.tool('user', 'enable', 'alice')
    expect(await refusalOf(at, 'alice', 'Pw-alice-1!'), 'before the run').to.include('refused')
    expect((await sync(at, connection)).counts).to.include({ enabled: 1 })
    expect(await activeOf(at, await tokensOf(at, 'alice', 'Pw-alice-1!'))).to.deep.equal([
      ...[true, true],
    ])
  })

  it('ends what somebody has who is in none of its groups any more', async () => {
    const tokens = await tokensOf(at, 'bob', 'Pw-bob-1!')
    await directory.tool('group', 'removemembers', 'people', 'bob')
    expect((await sync(at, connection)).counts).to.include({ disabled: 1 })
    expect(await activeOf(at, tokens)).to.deep.equal([false, false])
    expect(await statusOf('bob')).to.equal('disabled')
  })
})

describe('An account that is joined to somebody of a directory', function () {
  this.timeout(30_000)
  const source = madeUpSource()
  let at: Place
  before(async () => {
    at = await place({ kinds: source.kinds })
  })
  after(() => at?.server.stop())

  it('is signed out where they leave there, and is signed in to by its own password alone', async () => {
    const { parts } = at.server
    const ada = await addPerson(at.server)
    const content = {
      ...{ name: 'corp', kind: 'made_up_directory', domains: ['corp.example'] },
      sync: { absent: 'disable' },
    }
    const connection = await connect(at, { content, secrets: {} }, source.kinds)
    const person = personOf('ada', { email: 'ada@corp.example' })
    await inTransaction(parts.db, (tx) =>
      linkIdentity(parts, tx, {
        ...{ connection, person, account: ada, by: 'sign_in', origin: {} },
      }),
    )
    source.directory.check = () => ({ kind: 'right', person })
    source.directory.people = [{ person: personOf('somebody else') }]
    const tokens = await tokensOf(at, 'ada@corp.example', 'theirs')
    expect((await introspect(at.server, at.guard, tokens.access))['sub']).to.equal(ada.id)

    expect((await sync(at, connection)).counts).to.include({ disabled: 1 })
    expect(await activeOf(at, tokens)).to.deep.equal([false, false])
    expect(await isSignedIn(at, tokens.mind)).to.equal(false)
    expect((await getAccountById(parts.db, ada.id)).status).to.equal('active')
    expect(await refusalOf(at, 'ada@corp.example', 'theirs')).to.include(
      'not among those that may sign in here',
    )
    const own = await tokensOf(at, ada.email, ada.password)
    await sync(at, connection)
    expect(await activeOf(at, own), 'ended once').to.deep.equal([true, true])

    source.directory.people = [{ person }]
    expect((await sync(at, connection)).counts).to.include({ enabled: 1 })
    const again = await tokensOf(at, 'ada@corp.example', 'theirs')
    expect((await introspect(at.server, at.guard, again.access))['sub']).to.equal(ada.id)
  })
})
