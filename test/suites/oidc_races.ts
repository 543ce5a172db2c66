import { expect } from 'chai'
import {
  clientAssertion,
  dpopProof,
  enterUserCode,
  eventsOf,
  exchangeFields,
  expectTokens,
  fromSomewhere,
  introspect,
  post,
  redeemDevice,
  refresh,
  refreshFields,
  rows,
  signingParty,
  startDevice,
  type TestClient,
  type Tokens,
  userinfo,
} from '../protocol/driver.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
} from '../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'

/**
 * What may happen once happens once, however many ask at the same moment. Each race is run several
 * times: `REPEAT=30` for the acceptance run.
 */
const REPEAT = Number(process.env['REPEAT'] ?? 3)
const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' }

export function describeOidcRaces(running: () => AuthCore): void {
  describe('races', function () {
    this.timeout(20_000 * REPEAT)
    let server: AuthCore
    let ada: Person
    /** A browser in which Ada is signed in, so that a code costs no password. */
    let alice: Browser
    const clients = {} as Record<'confidential' | 'open', TestClient>
    const parties = {} as Record<'confidential' | 'open', RelyingParty>

    before(async () => {
      server = running()
      ada = await addPerson(server)
      await addApi(server).catch(() => {})
      clients.confidential = await addClient(server, { preset: 'web' })
      clients.open = await addClient(server, { preset: 'spa' })
      for (const kind of ['confidential', 'open'] as const) {
        parties[kind] = await relyingParty(server, clients[kind])
      }
      alice = (await authorize(server, parties.open, ada)).alice
    })

    const repeatedly = (title: string, race: () => Promise<void>) =>
      it(title, async () => {
        for (let round = 1; round <= REPEAT; round++) {
          await race().catch((error) => {
            error.message = `round ${round} of ${REPEAT}: ${error.message}`
            throw error
          })
        }
      })
    const codeOf = (kind: 'confidential' | 'open', parameters: Record<string, string> = {}) =>
      authorize(server, parties[kind], ada, { alice, parameters })
    const tokensOf = async (kind: 'confidential' | 'open') => {
      const fields = exchangeFields(await codeOf(kind, OFFLINE))
      return expectTokens(await post(server, '/token', clients[kind], fields))
    }

    for (const kind of ['open', 'confidential'] as const) {
      repeatedly(`gives tokens to one of 20 for a code (${kind} client)`, async () => {
        const fields = exchangeFields(await codeOf(kind))
        const replies = await atOnce(20, (gate) =>
          post(server, '/token', clients[kind], fields, { gate }),
        )
        expectOneWinner(replies, 'invalid_grant')
      })
    }

    repeatedly('rotates the refresh token of a public client for one of 20', async () => {
      const { refresh_token } = await tokensOf('open')
      const replies = await atOnce(20, (gate) =>
        refresh(server, clients.open, refresh_token!, { gate }),
      )
      const winner = expectOneWinner(replies, 'invalid_grant').json<Tokens>()
      expect((await userinfo(server, winner.access_token)).status).to.equal(200)
      expectTokens(await refresh(server, clients.open, winner.refresh_token!))
    })

    repeatedly('makes one new refresh token of a confidential client of 20 uses', async () => {
      const { refresh_token } = await tokensOf('confidential')
      const before = await countLiveRefreshTokens(server, ada, clients.confidential)
      const replies = await atOnce(20, (gate) =>
        refresh(server, clients.confidential, refresh_token!, { gate }),
      )
      const tokens = replies.filter(({ status }) => status === 200).map((r) => r.json<Tokens>())
      expect(tokens).to.have.length.at.least(1)
      expectErrors(
        replies.filter(({ status }) => status !== 200),
        'invalid_grant',
      )
      const successors = new Set(tokens.map((each) => each.refresh_token))
      expect([...successors])
        .to.have.length(1)
        .and.not.to.include(refresh_token)
      const after = await countLiveRefreshTokens(server, ada, clients.confidential)
      expect(after, 'live refresh tokens').to.equal(before)
      for (const { access_token } of tokens) {
        expect((await userinfo(server, access_token)).status).to.equal(200)
      }
      expectTokens(await refresh(server, clients.confidential, [...successors][0]!))
    })

    repeatedly('makes one code of a pushed request in 10 tabs', async () => {
      const { uri } = await pushed(server, clients.confidential, parties.confidential)
      const replies = await atOnce(10, (gate) => alice.get(uri, { gate }))
      expect(codesIn(replies), replies.map(({ status }) => status).join()).to.have.length(1)
      expect(replies.every(({ status }) => status < 500)).to.equal(true)
    })

    it('makes one code of a pushed request that several browsers have opened', async () => {
      const { uri } = await pushed(server, clients.confidential, parties.confidential)
      const people = [browser(), browser(), browser()]
      const pages = await Promise.all(
        people.map(async (each) => await each.followAll(await each.get(uri))),
      )
      const signedIn = await Promise.all(
        people.map((each, i) =>
          each.submit(pages[i]!, { login: ada.email, password: ada.password }),
        ),
      )
      // The page after the password leads to the interaction, and that to the address that resumes.
      const resuming = await Promise.all(
        people.map(async (each, i) => await each.follow(signedIn[i]!)),
      )
      const replies = await atOnce(3, (gate, i) => people[i]!.get(resuming[i]!.location!, { gate }))
      expect(codesIn(replies)).to.have.length(1)
      expect(replies.every(({ status }) => status < 500)).to.equal(true)
    })

    repeatedly('gives tokens to one of 10 for a device code', async () => {
      const device = await addClient(server, { preset: 'device', firstParty: true })
      const { device_code, user_code } = await startDevice(server, device)
      await approve(server, alice, user_code)
      const replies = await atOnce(10, (gate) =>
        redeemDevice(server, device, device_code, { gate }),
      )
      expectOneWinner(replies, 'invalid_grant')
    })

    repeatedly('accepts a client assertion from one of 20', async () => {
      const key = await signingParty()
      const service = await addClient(server, {
        preset: 'service',
        metadata: {
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [{ ...key.jwk }] },
          resource_scopes: { [API]: ['read'] },
        },
      })
      const fields = {
        grant_type: 'client_credentials',
        resource: API,
        ...(await clientAssertion(server, service.clientId, key)),
      }
      const headers = fromSomewhere()
      const replies = await atOnce(20, (gate) =>
        post(server, '/token', undefined, fields, { gate, headers }),
      )
      expectOneWinner(replies, 'invalid_client')
    })

    repeatedly('accepts a DPoP proof from one of 20', async () => {
      const service = await addClient(server, {
        preset: 'service',
        metadata: { resource_scopes: { [API]: ['read'] } },
      })
      const dpop = await dpopProof(await signingParty(), 'POST', `${server.issuer}/token`)
      const replies = await atOnce(20, (gate) =>
        post(
          server,
          '/token',
          service,
          { grant_type: 'client_credentials', resource: API },
          { gate, headers: { dpop } },
        ),
      )
      expectOneWinner(replies, 'invalid_grant')
    })

    repeatedly('keeps every authorization of 10 applications in one session', async () => {
      const applications = await Promise.all(
        Array.from({ length: 10 }, async () => {
          const client = await addClient(server, { firstParty: true })
          const party = await relyingParty(server, client)
          return { client, ...(await authorizationRequest(party, { scope: 'openid' })) }
        }),
      )
      const eve = (await authorize(server, parties.open, ada)).alice
      const replies = await atOnce(10, (gate, i) => eve.get(applications[i]!.url.href, { gate }))
      const exchanges = await Promise.all(
        replies.map(({ location = '' }, i) => {
          const { client, checks } = applications[i]!
          const fields = exchangeFields({ callback: new URL(location), checks })
          return post(server, '/token', client, fields)
        }),
      )
      for (const reply of exchanges) {
        const { access_token } = expectTokens(reply)
        expect((await userinfo(server, access_token)).status).to.equal(200)
      }
    })

    repeatedly('resumes two requests of one browser at once, both to their end', async () => {
      const cases: [Browser, Record<string, string>][] = [
        [browser(), {}],
        [alice, { prompt: 'login consent' }],
        [alice, { prompt: 'consent' }],
      ]
      for (const [eve, parameters] of cases) {
        const tabs = await Promise.all(
          (['confidential', 'open'] as const).map(async (kind) => {
            const request = await authorizationRequest(parties[kind], parameters)
            const page = await eve.followAll(await eve.get(request.url.href))
            return { client: clients[kind], page, ...request }
          }),
        )
        const ready: string[] = []
        for (const tab of tabs) ready.push(await untilResume(server, eve, tab.page, ada))
        const replies = await atOnce(2, (gate, i) => eve.get(ready[i]!, { gate }))
        const ends = await Promise.all(
          replies.map((reply) => goThroughRest(server, eve, reply, ada)),
        )
        for (const [i, callback] of ends.entries()) {
          const { client, checks } = tabs[i]!
          expectTokens(await post(server, '/token', client, exchangeFields({ callback, checks })))
        }
      }
    })

    repeatedly('leaves nothing of a grant alive once a revocation was answered', async () => {
      for (const kind of ['open', 'confidential'] as const) {
        const client = clients[kind]
        const first = await tokensOf(kind)
        const replies = await atOnce(6, (gate, i) =>
          i === 3
            ? post(server, '/revoke', client, { token: first.refresh_token! }, { gate })
            : post(server, '/token', client, refreshFields(first.refresh_token!), { gate }),
        )
        expect(replies[3]!.status, replies[3]!.body).to.equal(200)
        const issued = replies
          .filter((reply, i) => i !== 3 && reply.status === 200)
          .map((reply) => reply.json<Tokens>())
        await expectDead(server, clients, client, [first, ...issued])
      }
    })

    repeatedly('lets one of two people have a device code, and the tokens are theirs', async () => {
      const device = await addClient(server, { preset: 'device', firstParty: true })
      const { device_code, user_code } = await startDevice(server, device)
      const bob = await addPerson(server)
      const other = (await authorize(server, parties.open, bob)).alice
      const people = [
        { person: ada, mind: alice },
        { person: bob, mind: other },
      ]
      const pages = await Promise.all(
        people.map(({ mind }) => enterUserCode(server, mind, user_code)),
      )
      const answers = await atOnce(2, (gate, i) =>
        people[i]!.mind.submit(
          pages[i]!,
          {},
          { button: 'confirm', gate, headers: fromSomewhere() },
        ),
      )
      const ends = await Promise.all(
        people.map(async ({ mind }, i) => await mind.followAll(answers[i]!)),
      )
      const winners = ends.flatMap(({ body }, i) =>
        body.includes('id="device-outcome"') ? [people[i]!.person] : [],
      )
      expect(winners, ends.map((each) => each.text().slice(0, 80)).join('|')).to.have.length(1)
      const { access_token } = expectTokens(await redeemDevice(server, device, device_code))
      const { sub } = (await userinfo(server, access_token)).json<{ sub: string }>()
      expect(sub).to.equal(winners[0]!.id)
    })

    repeatedly(
      'holds one of yes and no, where a device is confirmed and denied at once',
      async () => {
        const device = await addClient(server, { preset: 'device', firstParty: true })
        const { device_code, user_code } = await startDevice(server, device)
        const bob = await addPerson(server)
        const minds = [alice, (await authorize(server, parties.open, bob)).alice]
        const pages = await Promise.all(minds.map((mind) => enterUserCode(server, mind, user_code)))
        const answers = await atOnce(2, (gate, i) =>
          minds[i]!.submit(
            pages[i]!,
            {},
            { button: i === 0 ? 'confirm' : 'abort', gate, headers: fromSomewhere() },
          ),
        )
        const ends = await Promise.all(minds.map((mind, i) => mind.followAll(answers[i]!)))
        const outcomes = ends.map(({ body }) => body.includes('id="device-outcome"'))
        expect(outcomes.filter(Boolean), ends.map((each) => each.text()).join('|')).to.have.length(
          1,
        )
        const reply = await redeemDevice(server, device, device_code)
        if (outcomes[0]) expectTokens(reply)
        else expectErrors([reply], 'access_denied')
      },
    )

    it('takes a used code that comes back later for theft: everything of its grant ends', async () => {
      const fields = exchangeFields(await codeOf('confidential', OFFLINE))
      const tokens = expectTokens(await post(server, '/token', clients.confidential, fields))
      const again = await post(server, '/token', clients.confidential, fields)
      expectErrors([again], 'invalid_grant')
      await expectDead(server, clients, clients.confidential, [tokens])
      const [event] = (await eventsOf(server, 'auth.token.reuse_detected')).slice(-1)
      expect(event?.data).to.include({
        clientId: clients.confidential.clientId,
        kind: 'AuthorizationCode',
      })
    })
  })
}

function expectErrors(replies: Reply[], error: string): void {
  for (const reply of replies) {
    expect(reply.json<{ error: string }>().error, reply.body).to.equal(error)
    expect(reply.status).to.be.within(400, 401)
  }
}

function expectOneWinner(replies: Reply[], error: string): Reply {
  const winners = replies.filter(({ status }) => status === 200)
  expect(
    winners,
    replies.map((r) => `${r.status} ${r.body.slice(0, 80)}`).join('\n'),
  ).to.have.length(1)
  expectErrors(
    replies.filter(({ status }) => status !== 200),
    error,
  )
  return winners[0]!
}

function codesIn(replies: Reply[]): string[] {
  return replies.flatMap(({ location }) =>
    location?.includes('code=') ? [new URL(location).searchParams.get('code')!] : [],
  )
}

async function countLiveRefreshTokens(
  { parts }: AuthCore,
  { id }: Person,
  { clientId }: TestClient,
): Promise<number> {
  const [row] = await rows<{ live: number }>(
    parts.db,
    `SELECT count(*)::integer AS live FROM oidc_record
      WHERE model = 'RefreshToken' AND consumed_at IS NULL AND account_id = $1 AND client_id = $2`,
    [id, clientId],
  )
  return row!.live
}

async function expectDead(
  server: AuthCore,
  clients: Record<'confidential', TestClient>,
  client: TestClient,
  all: Tokens[],
): Promise<void> {
  for (const { access_token, refresh_token } of all) {
    expect((await userinfo(server, access_token)).status).to.equal(401)
    if (client.secret !== undefined) {
      for (const token of [access_token, refresh_token!]) {
        expect(await introspect(server, clients.confidential, token)).to.deep.equal({
          active: false,
        })
      }
    }
    expectErrors([await refresh(server, client, refresh_token!)], 'invalid_grant')
  }
}

async function pushed(server: AuthCore, client: TestClient, party: RelyingParty) {
  const { url, checks } = await authorizationRequest(party)
  const reply = await post(server, '/par', client, Object.fromEntries(url.searchParams))
  expect(reply.status, reply.body).to.equal(201)
  const { request_uri } = reply.json<{ request_uri: string }>()
  const query = new URLSearchParams({ client_id: client.clientId, request_uri })
  return { uri: `${server.issuer}/authorize?${query}`, checks }
}

async function approve(server: AuthCore, mind: Browser, userCode: string): Promise<void> {
  const confirm = await enterUserCode(server, mind, userCode)
  const done = await mind.followAll(
    await mind.submit(confirm, {}, { button: 'confirm', headers: fromSomewhere() }),
  )
  expect(done.body, done.text()).to.include('id="device-outcome"')
}

/** Signs in and allows until the next step would be the engine's; that address is returned. */
async function untilResume(
  { issuer }: AuthCore,
  mind: Browser,
  start: Reply,
  person: Person,
): Promise<string> {
  const resumes = (location: string) => location.startsWith(`${issuer}/authorize/`)
  let page = start
  for (let step = 0; step < 6; step++) {
    if (page.location && resumes(page.location)) return page.location
    const { pathname } = new URL(page.url)
    const answer = pathname.endsWith('/login')
      ? await mind.submit(page, { login: person.email, password: person.password })
      : await mind.submit(page, {}, { button: 'Allow' })
    page = await mind.followAll(answer, resumes)
  }
  throw new Error(`no end at ${page.url}`)
}

function goThroughRest(server: AuthCore, mind: Browser, reply: Reply, person: Person) {
  return goThrough(mind, reply, person, server.issuer)
}
