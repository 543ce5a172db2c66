import { expect } from 'chai'
import type { PasswordCheck, UpstreamPerson } from '../../../../src/domain/federation/connector.ts'
import * as openldap from '../../../support/openldap.ts'
import { addGroup, BASE, personLdif, READER, replace } from '../../../support/openldap.ts'
import { requires } from '../../../support/skip.ts'
import { genericSettings, type Opened, openForOpenLdap, openLdap } from './ldap_connector.ts'

const dnOf = (uid: string) => `uid=${uid},ou=people,${BASE}`
const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi', 'ivan', 'judy']
const RICH = {
  mobile: '+49 30 123456',
  displayName: 'Alice T.',
  preferredLanguage: 'de-ch, en;q=0.5',
  employeeNumber: '42',
  labeledURI: 'https://alice.example.test',
}
const LDIF = NAMES.map((uid) => personLdif(uid, uid === 'alice' ? RICH : {})).join('')

function personOf(result: PasswordCheck): UpstreamPerson {
  if (result.kind !== 'right') throw new Error(JSON.stringify(result))
  return result.person
}

describe('a sign-in by OpenLDAP', function () {
  this.timeout(30_000)
  let server: openldap.OpenLdap
  const opened: Opened[] = []

  before(async function () {
    requires(this, openldap.available())
    server = await openldap.startOpenLdap({ ldif: LDIF })
    const engineers = await addGroup(server, 'engineers', [dnOf('alice'), dnOf('bob')])
    const staff = await addGroup(server, 'Staff, all', [engineers, dnOf('carol')])
    const everybody = await addGroup(server, 'everybody', [staff])
    // A circle: everybody is in engineers again.
    await server.asAdmin((client) =>
      client.modify(engineers, [openldap.added('member', everybody)]),
    )
    await server.asAdmin((client) =>
      client.add(`cn=unix,ou=groups,${BASE}`, {
        ...{ objectClass: 'posixGroup', cn: 'unix', gidNumber: '100', memberUid: ['alice'] },
      }),
    )
  })
  after(() => server?.stop())
  afterEach(async () => {
    for (const connector of opened.splice(0)) await connector.close()
  })

  const open = (settings: object = {}) => {
    const connector = openForOpenLdap(server, settings)
    opened.push(connector)
    return connector
  }
  const openTemplate = (settings: object = {}) => {
    const { bind_dn: _, ...rest } = genericSettings(server)
    const template = { bind: 'template', user_dn_template: `uid={login},ou=people,${BASE}` }
    const connector = openLdap({ ...rest, ...template, ...settings })
    opened.push(connector)
    return connector
  }
  const check = (connector: Opened, login: string, password = `pw-${login}`) =>
    connector.password!.check({ login, password })

  describe('maps', () => {
    it('the person in our words', async () => {
      const person = personOf(await check(open(), 'alice'))
      expect(person).to.deep.include({
        username: 'alice',
        email: 'alice@example.test',
        emailVerified: false,
        phone: '+4930123456',
        groups: [],
        claims: {
          name: 'Alice T.',
          given_name: 'Alice',
          family_name: 'Test',
          locale: 'de-CH',
        },
      })
    })

    it('other attributes where the connection names them, and none where it says so', async () => {
      const connector = open({
        attributes: {
          ...{ username: 'employeeNumber', website: 'labeledURI', picture: 'cn' },
          ...{ name: ['title', 'cn'], email: null, phone: 'sn' },
        },
        extra_attributes: ['title', 'objectClass'],
      })
      const person = personOf(await check(connector, 'alice'))
      expect(person).to.include({ username: '42', email: undefined, phone: undefined })
      expect(person.claims).to.include({
        name: 'Alice Test',
        website: 'https://alice.example.test/',
      })
      expect(person.claims).not.to.have.property('picture')
      expect(person.raw).to.have.property('objectClass', 'inetOrgPerson')
      expect(person.raw).not.to.have.any.keys('mail', 'title', 'userPassword', 'entryUUID')
    })

    it('an address as verified where the connection vouches for it', async () => {
      const person = personOf(await check(open({ email_verified: true }), 'alice'))
      expect(person.emailVerified).to.equal(true)
      const without = open({ email_verified: true, attributes: { email: 'sn' } })
      expect(personOf(await check(without, 'alice')).emailVerified).to.equal(false)
    })
  })

  describe('binds', () => {
    it('by a template, and reads the entry as the person', async () => {
      const person = personOf(await check(openTemplate(), 'alice'))
      expect(person.subject).to.equal(personOf(await check(open(), 'alice')).subject)
      expect(await check(openTemplate(), 'alice', 'pw-bob')).to.have.property('kind', 'wrong')
      expect(await check(openTemplate(), 'alice,ou=people', 'pw-alice')).to.have.property(
        'kind',
        'wrong',
      )
    })

    it('by a template, and reads the entry by the service account where there is one', async () => {
      const connector = open({
        ...{ bind: 'template', user_dn_template: `uid={login},ou=people,${BASE}` },
        groups: { mode: 'search' },
      })
      expect(personOf(await check(connector, 'alice')).groups).to.deep.equal(['engineers'])
    })

    it('nobody whose entry has no id', async () => {
      const connector = openTemplate({ subject_attribute: 'nsUniqueId' })
      expect(await check(connector, 'alice'))
        .to.have.property('reason')
        .that.includes('no immutable')
    })

    it('by StartTLS as by ldaps://', async () => {
      const connector = open({ servers: [server.ldap] })
      expect(personOf(await check(connector, 'alice')).username).to.equal('alice')
    })
  })

  describe('keeps to the person (LD10, LD15)', () => {
    it('who was renamed and moved', async () => {
      const connector = open()
      const { subject } = personOf(await check(connector, 'judy'))
      await server.asAdmin((client) => client.modifyDN(dnOf('judy'), 'uid=judith'))
      const renamed = personOf(await check(connector, 'judith', 'pw-judy'))
      expect(renamed.subject).to.equal(subject)
      expect(await connector.directory!.find(subject)).to.have.nested.property(
        'person.username',
        'judith',
      )
    })

    it('and not to the name, which somebody else was given', async () => {
      const connector = open()
      const { subject } = personOf(await check(connector, 'ivan'))
      await server.asAdmin(async (client) => {
        await client.del(dnOf('ivan'))
        await client.add(dnOf('ivan'), {
          ...{ objectClass: 'inetOrgPerson', uid: 'ivan', cn: 'Other', sn: 'Other' },
          ...{ mail: 'ivan@example.test', userPassword: 'pw-ivan' },
        })
      })
      expect(personOf(await check(connector, 'ivan')).subject).not.to.equal(subject)
      expect(await connector.directory!.find(subject)).to.equal(undefined)
    })
  })

  describe('tells the groups', () => {
    const groupsOf = async (groups: object, login = 'alice') =>
      [...personOf(await check(open({ groups }), login)).groups].sort()

    it('as the entry has them, by their names', async () => {
      expect(await groupsOf({ mode: 'member_of' })).to.deep.equal(['engineers'])
      expect(await groupsOf({ mode: 'member_of' }, 'carol')).to.deep.equal(['Staff, all'])
    })

    it('that have the person', async () => {
      expect(await groupsOf({ mode: 'search' })).to.deep.equal(['engineers'])
      const posix = { mode: 'search', filter: '(&(objectClass=posixGroup)(memberUid={username}))' }
      expect(await groupsOf(posix)).to.deep.equal(['unix'])
      expect(await groupsOf({ mode: 'search' }, 'dave')).to.deep.equal([])
    })

    it('and the groups of these, though they go round in a circle', async () => {
      const all = ['Staff, all', 'engineers', 'everybody']
      expect(await groupsOf({ mode: 'search', nested: true })).to.deep.equal(all)
      expect(await groupsOf({ mode: 'member_of', nested: true })).to.deep.equal(all)
    })

    it('no deeper, and no more, than the connection says', async () => {
      const depth = (max_depth: number) => groupsOf({ mode: 'search', nested: true, max_depth })
      expect(await depth(1)).to.deep.equal(['engineers'])
      expect(await depth(2)).to.deep.equal(['Staff, all', 'engineers'])
      expect(await groupsOf({ mode: 'search', nested: true, max: 2 })).to.have.length(2)
    })

    it('and lets nobody in who is in none of the required ones', async () => {
      const groups = { mode: 'search', nested: true }
      const connector = open({ groups, required_groups: ['staff, ALL'] })
      expect(await check(connector, 'alice')).to.have.property('kind', 'right')
      expect(await check(connector, 'dave')).to.deep.include({
        ...{ kind: 'barred', fault: 'not_permitted' },
      })
      expect(await check(connector, 'dave', 'wrong')).to.have.property('kind', 'wrong')
      const byDn = open({ groups, required_groups: [`CN=engineers, ou=groups, ${BASE}`] })
      expect(await check(byDn, 'bob')).to.have.property('kind', 'right')
      expect(await check(byDn, 'dave')).to.have.property('kind', 'barred')
    })

    it('and lists nobody who is in none of the required ones', async () => {
      const connector = open({ groups: { mode: 'search' }, required_groups: ['engineers'] })
      const names: unknown[] = []
      const signal = new AbortController().signal
      for await (const page of connector.directory!.list({ pageSize: 4, signal })) {
        names.push(...page.map(({ person }) => person.username))
      }
      expect(names.sort()).to.deep.equal(['alice', 'bob'])
    })
  })

  describe('knows the password policy', () => {
    it('a lock after too many tries', async () => {
      const connector = open()
      for (let i = 0; i < 5; i++) await check(connector, 'erin', 'wrong')
      const result = await check(connector, 'erin')
      expect(result).to.deep.equal({ kind: 'barred', fault: 'locked' })
    })

    it('an account that its administrator has locked for good', async () => {
      await replace(server, dnOf('frank'), { pwdAccountLockedTime: '000001010000Z' })
      expect(await check(open(), 'frank')).to.deep.equal({ kind: 'barred', fault: 'locked' })
    })

    it('a password that was set by the administrator, and changes it', async () => {
      await replace(server, dnOf('grace'), { userPassword: 'pw-grace-0', pwdReset: 'TRUE' })
      const connector = open({ password_change: true })
      const before = await check(connector, 'grace', 'pw-grace-0')
      expect(before).to.deep.include({ kind: 'barred', fault: 'must_change_password' })
      expect(before).to.have.nested.property('person.username', 'grace')
      const next = { login: 'grace', current: 'pw-grace-0', next: 'pw-grace-1' }
      expect(await connector.password!.change!(next)).to.deep.equal({ kind: 'changed' })
      expect(await check(connector, 'grace', 'pw-grace-1')).to.have.property('kind', 'right')
    })

    it('a password that is too old, and changes it', async () => {
      await replace(server, dnOf('heidi'), { userPassword: 'pw-heidi-0' })
      await replace(server, dnOf('heidi'), { pwdReset: undefined })
      await openldap.changePolicy(server, { pwdMaxAge: '1' })
      await new Promise((resolve) => setTimeout(resolve, 2100))
      try {
        const connector = open({ password_change: true })
        const result = await check(connector, 'heidi', 'pw-heidi-0')
        expect(result).to.deep.include({ kind: 'barred', fault: 'password_expired' })
        expect(await check(connector, 'heidi', 'wrong')).to.have.property('kind', 'wrong')
        // OpenLDAP proves the old one with the request itself, so nobody has to be bound.
        const change = (current: string) =>
          connector.password!.change!({ login: 'heidi', current, next: 'pw-heidi-1' })
        expect(await change('wrong')).to.have.property('reason', 'wrong_password')
        expect(await change('pw-heidi-0')).to.deep.equal({ kind: 'changed' })
        expect(await check(connector, 'heidi', 'pw-heidi-1')).to.have.property('kind', 'right')
      } finally {
        await openldap.changePolicy(server, { pwdMaxAge: '7776000' })
      }
    })
  })

  describe('changes a password (RFC 3062)', () => {
    const change = (connector: Opened, login: string, current: string, next: string) =>
      connector.password!.change!({ login, current, next })

    it('only where the connection says so', () => {
      expect(open().password).not.to.have.property('change')
    })

    it('where the old one is right and the new one is within the rules', async () => {
      for (const connector of [
        open({ password_change: true }),
        openTemplate({ password_change: true }),
      ]) {
        const from = connector === opened[0] ? 'pw-dave' : 'pw-dave-2ñ'
        const to = connector === opened[0] ? 'pw-dave-2ñ' : 'pw-dave-3'
        expect(await change(connector, 'dave', from, 'short')).to.deep.equal({
          ...{ kind: 'refused', reason: 'policy' },
        })
        expect(await change(connector, 'dave', from, to)).to.deep.equal({ kind: 'changed' })
        expect(await check(connector, 'dave', from)).to.have.property('kind', 'wrong')
        expect(await check(connector, 'dave', to)).to.have.property('kind', 'right')
      }
    })

    it('never where the old one is wrong, or there is nobody', async () => {
      const connector = open({ password_change: true })
      for (const [login, current] of [
        ...[
          ['bob', 'wrong'],
          ['bob', ''],
          ['bob', ' '],
          ['nobody', 'pw-bob'],
          ['*', 'pw-bob'],
          ['', 'x'],
        ],
      ]) {
        expect(await change(connector, login!, current!, 'pw-bob-long')).to.deep.equal({
          ...{ kind: 'refused', reason: 'wrong_password' },
        })
      }
      expect(await change(connector, 'bob', 'pw-bob', ' ')).to.deep.equal({
        ...{ kind: 'refused', reason: 'policy' },
      })
      expect(await check(connector, 'bob')).to.have.property('kind', 'right')
    })

    it('never where the policy lets nobody', async () => {
      await openldap.changePolicy(server, { pwdAllowUserChange: 'FALSE' })
      const connector = open({ password_change: true })
      expect(await change(connector, 'bob', 'pw-bob', 'pw-bob-long')).to.deep.equal({
        ...{ kind: 'refused', reason: 'not_allowed' },
      })
      await openldap.changePolicy(server, { pwdAllowUserChange: 'TRUE' })
    })
  })

  describe('uses connections', () => {
    it('again, and closes them when idle', async () => {
      const connector = open({ pool: { idle_ms: 300 } })
      for (let i = 0; i < 10; i++) await check(connector, 'alice')
      await Promise.all(Array.from({ length: 40 }, () => check(connector, 'alice')))
      expect(await openldap.connectionsTo(server)).to.be.within(1, 8)
      await new Promise((resolve) => setTimeout(resolve, 1200))
      expect(await openldap.connectionsTo(server)).to.equal(0)
    })

    it('that the service account is bound on for nobody else', async () => {
      const connector = open({ pool: { max_connections: 1 } })
      for (let i = 0; i < 3; i++) {
        expect(await check(connector, 'alice')).to.have.property('kind', 'right')
        expect(await check(connector, 'alice', 'wrong')).to.have.property('kind', 'wrong')
        const found = await connector.directory!.find('00000000-0000-4000-8000-000000000000')
        expect(found).to.equal(undefined)
      }
    })

    it('and keeps none of those that are in use when it is closed', async () => {
      const connector = open()
      const checks = Array.from({ length: 8 }, () => check(connector, 'alice'))
      await new Promise((resolve) => setTimeout(resolve, 1))
      await connector.close()
      await Promise.all(checks)
      await new Promise((resolve) => setTimeout(resolve, 600))
      expect(await openldap.connectionsTo(server)).to.equal(0)
    })

    it('no more once it is closed', async () => {
      const connector = open()
      await check(connector, 'alice')
      await connector.close()
      expect(await check(connector, 'alice')).to.deep.include({ kind: 'unavailable' })
    })
  })

  it('knows its own account is refused', async () => {
    const connector = openLdap(genericSettings(server), { password: `${READER.password}x` })
    opened.push(connector)
    const result = await check(connector, 'alice')
    expect(result).to.have.property('reason').that.includes('refuses bind_dn or its password')
    expect(JSON.stringify(result)).not.to.include(READER.password)
  })
})

describe('a list of OpenLDAP with 1500 people', function () {
  this.timeout(60_000)
  let server: openldap.OpenLdap
  before(async function () {
    requires(this, openldap.available())
    const ldif = Array.from({ length: 1500 }, (_, i) => personLdif(`user${i}`)).join('')
    server = await openldap.startOpenLdap({ ldif })
  })
  after(() => server?.stop())

  it('comes in pages, though the server gives no more than 500 at once', async () => {
    const connector = openForOpenLdap(server)
    const subjects = new Set<string>()
    const sizes: number[] = []
    const signal = new AbortController().signal
    for await (const page of connector.directory!.list({ pageSize: 400, signal })) {
      sizes.push(page.length)
      for (const { person } of page) subjects.add(person.subject)
    }
    expect(sizes).to.deep.equal([400, 400, 400, 300])
    expect(subjects.size).to.equal(1500)
    await connector.close()
  })

  it('breaks off where the server ends in the middle of it', async () => {
    const connector = openForOpenLdap(server)
    let error: unknown
    let pages = 0
    try {
      const signal = new AbortController().signal
      for await (const _ of connector.directory!.list({ pageSize: 400, signal })) {
        pages += 1
        await server.stop()
      }
    } catch (thrown) {
      error = thrown
    }
    expect(pages).to.equal(1)
    expect(error).to.have.property('name', 'OutboundError')
    await connector.close()
  })
})
