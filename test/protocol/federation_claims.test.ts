import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { type AuthCore, addClient, startAuthCore } from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import { temporaryFolder } from '../support/leash.ts'
import {
  addConnection,
  type MadeUpSource,
  madeUpSource,
  personOf,
  proven,
} from '../support/made_up_source.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { exchangeFields, expectTokens, post, type TestClient, userinfo } from './driver.ts'

/** From the groups and attributes of a source to what applications are told: data all the way. */

const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    teams: {
      type: 'array',
      title: 'Teams',
      items: { type: 'string', enum: ['press', 'print'] },
      'x-authcore': { edit: 'operator', claim: 'teams' },
    },
    floor: { type: 'number', title: 'Floor', 'x-authcore': { edit: 'operator', claim: 'floor' } },
  },
}

describe('Groups and attributes of a source', function () {
  this.timeout(60_000)
  let server: AuthCore
  let source: MadeUpSource
  let client: TestClient
  let party: RelyingParty
  before(async () => {
    const schema = path.join(temporaryFolder('profile'), 'schema.json')
    writeFileSync(schema, JSON.stringify(SCHEMA))
    source = madeUpSource()
    server = await startAuthCore({ kinds: source.kinds, env: { AUTHCORE_PROFILE_SCHEMA: schema } })
    client = await addClient(server)
    party = await relyingParty(server, client)
    await addConnection(server, source, 'works', {
      rules: {
        claims: { zoneinfo: 'raw.zone' },
        attributes: {
          teams: 'groups.filter(g, g.startsWith("team-")).map(g, g.substring(5))',
          floor: 'int(raw.room) / 100',
        },
      },
    })
  })
  after(() => server?.stop())

  const toldAfter = async (groups: string[], raw: Record<string, unknown>) => {
    const mind = browser()
    const ours = (location: string) => !location.startsWith(server.issuer)
    const { url, checks } = await authorizationRequest(party, { scope: 'openid profile' })
    const page = await mind.followAll(await mind.get(url.href), ours)
    const interaction = page.url.replace(/\/[a-z_]+$/, '')
    const away = await mind.get(`${interaction}/connections/works`)
    const state = new URL(away.location!).searchParams.get('state')!
    source.says.result = proven(personOf('grace', { groups, raw, claims: { name: 'Grace' } }))
    const back = `${server.issuer}/federation/works/callback?${new URLSearchParams({ state })}`
    const consent = await mind.followAll(await mind.get(back), ours)
    const nobody = { id: '', email: '', password: '' }
    const callback = await goThrough(mind, consent, nobody, server.issuer)
    const answer = await post(server, '/token', client, exchangeFields({ callback, checks }))
    const { access_token: token } = expectTokens(answer)
    return (await userinfo(server, token)).json<Record<string, unknown>>()
  }

  it('are what applications are told, as the rules say', async () => {
    const told = await toldAfter(['team-press', 'everybody'], { room: '304', zone: 'Europe/Paris' })
    expect(told).to.deep.include({
      name: 'Grace',
      teams: ['press'],
      floor: 3,
      zoneinfo: 'Europe/Paris',
    })
  })

  it('follow the source at the next sign-in, and end with it', async () => {
    const told = await toldAfter(['team-print', 'team-press'], { room: 'none', zone: 'Nowhere' })
    expect(told).to.deep.include({ name: 'Grace', teams: ['print', 'press'] })
    expect(told, 'what does not fit is not there').not.to.have.any.keys('floor', 'zoneinfo')
    const unknown = await toldAfter(['team-of-nobody'], { room: '101' })
    expect(unknown).to.deep.include({ floor: 1 })
    expect(unknown).not.to.have.property('teams')
    const left = await toldAfter([], {})
    expect(left['teams'] ?? []).to.deep.equal([])
    expect(left).to.include({ name: 'Grace' }).and.not.to.have.property('floor')
  })
})
