import { expect } from 'chai'
import { openSecrets } from '../../../src/domain/federation/connection_secrets.ts'
import { listIdentitiesOfAccount } from '../../../src/domain/federation/identity_store.ts'
import { query } from '../../../src/platform/persistence/db.ts'
import { eventsOf } from '../../protocol/driver.ts'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../../support/authcore.ts'
import { issueCertificate } from '../../support/certificates.ts'
import {
  type ConnectionFile,
  openLdapExample,
  writeConnection,
} from '../../support/connection_files.ts'
import * as openldap from '../../support/openldap.ts'
import { addGroup, BASE, personLdif, READER, replace } from '../../support/openldap.ts'
import { relyingParty, signIn } from '../../support/relying_party.ts'
import { requires } from '../../support/skip.ts'
import { type Run, type RunOptions, runCli, wordsOf } from './run_cli.ts'

describe('authcore connection', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore()
  })
  after(() => server?.stop())

  const run = async (line: string, { env, ...options }: RunOptions = {}): Promise<Run> => {
    const { storage } = server.parts.config
    const place = { DATABASE_URL: storage.databaseUrl, AUTHCORE_DATA_DIR: storage.dataDir }
    return await runCli(wordsOf(line), { ...options, env: { NODE_ENV: 'test', ...place, ...env } })
  }
  const runs = async (line: string, options?: RunOptions): Promise<Run> => {
    const ran = await run(line, options)
    expect(ran.code, ran.stderr).to.equal(0)
    return ran
  }
  const refused = async (line: string, options?: RunOptions) => {
    const ran = await run(`${line} --json`, options)
    expect(ran.code).to.equal(1)
    return ran.json().error as { code: string; message: string; hint?: string }
  }

  describe('of any kind', () => {
    const content = (more: object = {}): ConnectionFile => ({
      name: 'works',
      kind: 'oidc',
      title: 'Example Works',
      domains: ['works.example'],
      settings: {
        issuer: 'https://login.works.example',
        client_id: 'authcore',
        client_secret: { env: 'WORKS_SECRET' },
      },
      ...more,
    })
    const env = { WORKS_SECRET: 'hush-hush-from-the-variable' }

    it('is made, changed, listed, shown, disabled, enabled and deleted', async () => {
      expect((await runs('connection list')).stdout).to.equal('There are no connections.\n')
      const file = writeConnection('works.yaml', content())
      const created = await runs(`connection create ${file} --json`, { env })
      expect(created.json()).to.deep.include({
        name: 'works',
        kind: 'oidc',
        status: 'active',
        title: 'Example Works',
        domains: ['works.example'],
        settings: { issuer: 'https://login.works.example', client_id: 'authcore' },
      })
      expect(await refused(`connection create ${file}`, { env })).to.include({
        code: 'conflict',
        message: 'There is a connection works already.',
      })
      writeConnection('works.yaml', content({ title: 'The Works', domains: [] }))
      const shown = (await runs(`connection update ${file}`, { env })).stdout
      expect(shown).to.equal((await runs('connection show works')).stdout)
      expect(shown).to.match(/^status: +active$/m)
      expect(shown, 'what the file says').to.include('name: works\nkind: oidc\ntitle: The Works\n')
      const [disabled, enabled] = [
        await runs('connection disable works --json'),
        await runs('connection enable works --json'),
      ]
      expect(disabled.json().status).to.equal('disabled')
      expect(enabled.json().status).to.equal('active')
      const list = (await runs('connection list')).stdout
      expect(list).to.match(/^works +oidc +active +The Works +-$/m)
      expect((await run('connection delete works')).stderr).to.include('--yes')
      await runs('connection delete works --yes')
      for (const verb of ['show', 'test', 'disable', 'enable']) {
        expect(await refused(`connection ${verb} works`), verb).to.include({
          code: 'not_found',
          message: 'There is no such connection.',
        })
      }
      for (const verb of ['created', 'updated', 'disabled', 'enabled', 'deleted']) {
        const [event] = (await eventsOf(server, `auth.connection.${verb}`)).slice(-1)
        expect(event!.data, verb).to.include({ connection: 'works', by: 'cli' })
      }
    })

    it('has its secret by variable or file, and shows it nowhere', async () => {
      const fromFile = writeConnection('secret', 'hush-hush-from-the-file\n')
      const settings = { ...content().settings, client_secret: { file: fromFile } }
      const outputs: string[] = []
      for (const [verb, more] of [
        ['create', {}],
        ['update', { settings }],
      ] as const) {
        const file = writeConnection('hidden.yaml', content({ name: 'hidden', ...more }))
        const changed = await runs(`connection ${verb} ${file}`, { env })
        outputs.push(changed.stdout, changed.stderr)
      }
      for (const line of ['list', 'list --json', 'show hidden', 'show hidden --json']) {
        outputs.push((await runs(`connection ${line}`)).stdout)
      }
      const text = outputs.join()
      expect(text).to.include('hidden').and.not.to.include('hush-hush')
      expect(text).not.to.include('client_secret')
      const found = (await server.parts.connections.find('hidden'))!
      expect(await openSecrets(server.parts, found.id)).to.deep.equal({
        client_secret: 'hush-hush-from-the-file',
      })
      await runs('connection delete hidden --yes')
    })

    it('is refused with every fault of its file at once', async () => {
      const file = writeConnection(
        'faulty.yaml',
        content({
          name: 'Works!',
          domains: ['not a domain'],
          colour: 'red',
          settings: { client_secret: 'hush-hush in the file', issuer: 'nowhere' },
        }),
      )
      const { stderr, code } = await run(`connection create ${file}`, { env })
      expect(code).to.equal(1)
      expect(stderr).to.match(/^The connection has \d+ faults:$/m)
      for (const fault of [
        /^ {2}- name: must be 2 to 40 small letters/m,
        /^ {2}- domains\.0: must be a domain/m,
        /^ {2}- the file: .*"colour"/m,
        /^ {2}- settings\.client_secret: a secret never stands in the file/m,
      ]) {
        expect(stderr).to.match(fault)
      }
      expect(stderr).not.to.include('hush-hush')
    })

    it('is refused with the faults that its kind alone knows', async () => {
      const settings = { client_secret: { env: 'NOT_THERE' }, issuer: 'nowhere', colour: 'red' }
      const file = writeConnection('faulty.yaml', content({ settings }))
      const { stderr } = await run(`connection create ${file}`)
      expect(stderr).to.include('settings.client_secret: the variable NOT_THERE is not there')
      expect(stderr).to.include('  - settings.issuer: ').and.to.include('  - settings.client_id: ')
      expect(stderr).to.match(/- settings: .*"colour"/)
      for (const [text, words] of [
        ['just words', 'the file: must have members'],
        ['', 'the file: must have members'],
        ['a: [1', 'neither YAML nor JSON'],
        ['name: works\nkind: fax\n', 'there is no kind "fax", but ldap'],
      ] as const) {
        const ran = await run(`connection create ${writeConnection('words.yaml', text)}`)
        expect(ran.stderr, text).to.include(words)
      }
      const gone = await run('connection create /nowhere/at/all.yaml')
      expect(gone.stderr).to.include('cannot be read (ENOENT)')
    })

    it('is never changed into another kind, or another that is there', async () => {
      const file = writeConnection('works.yaml', content())
      expect(await refused(`connection update ${file}`, { env })).to.include({ code: 'not_found' })
      await runs(`connection create ${file}`, { env })
      writeConnection('works.yaml', content({ kind: 'ldap', settings: ldapSettings() }))
      expect((await refused(`connection update ${file}`)).message).to.include('of another kind')
      const other = writeConnection('other.yaml', content({ name: 'other' }))
      expect(await refused(`connection create ${other}`, { env })).to.include({
        code: 'conflict',
        message: 'works.example leads to the connection works already.',
      })
      await runs('connection delete works --yes')
    })

    const ldapSettings = () => ({
      servers: ['ldaps://ldap.example.test'],
      bind: 'template',
      user_dn_template: 'uid={login},dc=example,dc=test',
      base_dn: 'dc=example,dc=test',
    })

    it('is refused where the account that reads a directory has no password', async () => {
      const settings = { ...ldapSettings(), bind_dn: 'cn=reader,dc=example,dc=test' }
      const file = writeConnection('half.yaml', { name: 'half', kind: 'ldap', settings })
      const { message } = await refused(`connection create ${file}`)
      expect(message).to.include('settings.bind_password: is needed where there is a bind_dn')
    })
  })

  describe('to an OpenLDAP', () => {
    let directory: openldap.OpenLdap
    let file: ConnectionFile
    const dnOf = (uid: string) => `uid=${uid},ou=people,${BASE}`
    before(async function () {
      requires(this, openldap.available())
      const people = ['alice', 'grace', 'heidi', 'ivan', 'mallory']
      directory = await openldap.startOpenLdap({
        ldif: people.map((uid) => personLdif(uid)).join(''),
      })
      await addGroup(directory, 'staff', people.slice(0, 4).map(dnOf))
      file = openLdapExample(directory)
      await runs(`connection create ${writeConnection('staff.yaml', file)}`)
    })
    after(() => directory?.stop())

    const withSettings = async (settings: object) => {
      const path = writeConnection('staff.yaml', {
        ...file,
        settings: { ...file.settings, ...settings },
      })
      await runs(`connection update ${path}`)
    }

    describe('test', () => {
      afterEach(() => withSettings({}))

      it('says what works', async () => {
        const { stdout } = await runs('connection test staff')
        expect(stdout).to.include('The connection staff works.\n')
        expect(stdout).to.include(`${directory.ldaps}: answers, takes bind_dn, and has the base DN`)
        expect((await runs('connection test staff --json')).json()).to.include({
          name: 'staff',
          ok: true,
        })
      })

      it('names the server that does not, where another one does', async () => {
        await withSettings({ servers: [directory.ldaps, 'ldaps://localhost:1'] })
        const { stdout } = await runs('connection test staff')
        expect(stdout)
          .to.include('works')
          .and.to.include('ldaps://localhost:1: the connection failed')
      })

      for (const [what, settings, words] of [
        [
          'a wrong secret',
          () => ({ bind_password: { file: writeConnection('wrong_password', 'not this one') } }),
          'the server refuses bind_dn or its password',
        ],
        ['a wrong port', () => ({ servers: ['ldaps://localhost:1'] }), 'ECONNREFUSED'],
        [
          'a host that is none',
          () => ({ servers: ['ldaps://nowhere.invalid'] }),
          'the name could not be resolved',
        ],
        [
          'a certificate that nobody here trusts',
          () => {
            const { cert } = issueCertificate({ subject: [['CN', 'another CA']], ca: true })
            return { ca_file: writeConnection('other_ca.pem', cert) }
          },
          'the certificate of the server is not trusted',
        ],
        [
          'a certificate of another name',
          () => ({ server_name: 'ldap.example.test' }),
          'the certificate of the server is for another name',
        ],
        ['no such base', () => ({ base_dn: 'dc=example,dc=nowhere' }), 'there is no such base DN'],
        ['no such file', () => ({ ca_file: '/nowhere/ca.pem' }), 'cannot be read'],
      ] as const) {
        it(`says that it has ${what}, and what to do`, async () => {
          await withSettings(settings())
          const ran = await run('connection test staff')
          expect(ran.code).to.equal(1)
          expect(ran.stderr).to.include('The source does not answer as it should.')
          expect(ran.stderr)
            .to.include(words)
            .and.to.match(/: check |: write |: name /)
          expect(ran.stdout + ran.stderr).not.to.include(READER.password)
          expect(ran.stdout + ran.stderr).not.to.include('not this one')
        })
      }

      it('says so of one that has stopped', async () => {
        await directory.stop()
        const answer = await refused('connection test staff')
        await directory.start()
        expect(answer).to.include({ code: 'unavailable' })
        expect(answer.hint).to.include('ECONNREFUSED')
      })
    })

    describe('test --user', () => {
      const whatOf = async (login: string) =>
        (await runs(`connection test staff --user ${login} --json`)).json()
      const countAll = async () =>
        await query(
          server.parts.db,
          `SELECT (SELECT count(*) FROM account) AS accounts,
            (SELECT count(*) FROM identity) AS identities,
            (SELECT count(*) FROM event_outbox) AS events`,
        )

      it('tells who gets an account, and makes none', async () => {
        const before = await countAll()
        const told = await whatOf('alice')
        expect(told).to.deep.include({
          username: 'alice',
          email: 'alice@example.test',
          email_verified: true,
          groups: ['staff'],
          fault: null,
          outcome: 'gets_an_account',
          account_id: null,
        })
        expect(told.claims).to.include({ name: 'Alice Test', family_name: 'Test' })
        const { stdout } = await runs('connection test staff --user alice')
        expect(stdout).to.match(/^outcome: +gets_an_account$/m)
        expect(await countAll()).to.deep.equal(before)
      })

      it('tells who signs in, and to which account', async () => {
        const party = await relyingParty(server, await addClient(server))
        const grace = { id: '', email: 'grace@example.test', password: 'pw-grace' }
        const { tokens } = await signIn(server, party, grace)
        const { sub } = tokens.claims()!
        expect(await listIdentitiesOfAccount(server.parts.db, sub)).to.have.length(1)
        expect(await whatOf('grace')).to.include({ outcome: 'signs_in', account_id: sub })
        await runs(`user disable ${sub}`)
        expect(await whatOf('grace'), 'a disabled account').to.include({ outcome: 'is_not_let_in' })
      })

      it('tells who is asked for their account', async () => {
        await addPerson(server, { email: 'heidi@example.test' })
        expect(await whatOf('heidi')).to.include({
          outcome: 'is_asked_for_an_account',
          account_id: null,
        })
      })

      it('tells whom a rule keeps out', async () => {
        const rules = { allow: '"admins" in groups' }
        await runs(`connection update ${writeConnection('staff.yaml', { ...file, rules })}`)
        expect(await whatOf('alice')).to.include({ outcome: 'is_not_let_in', fault: null })
        await withSettings({})
      })

      it('tells whom the directory itself keeps out, and why', async () => {
        expect(await whatOf('mallory')).to.include({
          outcome: 'is_not_let_in',
          fault: 'not_permitted',
        })
        await replace(directory, dnOf('ivan'), { pwdReset: 'TRUE' })
        expect(await whatOf('ivan')).to.include({
          outcome: 'is_not_let_in',
          fault: 'must_change_password',
        })
      })

      it('tells where there is nobody of the name, or no way to ask', async () => {
        expect(await refused('connection test staff --user nobody')).to.include({
          code: 'not_found',
          message: 'Nobody there has this name, or more than one.',
        })
        const { bind_dn: _dn, bind_password: _password, ...rest } = file.settings
        const settings = { ...rest, bind: 'template', user_dn_template: `uid={login},${BASE}` }
        await runs(`connection update ${writeConnection('staff.yaml', { ...file, settings })}`)
        expect(await refused('connection test staff --user alice')).to.include({
          code: 'unsupported',
          message: 'This source cannot be asked for somebody.',
        })
        await withSettings({})
      })
    })
  })
})
