import { expect } from 'chai'
import { createAuditSink } from '../../../src/domain/audit/audit_trail.ts'
import { generateRecoveryCodes } from '../../../src/domain/credentials/recovery_codes/generate_recovery_codes.ts'
import {
  beginTotpEnrolment,
  confirmTotpEnrolment,
} from '../../../src/domain/credentials/totp/enrol_totp.ts'
import { totpCodeAt } from '../../../src/domain/credentials/totp/totp.ts'
import { keepNotice } from '../../../src/domain/messaging/notices/notice.ts'
import { queueMessage } from '../../../src/domain/messaging/queue_message.ts'
import { EVENTS_MAX } from '../../../src/domain/personal_data/collect_personal_data.ts'
import { exportPersonalData } from '../../../src/domain/personal_data/export_personal_data.ts'
import { trustDevice } from '../../../src/domain/sessions/trusted_device.ts'
import { relayBatch } from '../../../src/platform/events/relay.ts'
import { inTransaction } from '../../../src/platform/persistence/db.ts'
import { eventsEver, rows } from '../../protocol/driver.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { type Browser, browser, type Reply } from '../../support/http.ts'
import { addConnection, addIdentity, madeUpSource, personOf } from '../../support/made_up_source.ts'
import { type RelyingParty, relyingParty, signIn } from '../../support/relying_party.ts'
import { createSoftKey, optionsOn } from '../../support/webauthn.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

describe('The data of an account', function () {
  this.timeout(60_000)
  let server: AuthCore
  let client: Awaited<ReturnType<typeof addClient>>
  let party: RelyingParty

  before(async () => {
    const source = madeUpSource()
    server = await startAuthCore({ kinds: source.kinds })
    await addConnection(server, source, 'works')
    client = await addClient(server, { name: 'Lantern Books' })
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const at = (path: string) => `${server.issuer}/account${path}`
  const follow = (mind: Browser, reply: Reply) => mind.followAll(reply, ours)
  const visit = async (mind: Browser, path = '/data') =>
    await follow(mind, await mind.get(at(path)))
  const arrive = async ({ email: login, password }: Person, mind = browser()) =>
    await follow(mind, await mind.submit(await visit(mind), { login, password }))
  const download = async (mind: Browser, page: Reply) =>
    await mind.submit(page, {}, { form: ({ id }) => id === 'data-form' })
  const relay = async () => {
    const { recorder, db, keyring } = server.parts
    await recorder.flush()
    const sink = createAuditSink(keyring)
    while ((await relayBatch(db, [sink])) > 0);
  }
  const exportsOf = async ({ id }: Person) =>
    (await eventsEver(server, 'auth.account.exported')).filter(({ subject }) => subject === id)
  const codeIn = (secret: string, seconds: number) =>
    totpCodeAt(secret, new Date(server.parts.clock.now().getTime() + seconds * 1000))
  /** Signed in with password and authenticator. */
  const arriveStrongly = async (person: Person) => {
    const { parts } = server
    const secret = await beginTotpEnrolment(parts, person.id)
    const code = codeIn(secret, 0)
    await confirmTotpEnrolment(parts, { accountId: person.id, code, name: 'Phone', origin: {} })
    const mind = browser({ headers: { 'user-agent': FIREFOX } })
    const factor = await arrive(person, mind)
    const page = await follow(mind, await mind.submit(factor, { code: codeIn(secret, 30) }))
    expect(page.url).to.equal(at('/data'))
    return { mind, page, secret }
  }
  const addPasskey = async (mind: Browser) => {
    const page = await visit(mind, '/security/passkey')
    const { key, response: credential } = createSoftKey(optionsOn(page.body), {
      origin: server.issuer,
    })
    const added = await mind.submit(
      page,
      { credential, name: 'Laptop' },
      { form: ({ action }) => action.endsWith('/security/passkey') },
    )
    expect(added.status).to.equal(200)
    return key
  }
  const sendMessage = async ({ id: accountId, email: recipient }: Person, link: string) =>
    await inTransaction(server.parts.db, async (tx) => {
      const fields = { code: '482913', link }
      await queueMessage(server.parts, tx, { kind: 'verify_email', accountId, recipient, fields })
    })

  it('is shown in numbers to whoever is signed in', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    expect((await visit(mind)).url).to.match(/\/login$/)
    const page = await arrive(ada, mind)
    expect(page.url).to.equal(at('/data'))
    expect(page.text())
      .to.include(ada.email)
      .and.to.match(/Password Changed last at/)
    expect(page.body).to.match(/<dd id="sessions">1<\/dd>/)
    expect(page.body).to.match(/<dd id="passkeys">0<\/dd>/)
    expect(page.body).to.match(/id="nav-overview" href="\/account" aria-current="page"/)
    expect((await visit(mind, '')).body).to.include('href="/account/data"')
    expect(await exportsOf(ada), 'looking is no export').to.deep.equal([])
  })

  it('goes into a file with all that is held', async () => {
    const ada = await addPerson(server, { claims: { name: 'Ada Lovelace', nickname: 'Countess' } })
    const { mind, page } = await arriveStrongly(ada)
    await addPasskey(mind)
    await trustDevice(server.parts, {
      accountId: ada.id,
      days: 30,
      origin: { userAgent: FIREFOX },
    })
    await signIn(server, party, ada, { alice: mind })
    await sendMessage(ada, 'https://login.example/l')
    await inTransaction(server.parts.db, (tx) =>
      keepNotice(server.parts, tx, {
        kind: 'factor_added',
        accountId: ada.id,
        fields: { factor: 'passkey', name: 'Laptop' },
        idempotencyKey: `factor:${ada.id}`,
      }),
    )
    await addIdentity(server, ada, {
      connection: 'works',
      person: personOf('ada-there', { username: 'ada.works', raw: { badge: 'not for the file' } }),
    })
    await relay()
    const reply = await download(mind, page)
    expect(reply.status).to.equal(200)
    expect(reply.headers).to.include({
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': 'attachment; filename="account-data.json"',
      'cache-control': 'no-store',
    })
    // biome-ignore lint/suspicious/noExplicitAny: it is looked into member by member
    const data = reply.json<any>()
    const { account } = data
    expect(account).to.deep.include({ id: ada.id, status: 'active', email: ada.email })
    expect(account.claims).to.include({ name: 'Ada Lovelace', nickname: 'Countess' })
    for (const time of [
      data.exported_at,
      account.created_at,
      account.last_signed_in_at,
      data.password.changed_at,
      data.passkeys[0].created_at,
      data.authenticators[0].last_used_at,
      data.trusted_browsers[0].expires_at,
      data.sessions[0].last_seen_at,
      data.consents[0].granted_at,
      data.events[0].occurred_at,
      data.messages[0].created_at,
    ]) {
      expect(time).to.match(/^2\d{3}-\d\d-\d\dT/)
    }
    expect(data.passkeys).to.have.length(1)
    expect(data.passkeys[0]).to.include({ name: 'Laptop', sort: 'synced', last_used_at: null })
    expect(data.authenticators[0]).to.include({ name: 'Phone' })
    expect(data.identities).to.have.length(1)
    expect(data.identities[0]).to.deep.include({
      connection: 'works',
      title: 'The works',
      subject: 'ada-there',
      shown_as: 'ada.works',
      account_was_made_for_it: false,
    })
    expect(data.identities[0].created_at).to.match(/^2\d{3}-\d\d-\d\dT/)
    expect((await visit(mind)).body).to.match(/<dd id="identities">1<\/dd>/)
    expect(data.recovery_codes.left).to.equal(10)
    expect(data.trusted_browsers[0]).to.include({ user_agent: FIREFOX })
    expect(data.sessions[0]).to.deep.include({ ip: '127.0.0.1', user_agent: FIREFOX })
    expect(data.consents).to.have.length(1)
    const { clientId: client_id } = client
    expect(data.consents[0]).to.include({ client_id, client_name: 'Lantern Books' })
    expect(data.messages[0]).to.include({ kind: 'verify_email', channel: 'email' })
    expect(data.messages[0]).not.to.have.any.keys('fields', 'recipient')
    const [notice] = data.notices
    expect(notice).to.include({ kind: 'factor_added', factor: 'passkey', name: 'Laptop' })
    expect(notice).to.have.all.keys('kind', 'factor', 'name', 'created_at', 'read_at')
    expect((await visit(mind)).body).to.match(/<dd id="notices">1<\/dd>/)
    const types = data.events.map(({ type }: { type: string }) => type)
    expect(types.at(-1)).to.equal('auth.user_created')
    expect(types).to.include.members(['auth.login.success', 'auth.consent.granted'])
    expect(data.older_events_left_out).to.equal(false)
    const [event, ...more] = await exportsOf(ada)
    expect(more).to.deep.equal([])
    expect(event!.data).to.deep.include({ accountId: ada.id, by: 'owner', ip: '127.0.0.1' })
  })

  it('has no secret in it, in no form in which one is kept', async () => {
    const ada = await addPerson(server)
    const { parts } = server
    const { mind, page, secret } = await arriveStrongly(ada)
    const { credentialId, userHandle } = await addPasskey(mind)
    const link = 'https://login.example/link-of-a-mail'
    await sendMessage(ada, link)
    const parameters = { scope: 'openid offline_access', prompt: 'consent' }
    const { tokens } = await signIn(server, party, ada, { alice: mind, parameters })
    const cookies = await mind.jar.getCookies(server.issuer)
    const secrets = [
      ada.password,
      secret,
      client.secret!,
      link,
      userHandle,
      credentialId.toString('base64url'),
      await trustDevice(parts, { accountId: ada.id, days: 30, origin: {} }),
      ...(await generateRecoveryCodes(parts, ada.id, {})),
      ...[tokens.access_token, tokens.refresh_token!, tokens.id_token!],
      ...cookies.filter(({ key }) => !key.includes('locale')).map(({ value }) => value),
    ]
    await relay()
    const { body, status } = await download(mind, page)
    expect(status).to.equal(200)
    for (const plain of secrets) expectNowhere(body, Buffer.from(plain), plain)
    const [password] = await rows<{ phc: string }>(
      parts.db,
      'SELECT phc FROM password_credential WHERE account_id = $1',
      [ada.id],
    )
    expect(body).not.to.include(password!.phc).and.not.to.include('$argon2')
    const kept = await bytesOf(server)
    expect(kept.length, 'values looked for').to.be.above(20)
    for (const { name, value } of kept) expectNowhere(body, value, name)
    // What a Buffer looks like that somebody forgot.
    expect(body).not.to.include('"Buffer"')
  })

  it('is nobody else’s, and takes a form of its own session', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    const [hers, his] = [browser(), browser()]
    const page = await arrive(ada, hers)
    const foreign = await arrive(eve, his)
    await relay()
    const { body } = await download(hers, page)
    expect(body).to.include(ada.id).and.not.to.include(eve.id).and.not.to.include(eve.email)
    const csrf = foreign.forms()[0]!.fields.get('csrf')!
    const own = page.forms()[0]!.fields.get('csrf')!
    const { issuer } = server
    for (const [token, origin] of [
      [csrf, issuer],
      ['', issuer],
      [own, 'https://evil.example'],
    ] as const) {
      const reply = await hers.post(at('/data'), { csrf: token }, { headers: { origin } })
      expect(reply.status).to.be.oneOf([400, 403])
      expect(reply.body).not.to.include('older_events_left_out')
    }
    expect(await exportsOf(ada)).to.have.length(1)
  })

  it('is a page to read as well, with everything that the file has', async () => {
    const ada = await addPerson(server, { claims: { locale: 'de', nickname: '<b>A</b>' } })
    const mind = browser({ headers: { 'user-agent': 'Lantern/1.0 (X11)' } })
    await addIdentity(server, ada, { connection: 'works', person: personOf('ada-to-read') })
    await arrive(ada, mind)
    const page = await visit(mind)
    const button = 'read'
    const read = await mind.submit(page, {}, { button, form: ({ id }) => id === 'data-form' })
    expect(read.headers['content-type']).to.match(/^text\/html/)
    expect(read.headers['cache-control']).to.equal('no-store')
    expect(read.body).to.include('&lt;b&gt;A&lt;/b&gt;').and.not.to.include('<b>A</b>')
    for (const part of ['account', 'password', 'identities', 'sessions']) {
      expect(read.body, part).to.include(`id="part-${part}"`)
    }
    expect(read.body).not.to.include('id="part-passkeys"')
    expect(read.text()).to.include('ada-to-read')
    expect(read.text()).to.include(ada.email).and.to.include('claims.nickname')
    expect(read.text()).to.include('Lantern/1.0 (X11)')
    expect(read.body).not.to.include('$argon2')
    expect(await exportsOf(ada)).to.have.length(1)
  })

  it('wants a fresh sign-in, and comes back to the page', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await arrive(ada, mind)
    await rows(
      server.parts.db,
      `UPDATE oidc_record SET payload = jsonb_set(payload::jsonb, '{loginTs}', to_jsonb($2::int))::json
        WHERE model = 'Session' AND account_id = $1`,
      [ada.id, Math.floor(Date.now() / 1000) - 601],
    )
    const page = await visit(mind)
    expect(page.url, 'to look at').to.equal(at('/data'))
    const login = await follow(mind, await download(mind, page))
    expect(login.url).to.match(/\/login$/)
    expect(await exportsOf(ada)).to.deep.equal([])
    const { email, password } = ada
    const back = await follow(mind, await mind.submit(login, { login: email, password }))
    expect(back.url).to.equal(at('/data'))
    expect((await download(mind, back)).headers['content-type']).to.match(/^application\/json/)
  })

  it('ends with the newest ten thousand events, and says so', async () => {
    const { id: accountId } = await addPerson(server)
    await relay()
    await rows(
      server.parts.db,
      `INSERT INTO audit_entry (seq, event_id, type, subject, occurred_at, data, previous_hash, hash)
       SELECT 1000000 + n, gen_random_uuid(), 'auth.thing.done', $1, now(),
              json_build_object('n', n), '', '' FROM generate_series(1, $2::int) AS n`,
      [accountId, EVENTS_MAX],
    )
    const { events, older_events_left_out } = await exportPersonalData(server.parts, {
      accountId,
      by: 'cli',
    })
    expect(events).to.have.length(EVENTS_MAX)
    expect(events[0]!.data).to.deep.equal({ n: EVENTS_MAX })
    expect(events.at(-1)!.data).to.deep.equal({ n: 1 })
    expect(older_events_left_out).to.equal(true)
  })
})

/** In no spelling that a file could have it in. */
function expectNowhere(body: string, value: Buffer, name: string): void {
  const forms = ['utf8', 'hex', 'base64', 'base64url'] as const
  for (const form of forms) expect(body, `${name} as ${form}`).not.to.include(value.toString(form))
}

/** Everything that is stored as bytes, which is every hash, seal and key. */
async function bytesOf({ parts }: AuthCore): Promise<{ name: string; value: Buffer }[]> {
  const columns = await rows<{ table: string; column: string }>(
    parts.db,
    `SELECT table_name AS table, column_name AS column FROM information_schema.columns
      WHERE table_schema = 'public' AND data_type = 'bytea'`,
  )
  const found = await Promise.all(
    columns.map(async ({ table, column }) => {
      const { rows: values } = await parts.db.raw('SELECT DISTINCT ?? AS value FROM ??', [
        column,
        table,
      ])
      return (values as { value: Buffer | null }[]).flatMap(({ value }) =>
        value && value.length > 4 ? [{ name: `${table}.${column}`, value }] : [],
      )
    }),
  )
  return found.flat()
}
