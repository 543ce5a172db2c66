import { expect } from 'chai'
import type { PasswordCheck, UpstreamPerson } from '../../../../src/domain/federation/connector.ts'
import * as samba from '../../../support/samba_ad.ts'
import { addUser, DOMAIN, REALM } from '../../../support/samba_ad.ts'
import { requires } from '../../../support/skip.ts'
import { type Opened, openForSamba, openLdap } from './ldap_connector.ts'

const passwordOf = (name: string) => `Pw-${name}-1!`
const DIRECT = { bind: 'active_directory', domain: DOMAIN, upn_suffix: REALM }

function personOf(result: PasswordCheck): UpstreamPerson {
  if (result.kind !== 'right') throw new Error(JSON.stringify(result))
  return result.person
}

describe('a sign-in by Active Directory', function () {
  this.timeout(120_000)
  let server: samba.SambaAd
  const opened: Opened[] = []

  before(async function () {
    requires(this, samba.available())
    server = await samba.startSambaAd()
    for (const name of ['reader', 'alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace']) {
      await addUser(server, name)
    }
    const groups = ['engineers', 'staff', 'everybody-nested']
    for (const name of groups) await server.tool('group', 'add', name)
    await server.tool('group', 'addmembers', 'engineers', 'alice')
    await server.tool('group', 'addmembers', 'staff', 'engineers')
    await server.tool('group', 'addmembers', 'everybody-nested', 'staff')
    await server.tool('user', 'disable', 'bob')
    await server.tool('user', 'setexpiry', 'carol', '--days=0')
    const mustChange = '--must-change-at-next-login'
    await server.tool('user', 'setpassword', 'dave', '--newpassword=Pw-dave-1!', mustChange)
  })
  after(() => server?.stop())
  afterEach(async () => {
    for (const connector of opened.splice(0)) await connector.close()
  })

  /** With an account as small as any: it may read, and has no right over anybody. */
  const open = (settings: object = {}) => {
    const connector = openLdap(
      {
        ...{ servers: [server.ldaps], ca_file: server.caFile, directory: 'active_directory' },
        ...{ bind_dn: `reader@${REALM}`, base_dn: samba.BASE },
        ...settings,
      },
      { password: passwordOf('reader') },
    )
    opened.push(connector)
    return connector
  }
  const openDirect = (settings: object = {}) => {
    const connector = openForSamba(server, { ...DIRECT, bind_dn: undefined, ...settings })
    opened.push(connector)
    return connector
  }
  const check = (connector: Opened, login: string, password = passwordOf(login)) =>
    connector.password!.check({ login, password })

  it('maps the person in our words', async () => {
    const person = personOf(await check(open(), 'alice'))
    expect(person).to.deep.include({
      username: 'alice',
      email: 'alice@example.test',
      emailVerified: false,
      claims: { name: 'Alice Test', given_name: 'Alice', family_name: 'Test' },
    })
    expect(person.raw).to.have.all.keys(
      ...['mail', 'displayName', 'cn', 'givenName', 'sn', 'sAMAccountName'],
    )
  })

  it('is the same whether looked up first or bound by the name itself', async () => {
    const { subject } = personOf(await check(open(), 'alice'))
    const connectors = [openDirect(), open(DIRECT), open({ servers: [server.ldap] })]
    for (const connector of connectors) {
      expect(personOf(await check(connector, 'alice')).subject).to.equal(subject)
    }
    const byName = openDirect({ upn_suffix: undefined })
    expect(personOf(await check(byName, 'alice')).subject).to.equal(subject)
    const other = await check(byName, `OTHER\\alice`, passwordOf('alice'))
    expect(other).to.deep.equal({ kind: 'wrong', reason: 'unknown' })
  })

  it('has an objectGUID as the server shows it, by which it is found', async () => {
    const connector = open()
    const { subject } = personOf(await check(connector, 'alice'))
    const found = await connector.directory!.find(subject)
    expect(found).to.have.nested.property('person.username', 'alice')
    expect(await server.show('alice')).to.include(`objectGUID: ${subject}`)
  })

  describe('tells the groups', () => {
    const groupsOf = async (groups: object, settings: object = {}) =>
      [...personOf(await check(open({ groups, ...settings }), 'alice')).groups].sort()

    it('of the person alone', async () => {
      expect(await groupsOf({ mode: 'member_of' })).to.deep.equal(['engineers'])
      expect(await groupsOf({ mode: 'search' })).to.deep.equal(['engineers'])
    })

    it('and the groups of these, which the server walks', async () => {
      const all = ['engineers', 'everybody-nested', 'staff']
      expect(await groupsOf({ mode: 'member_of', nested: true })).to.deep.equal(all)
      const connector = openDirect({ groups: { mode: 'search', nested: true } })
      const { groups } = personOf(await check(connector, 'alice'))
      expect([...groups].sort()).to.deep.equal(all)
    })

    it('and lets nobody in who is in none of the required ones', async () => {
      const groups = { mode: 'member_of', nested: true }
      const connector = open({ groups, required_groups: ['everybody-nested'] })
      expect(await check(connector, 'alice')).to.have.property('kind', 'right')
      expect(await check(connector, 'erin')).to.deep.include({
        ...{ kind: 'barred', fault: 'not_permitted' },
      })
    })
  })

  describe('keeps out (LD9)', () => {
    const cases = [
      ['bob', 'disabled'],
      ['carol', 'expired'],
      ['dave', 'must_change_password'],
    ] as const
    for (const [name, fault] of cases) {
      it(`${fault}, once the password is right, in every bind style`, async () => {
        for (const connector of [open(), open(DIRECT), openDirect()]) {
          expect(await check(connector, name)).to.deep.include({ kind: 'barred', fault })
          expect(await check(connector, name, 'wrong')).to.have.property('kind', 'wrong')
        }
        const named = await check(open(DIRECT), name)
        expect(named).to.have.nested.property('person.username', name)
      })
    }

    it('locked, after too many tries, and tells of nobody then', async () => {
      const connector = open()
      for (let i = 0; i < 5; i++) await check(connector, 'erin', 'wrong')
      const result = await check(connector, 'erin')
      expect(result).to.deep.equal({ kind: 'barred', fault: 'locked' })
    })

    it('all of them in the list as well, by the same word', async () => {
      const faults: Record<string, unknown> = {}
      const signal = new AbortController().signal
      for await (const page of open().directory!.list({ pageSize: 3, signal })) {
        for (const { person, fault } of page) faults[person.username!] = fault
      }
      expect(faults).to.deep.include({
        ...{ alice: undefined, bob: 'disabled', carol: 'expired', erin: 'locked' },
        dave: 'must_change_password',
      })
    })

    it('password_expired, where it is too old, until it is changed', async () => {
      await server.agePassword('frank')
      const connector = open({ password_change: true })
      const result = await check(connector, 'frank')
      expect(result).to.deep.include({ kind: 'barred', fault: 'password_expired' })
      expect(await check(connector, 'frank', 'wrong')).to.have.property('kind', 'wrong')
      const { person } = result as { person: UpstreamPerson }
      const found = await connector.directory!.find(person.subject)
      expect(found).to.have.property('fault', 'password_expired')
      const next = { login: 'frank', current: passwordOf('frank'), next: 'Pw-frank-2!' }
      expect(await connector.password!.change!(next)).to.deep.equal({ kind: 'changed' })
      expect(await check(connector, 'frank', 'Pw-frank-2!')).to.have.property('kind', 'right')
    })
  })

  describe('changes a password', () => {
    const change = (connector: Opened, login: string, current: string, next: string) =>
      connector.password!.change!({ login, current, next })
    const refused = (reason: string) => ({ kind: 'refused', reason })

    it('where the old one is right and the new one is within the rules', async () => {
      let current = passwordOf('grace')
      const styles = [{}, DIRECT, { ...DIRECT, bind_dn: undefined }]
      for (const [at, style] of styles.entries()) {
        const settings = { ...style, password_change: true }
        const connector = at === 2 ? openDirect(settings) : open(settings)
        const next = `Pw-grace-ñ"${at}`
        expect(await change(connector, 'grace', current, 'short')).to.deep.equal(refused('policy'))
        expect(await change(connector, 'grace', current, next)).to.deep.equal({ kind: 'changed' })
        expect(await check(connector, 'grace', next)).to.have.property('kind', 'right')
        current = next
      }
    })

    it('never where the old one is wrong, or there is nobody', async () => {
      const connector = open({ password_change: true })
      for (const [login, current] of [
        ['alice', 'wrong'],
        ['alice', ''],
        ['nobody', passwordOf('alice')],
        ['dave', 'wrong'],
      ] as const) {
        expect(await change(connector, login, current, 'Pw-new-123')).to.deep.equal(
          refused('wrong_password'),
        )
      }
      expect(await check(connector, 'alice')).to.have.property('kind', 'right')
    })

    it('never of an account that is kept out', async () => {
      const connector = open({ password_change: true })
      for (const name of ['bob', 'carol']) {
        expect(await change(connector, name, passwordOf(name), 'Pw-new-123')).to.deep.equal(
          refused('not_allowed'),
        )
      }
    })

    it('that has to be changed first: by way of the service account, and not without', async () => {
      const alone = openDirect({ password_change: true })
      expect(await change(alone, 'dave', passwordOf('dave'), 'Pw-dave-2!')).to.deep.equal(
        refused('not_allowed'),
      )
      const connector = open({ password_change: true })
      expect(await change(connector, 'dave', passwordOf('dave'), 'Pw-dave-2!')).to.deep.equal({
        kind: 'changed',
      })
      expect(await check(connector, 'dave', 'Pw-dave-2!')).to.have.property('kind', 'right')
    })
  })

  it('is told of by the probe', async () => {
    expect(await open().probe()).to.have.property('ok', true)
    expect(await openDirect().probe()).to.have.property('ok', true)
  })
})
