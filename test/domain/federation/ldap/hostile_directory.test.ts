import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import * as script from '../../../support/ldap_script.ts'
import { type Opened, openLdap } from './ldap_connector.ts'

/** What real directories do not do on demand: hang, lie, flood, refer to others (LD1 to LD11). */

const SERVICE = { dn: 'cn=reader,dc=x', password: 'reader-secret' }
const SETTINGS = {
  ...{ tls: 'none', bind_dn: SERVICE.dn, base_dn: 'dc=x' },
  timeouts: { connect_ms: 1000, bind_ms: 400, search_ms: 400 },
}
/** Where a deadline would hide that nobody waits for it. */
const PATIENT = { connect_ms: 10_000, bind_ms: 10_000, search_ms: 10_000 }
const UUID = '11111111-2222-4333-8444-555555555555'
const PERSON = { uid: 'alice', cn: 'Alice', entryUUID: UUID }
const SECRET = 'correct horse'

type Answers = Partial<Record<'service' | 'person' | 'search', script.Script>>

/** One that works, but for what the test says. */
function directory(answers: Answers): script.Script {
  return (asked) => {
    if (asked.operation === 'bind') {
      const isService = asked.dn === SERVICE.dn
      const answer = isService ? answers.service : answers.person
      const right = asked.password === (isService ? SERVICE.password : SECRET)
      return answer ? answer(asked) : script.result(asked, right ? 0 : 49)
    }
    if (asked.operation !== 'search') return script.result(asked, 53)
    if (answers.search) return answers.search(asked)
    return Buffer.concat([script.entry(asked, 'uid=alice,dc=x', PERSON), script.result(asked, 0)])
  }
}

describe('a directory that misbehaves', function () {
  this.timeout(20_000)
  const started: { stop(): Promise<void> }[] = []
  const opened: Opened[] = []

  afterEach(async () => {
    for (const connector of opened.splice(0)) await connector.close()
    for (const server of started.splice(0)) await server.stop()
  })

  async function start(answers: Answers | script.Script) {
    const server = await script.startLdapScript(
      typeof answers === 'function' ? answers : directory(answers),
    )
    started.push(server)
    return server
  }
  function open(servers: { url: string }[], settings: object = {}) {
    const connector = openLdap(
      { ...SETTINGS, servers: servers.map(({ url }) => url), ...settings },
      { password: SERVICE.password },
    )
    opened.push(connector)
    return connector
  }
  const check = (connector: Opened, login = 'alice', password = SECRET) =>
    connector.password!.check({ login, password })
  const timed = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
    const from = performance.now()
    return [await work(), performance.now() - from]
  }

  it('is told from one that works', async () => {
    const connector = open([await start({})])
    expect(await check(connector)).to.have.nested.property('person.subject', UUID)
    expect(await check(connector, 'alice', 'wrong')).to.have.property('reason', 'wrong_password')
  })

  it('is asked as much about nobody as about a wrong password', async () => {
    const asked = async (login: string) => {
      const server = await start({
        search: (asked) =>
          'filter' in asked && asked.filter.includes('alice')
            ? Buffer.concat([
                script.entry(asked, 'uid=alice,dc=x', PERSON),
                script.result(asked, 0),
              ])
            : script.result(asked, 0),
      })
      const connector = open([server], { groups: { mode: 'search', nested: true } })
      expect(await check(connector, login, 'wrong')).to.have.property('kind', 'wrong')
      return server.asked.map(({ operation }) => operation)
    }
    const nobody = await asked('nobody')
    expect(nobody).to.deep.equal(['bind', 'search', 'bind'])
    expect(await asked('alice')).to.deep.equal(nobody)
  })

  it('binds the service account once for many', async () => {
    const server = await start({})
    const connector = open([server])
    for (let i = 0; i < 5; i++) await check(connector)
    const binds = server.asked.filter((asked) => 'dn' in asked && asked.dn === SERVICE.dn)
    expect(binds).to.have.length(1)
  })

  describe('and hangs (LD6)', () => {
    const cases: [where: string, answers: Answers, bindings: number][] = [
      ['on the bind of the service account', { service: () => undefined }, 1],
      ['on a search', { search: () => undefined }, 1],
      ['on the bind of a person', { person: () => undefined }, 2],
    ]
    for (const [where, answers, binds] of cases) {
      it(`${where}: it is waited for by the deadline`, async () => {
        const server = await start(answers)
        const [result, ms] = await timed(() => check(open([server])))
        expect(result).to.have.property('kind', 'unavailable')
        expect(result).to.have.property('reason').that.includes('no answer in time')
        expect(ms).to.be.within(350, 5000)
        expect(server.asked.filter(({ operation }) => operation === 'bind')).to.have.length(binds)
      })
    }

    it('before TLS stands: it is waited for by the deadline', async () => {
      const server = await start(() => undefined)
      const [result, ms] = await timed(() => check(open([server], { tls: 'required' })))
      expect(result).to.have.property('reason').that.includes('no answer in time')
      expect(ms).to.be.within(350, 5000)
    })

    it('in the middle of an answer: it is waited for by the deadline', async () => {
      const server = await start(
        directory({
          search: (asked) => script.entry(asked, 'uid=alice,dc=x', PERSON).subarray(0, 20),
        }),
      )
      const [result, ms] = await timed(() => check(open([server])))
      expect(result).to.have.property('kind', 'unavailable')
      expect(ms).to.be.below(5000)
    })

    it('again and again: it is left alone, then tried once more, and is back', async () => {
      let hangs = true
      const answers = directory({})
      const server = await start((asked) => (hangs ? undefined : answers(asked)))
      const connector = open([server], { circuit: { failures: 3, retry_after_ms: 500 } })
      for (let i = 0; i < 3; i++) await check(connector)
      const before = server.connections()
      const result = await check(connector)
      expect(result).to.have.property('reason').that.includes('left alone')
      expect(server.connections()).to.equal(before)
      expect(connector.lines.join()).to.include('directory left alone')
      hangs = false
      await sleep(600)
      expect(await check(connector)).to.have.property('kind', 'right')
      expect(await check(connector)).to.have.property('kind', 'right')
    })

    it('for one person alone: it is not left alone for that', async () => {
      const large = Buffer.alloc(200_000, 0x41)
      const server = await start({
        search: (asked) =>
          Buffer.concat([
            script.entry(asked, 'uid=alice,dc=x', {
              ...PERSON,
              ...('filter' in asked && asked.filter.includes('large') ? { cn: large } : {}),
            }),
            script.result(asked, 0),
          ]),
      })
      const circuit = { failures: 2, retry_after_ms: 60_000 }
      const connector = open([server], { circuit, limits: { answer_bytes: 65_536 } })
      for (let i = 0; i < 5; i++) {
        const result = await check(connector, 'large')
        expect(result).to.have.property('reason').that.includes('too large')
      }
      expect(await check(connector)).to.have.property('kind', 'right')
    })

    it('for hundreds at once: connections stay few, and nobody waits for long', async () => {
      const server = await start({ search: () => undefined })
      const connector = open([server], { pool: { max_connections: 3 } })
      const [results, ms] = await timed(() =>
        Promise.all(Array.from({ length: 200 }, () => check(connector))),
      )
      expect(new Set(results.map(({ kind }) => kind))).to.deep.equal(new Set(['unavailable']))
      expect(server.connections()).to.be.at.most(12)
      expect(ms).to.be.below(5000)
    })

    it('while another is there: that one is asked', async () => {
      const [hanging, well] = [await start({ search: () => undefined }), await start({})]
      const connector = open([hanging, well])
      expect(await check(connector)).to.have.property('kind', 'right')
      const asked = hanging.asked.length
      expect(await check(connector)).to.have.property('kind', 'right')
      expect(hanging.asked.length).to.equal(asked)
    })
  })

  it('that refuses our account is left alone, before it locks it', async () => {
    const server = await start({ service: (asked) => script.result(asked, 49) })
    const connector = open([server], { circuit: { failures: 3, retry_after_ms: 60_000 } })
    for (let i = 0; i < 10; i++) await check(connector)
    expect(server.asked).to.have.length(3)
    expect(await connector.probe())
      .to.have.property('reason')
      .that.includes('refuses bind_dn')
  })

  it('that is well and slow is not left alone for being busy', async () => {
    const server = await start((asked) => sleep(100).then(() => directory({})(asked)))
    const connector = open([server], {
      ...{ pool: { max_connections: 1 }, circuit: { failures: 2, retry_after_ms: 60_000 } },
    })
    const results = await Promise.all(Array.from({ length: 30 }, () => check(connector)))
    expect(results.filter(({ kind }) => kind === 'unavailable')).not.to.deep.equal([])
    expect(await check(connector)).to.have.property('kind', 'right')
  })

  describe('and refers to another server (LD5)', () => {
    it('it is not followed, and nothing is sent there', async () => {
      const elsewhere = await start({})
      const referral = `${elsewhere.url}/dc=x`
      const cases: Answers[] = [
        { search: (asked) => script.result(asked, 10, { referral }) },
        { service: (asked) => script.result(asked, 10, { referral }) },
        { person: (asked) => script.result(asked, 10, { referral }) },
      ]
      for (const answers of cases) {
        const result = await check(open([await start(answers)]))
        expect(result).to.have.property('kind', 'unavailable')
        expect(result).to.have.property('reason').that.includes('referrals are not followed')
      }
      expect(elsewhere.connections()).to.equal(0)
    })

    it('beside what was found: it is passed over', async () => {
      const elsewhere = await start({})
      const server = await start({
        search: (asked) =>
          Buffer.concat([
            script.reference(asked, `${elsewhere.url}/dc=y`),
            script.entry(asked, 'uid=alice,dc=x', PERSON),
            script.result(asked, 0),
          ]),
      })
      expect(await check(open([server]))).to.have.property('kind', 'right')
      expect(elsewhere.connections()).to.equal(0)
    })
  })

  describe('and does without TLS (LD7)', () => {
    const refusing = (asked: script.Asked) => script.result(asked, 52)

    it('sees neither name nor password where it refuses StartTLS', async () => {
      const server = await start(refusing)
      const result = await check(open([server], { tls: 'required' }))
      expect(result).to.have.property('reason').that.includes('does not begin TLS')
      expect(server.asked.map(({ operation }) => operation)).to.deep.equal(['extended'])
      for (const word of [SECRET, SERVICE.password, SERVICE.dn, 'alice']) {
        expect(server.received().includes(word), word).to.equal(false)
      }
    })

    it('does not get words in the clear believed as if they came under TLS', async () => {
      const forged: script.Asked = { id: 2, operation: 'bind', dn: '', password: '' }
      const tail = script.result(forged, 0)
      for (const extra of [tail, tail.subarray(0, -2)]) {
        const server = await start((asked) => Buffer.concat([script.result(asked, 0), extra]))
        const result = await check(open([server], { tls: 'required' }))
        expect(result).to.have.property('kind', 'unavailable')
        expect(result)
          .to.have.property('reason')
          .that.matches(/does not begin TLS|not valid LDAP/)
        expect(server.received().includes(SERVICE.dn)).to.equal(false)
      }
    })

    it('is refused where it says yes and then speaks no TLS', async () => {
      const server = await start((asked) => script.result(asked, 0))
      const result = await check(open([server], { tls: 'required' }))
      expect(result).to.have.property('kind', 'unavailable')
      expect(server.received().includes(SECRET)).to.equal(false)
    })

    it('is refused where it wants what we were told not to use', async () => {
      const server = await start({ service: (asked) => script.result(asked, 13) })
      const result = await open([server]).probe()
      expect(result).to.have.property('reason').that.includes('the server wants TLS')
    })
  })

  describe('and finds too much', () => {
    it('two people for one name: nobody is bound (LD8)', async () => {
      const server = await start({
        search: (asked) =>
          Buffer.concat([
            script.entry(asked, 'uid=alice,ou=a,dc=x', PERSON),
            script.entry(asked, 'uid=alice,ou=b,dc=x', PERSON),
            script.result(asked, 0),
          ]),
      })
      expect(await check(open([server]))).to.deep.equal({ kind: 'wrong', reason: 'ambiguous' })
      const binds = server.asked.filter(({ operation }) => operation === 'bind')
      expect(binds).to.deep.equal([{ id: 1, operation: 'bind', ...SERVICE }])
    })

    it('three, of which it says that they are not all: the same', async () => {
      const server = await start({
        search: (asked) =>
          Buffer.concat([
            script.entry(asked, 'uid=alice,ou=a,dc=x', PERSON),
            script.entry(asked, 'uid=alice,ou=b,dc=x', PERSON),
            script.result(asked, 4),
          ]),
      })
      expect(await check(open([server]))).to.have.property('reason', 'ambiguous')
    })

    it('an attribute of 10 MB: it is left out, and nobody signs in by an answer of 10 MB (LD11)', async () => {
      const photo = Buffer.alloc(10_000_000, 0x41)
      const server = await start({
        search: (asked) =>
          Buffer.concat([
            script.entry(asked, 'uid=alice,dc=x', { ...PERSON, jpegPhoto: photo }),
            script.result(asked, 0),
          ]),
      })
      const extra = { extra_attributes: ['jpegPhoto'], timeouts: { search_ms: 5000 } }
      const refused = await check(open([server], extra))
      expect(refused).to.have.property('reason').that.includes('the answer is too large')
      const limits = { answer_bytes: 16_000_000 }
      const result = await check(open([server], { ...extra, limits }))
      if (result.kind !== 'right') throw new Error(JSON.stringify(result))
      expect(result.person.raw).not.to.have.property('jpegPhoto')
      expect(result.person.username).to.equal('alice')
    })

    it('entries without end: no more are taken than were asked for', async () => {
      const server = await start({
        search: (asked) =>
          Buffer.concat(
            Array.from({ length: 5000 }, (_, i) => script.entry(asked, `uid=a${i},dc=x`, PERSON)),
          ),
      })
      const connector = open([server], { timeouts: PATIENT })
      const [result, ms] = await timed(() => check(connector))
      expect(result).to.have.property('reason').that.includes('too large')
      expect(ms).to.be.below(5000)
    })

    it('attributes that nobody asked for: they are not passed on', async () => {
      const server = await start({
        search: (asked) =>
          Buffer.concat([
            script.entry(asked, 'uid=alice,dc=x', {
              ...{ ...PERSON, userPassword: '{SSHA}x', unicodePwd: 'x', secretNote: 'x' },
              ...{ ['__proto__']: 'x', constructor: 'x', mail: ['a@b.example', 'evil@b.example'] },
            }),
            script.result(asked, 0),
          ]),
      })
      const result = await check(open([server], { extra_attributes: ['cn'] }))
      if (result.kind !== 'right') throw new Error(JSON.stringify(result))
      expect(Object.keys(result.person.raw).sort()).to.deep.equal(['cn', 'mail', 'uid'])
      expect(result.person.email).to.equal('a@b.example')
    })
  })

  describe('and speaks nonsense', () => {
    const nonsense: [what: string, said: (asked: script.Asked) => script.Said][] = [
      ['HTTP', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
      ['a length of 2 GB', () => Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02])],
      ['a length without end', () => Buffer.from([0x30, 0x80, 0x02])],
      ['an answer to another request', (asked) => script.result({ ...asked, id: 99 }, 0)],
      [
        'an answer of another kind',
        (asked) => script.result({ id: asked.id, operation: 'extended', oid: '' }, 0),
      ],
      ['an element that ends outside', () => Buffer.from([0x30, 5, 2, 1, 1, 0x61, 0x20])],
      ['the end of the connection', () => 'close'],
    ]
    for (const [what, said] of nonsense) {
      it(`${what}: nobody is signed in, and nothing breaks`, async () => {
        const server = await start({ person: said })
        const connector = open([server], { timeouts: PATIENT })
        const [result, ms] = await timed(() => check(connector))
        expect(result).to.have.property('kind', 'unavailable')
        expect(JSON.stringify(result)).not.to.include(SECRET)
        // At once: what is no answer is not waited for as one.
        expect(ms).to.be.below(5000)
      })
    }

    it('an entry without DN: nobody is signed in by an anonymous bind', async () => {
      const server = await start({
        person: (asked) => script.result(asked, 0),
        search: (asked) =>
          Buffer.concat([script.entry(asked, '', PERSON), script.result(asked, 0)]),
      })
      expect(await check(open([server]))).to.have.property('kind', 'unavailable')
      expect(server.asked.filter(({ operation }) => operation === 'bind')).to.have.length(1)
    })

    it('an entry without id: nobody is signed in by a DN instead', async () => {
      const server = await start({
        search: (asked) =>
          Buffer.concat([
            script.entry(asked, 'uid=alice,dc=x', { uid: 'alice' }),
            script.result(asked, 0),
          ]),
      })
      const result = await check(open([server]))
      expect(result).to.have.property('reason').that.includes('no immutable id')
    })
  })

  describe('and lists people', () => {
    /** The answer to each search in turn. */
    const listing = (...pages: ((asked: script.Asked) => Buffer)[]) =>
      start({ search: (asked) => pages.shift()?.(asked) ?? script.result(asked, 1) })
    const person = (asked: script.Asked, n: number) =>
      script.entry(asked, `uid=a${n},dc=x`, { uid: `a${n}`, entryUUID: `${n}${UUID.slice(1)}` })
    const everybody = async (connector: Opened) => {
      const names: unknown[] = []
      const signal = new AbortController().signal
      for await (const page of connector.directory!.list({ pageSize: 2, signal })) {
        names.push(...page.map(({ person }) => person.username))
      }
      return names
    }
    const failure = (connector: Opened) =>
      everybody(connector).then(
        (names) => JSON.stringify(names),
        (error: Error) => `${error.name}: ${error.message}`,
      )
    const page = (n: number, end: Buffer) => (asked: script.Asked) =>
      Buffer.concat([person(asked, n), script.result(asked, 0, { paged: end })])

    it('with an empty page among others: the others are not lost', async () => {
      const server = await listing(
        page(1, script.cookie('a')),
        (asked) => script.result(asked, 0, { paged: script.cookie('b') }),
        page(2, script.cookie('')),
      )
      expect(await everybody(open([server]))).to.deep.equal(['a1', 'a2'])
    })

    it('and stops in the middle: nobody is told that these are all', async () => {
      const ends: [said: (asked: script.Asked) => Buffer, words: string][] = [
        [(asked) => script.result(asked, 4), 'too_large'],
        [(asked) => script.result(asked, 11), 'too_large'],
        [(asked) => script.result(asked, 51), 'unable'],
        [(asked) => script.result(asked, 10), 'referral'],
        [(asked) => script.result(asked, 12), 'refused'],
        [(asked) => script.result(asked, 32), 'base_missing'],
        [page(2, Buffer.from([0x30, 9])), 'protocol'],
        [() => Buffer.from([0x30, 0]), 'protocol'],
      ]
      for (const [end, words] of ends) {
        const server = await listing(page(1, script.cookie('a')), end)
        expect(await failure(open([server]))).to.match(new RegExp(`^OutboundError: .*${words}`))
      }
    })

    it('in larger pages than asked for: they are not taken', async () => {
      const server = await listing((asked) =>
        Buffer.concat([
          ...[1, 2, 3].map((n) => person(asked, n)),
          script.result(asked, 0, { paged: script.cookie('') }),
        ]),
      )
      expect(await failure(open([server]))).to.include('too_large')
    })
  })

  describe('and says why a bind fails', () => {
    const windows = (code: string) =>
      `80090308: LdapErr: DSID-0C090446, comment: x, data ${code}, v3839`
    const cases: [said: string, script.ResultOptions & { code?: number }, expected: object][] = [
      ['52e', { diagnostic: windows('52e') }, { kind: 'wrong', reason: 'wrong_password' }],
      ['525', { diagnostic: windows('525') }, { kind: 'wrong', reason: 'unknown' }],
      ['530', { diagnostic: windows('530') }, { kind: 'barred', fault: 'not_permitted' }],
      ['531', { diagnostic: windows('531') }, { kind: 'barred', fault: 'not_permitted' }],
      ['532', { diagnostic: windows('532') }, { kind: 'barred', fault: 'password_expired' }],
      ['533', { diagnostic: windows('533') }, { kind: 'barred', fault: 'disabled' }],
      ['701', { diagnostic: windows('701') }, { kind: 'barred', fault: 'expired' }],
      ['773', { diagnostic: windows('773') }, { kind: 'barred', fault: 'must_change_password' }],
      ['775', { diagnostic: windows('775') }, { kind: 'barred', fault: 'locked' }],
      ['nothing', {}, { kind: 'wrong', reason: 'wrong_password' }],
      ['another code', { diagnostic: windows('999') }, { kind: 'wrong', reason: 'wrong_password' }],
      ['an expired password', { policyError: 0 }, { kind: 'barred', fault: 'password_expired' }],
      ['a lock', { policyError: 1 }, { kind: 'barred', fault: 'locked' }],
      ['yes, but', { code: 0, policyError: 2 }, { kind: 'barred', fault: 'must_change_password' }],
      ['no such entry', { code: 32 }, { kind: 'wrong', reason: 'unknown' }],
      ['no password there', { code: 48 }, { kind: 'wrong', reason: 'wrong_password' }],
      ['too many tries', { code: 19 }, { kind: 'barred', fault: 'locked' }],
      [
        'inactivated',
        { code: 53, diagnostic: 'Account inactivated. Contact system administrator.' },
        { kind: 'barred', fault: 'disabled' },
      ],
    ]
    for (const [said, { code = 49, ...options }, expected] of cases) {
      it(`${said} is ${Object.values(expected).join(', ')}`, async () => {
        const server = await start({ person: (asked) => script.result(asked, code, options) })
        expect(await check(open([server]))).to.deep.include(expected)
      })
    }

    it('of a locked account nothing is told: nobody has proven to be them', async () => {
      for (const [code, has] of [
        ['775', false],
        ['533', true],
      ] as const) {
        const server = await start({
          person: (asked) => script.result(asked, 49, { diagnostic: windows(code) }),
        })
        const result = await check(open([server]))
        expect('person' in result && result.person !== undefined, code).to.equal(has)
      }
    })

    it('its own words are in no answer and in no line of the log', async () => {
      const server = await start({
        person: (asked) => script.result(asked, 80, { diagnostic: `no: ${SECRET}` }),
      })
      const connector = open([server])
      const result = await check(connector)
      expect(result).to.have.property('kind', 'unavailable')
      expect(JSON.stringify([result, connector.lines])).not.to.include(SECRET)
    })
  })

  it('is not asked to change a password twice', async () => {
    const [server, other] = [
      await start((asked) => (asked.operation === 'extended' ? 'close' : directory({})(asked))),
      await start({}),
    ]
    const connector = open([server, other], { password_change: true })
    const next = { login: 'alice', current: SECRET, next: 'another horse' }
    expect(await connector.password!.change!(next)).to.have.property('kind', 'unavailable')
    const changes = [...server.asked, ...other.asked].filter((asked) => 'oid' in asked)
    expect(changes).to.have.length(1)
  })

  it('sees nothing of a password that is none, or of a login that cannot be one (LD1, row 64)', async () => {
    const server = await start({})
    const connector = open([server])
    const none = [
      '',
      ' ',
      '   ',
      '\t\n',
      '\u00a0',
      '\u3000',
      '\0',
      'a\0b',
      'x'.repeat(5000),
      '\udc00',
    ]
    for (const password of none) await check(connector, 'alice', password)
    const nobody = ['', '  ', '\0', 'alice\0', 'a'.repeat(257), 'a\nb', '\ud800']
    for (const login of nobody) await check(connector, login)
    expect(server.connections()).to.equal(0)
  })

  it('is asked with every special character escaped (LD1)', async () => {
    const server = await start({ search: (asked) => script.result(asked, 0) })
    const connector = open([server])
    for (const login of ['*', '*)(uid=*', ')(|(objectClass=*', '\\2a']) {
      expect(await check(connector, login)).to.deep.equal({ kind: 'wrong', reason: 'unknown' })
    }
    const filters = server.asked.flatMap((asked) => ('filter' in asked ? [asked.filter] : []))
    expect(filters).to.deep.equal(
      ['\\2a', '\\2a\\29\\28uid=\\2a', '\\29\\28|\\28objectClass=\\2a', '\\5c2a'].map(
        (uid) => `(&(objectclass=inetorgperson)(uid=${uid}))`,
      ),
    )
  })

  it('is bound by a template with every special character escaped (LD2)', async () => {
    const server = await start((asked) => script.result(asked, 49))
    const connector = openLdap({
      ...{ tls: 'none', base_dn: 'dc=x', servers: [server.url] },
      ...{ bind: 'template', user_dn_template: 'uid={login},ou=people,dc=x' },
    })
    opened.push(connector)
    for (const login of ['a,dc=evil', 'a+cn=b', '#04', 'a"b', 'a\\,b'])
      await check(connector, login)
    const names = server.asked.flatMap((asked) => ('dn' in asked ? [asked.dn] : []))
    expect(names).to.deep.equal(
      ['a\\2cdc\\3devil', 'a\\2bcn\\3db', '\\2304', 'a\\22b', 'a\\5c\\2cb'].map(
        (uid) => `uid=${uid},ou=people,dc=x`,
      ),
    )
  })

  describe('and takes a name for another account than we find by it', () => {
    const SERVICE_AD = { bind_dn: SERVICE.dn, bind: 'active_directory', upn_suffix: 'x.example' }
    /** Mallory's userPrincipalName is made of the name of the victim, outside of the base. */
    const confusing = (codeOfMallory: number, diagnostic = '') =>
      start({
        person: (asked) => {
          if (!('dn' in asked) || asked.dn !== 'victim@x.example') return script.result(asked, 49)
          return script.result(asked, codeOfMallory, { diagnostic })
        },
        search: (asked) => {
          const isName = 'filter' in asked && /samaccountname=victim/i.test(asked.filter)
          const victim = { sAMAccountName: 'victim', objectGUID: Buffer.alloc(16, 1) }
          return Buffer.concat([
            ...(isName ? [script.entry(asked, 'cn=victim,dc=x', victim)] : []),
            script.result(asked, 0),
          ])
        },
      })
    const openDirect = (server: script.LdapScript) =>
      open([server], { ...SERVICE_AD, directory: 'active_directory' })

    it('signs nobody in as the other', async () => {
      const connector = openDirect(await confusing(0))
      for (const login of ['victim', 'victim@x.example']) {
        const result = await check(connector, login)
        expect(result).to.deep.equal({ kind: 'wrong', reason: 'ambiguous' })
      }
    })

    it('names nobody as the other', async () => {
      const connector = openDirect(await confusing(49, '80090308: LdapErr: x, data 533, v1'))
      const result = await check(connector, 'victim')
      expect(result).to.include({ kind: 'barred', fault: 'disabled' })
      expect(JSON.stringify(result)).not.to.include('victim')
    })
  })

  it('of another domain has no say about names of this one', async () => {
    const server = await start((asked) => script.result(asked, 0))
    const connector = openLdap({
      ...{ tls: 'none', base_dn: 'dc=x', servers: [server.url], directory: 'active_directory' },
      ...{ bind: 'active_directory', domain: 'EXAMPLE' },
    })
    opened.push(connector)
    expect(await check(connector, 'OTHER\\alice')).to.deep.equal({
      kind: 'wrong',
      reason: 'unknown',
    })
    expect(server.connections()).to.equal(0)
  })
})
