import { expect } from 'chai'
import fc from 'fast-check'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import { isNothing, missingConsent, type Requested } from '../../../src/domain/clients/consent.ts'
import { findConsent, listConsentsOfAccount } from '../../../src/domain/clients/consent_store.ts'
import { createClient } from '../../../src/domain/clients/create_client.ts'
import { grantConsent, revokeConsent } from '../../../src/domain/clients/grant_consent.ts'
import { query } from '../../../src/platform/persistence/db.ts'
import {
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  keyring,
  movableClock,
} from '../domain_database.ts'

const NOTHING = { openidScopes: [], openidClaims: [], resourceScopes: {} }

describe('domain/clients/consent', () => {
  const requested = {
    openidScopes: ['openid', 'email'],
    openidClaims: ['phone_number'],
    resourceScopes: { 'https://api.example': ['read', 'write'] },
  }

  it('misses everything where nothing was granted', () => {
    expect(missingConsent(undefined, requested)).to.deep.equal(requested)
  })

  it('misses exactly what was not granted, whatever was', () => {
    const names = fc.array(fc.constantFrom('a', 'b', 'c', 'toString'), { maxLength: 4 })
    const resources = fc.dictionary(fc.constantFrom('https://x', 'https://y', 'constructor'), names)
    const asked = fc.record({ openidScopes: names, openidClaims: names, resourceScopes: resources })
    const pairs = ({ openidScopes, openidClaims, resourceScopes }: Requested) => [
      ...openidScopes.map((name) => `scope ${name}`),
      ...openidClaims.map((name) => `claim ${name}`),
      ...Object.entries(resourceScopes).flatMap(([resource, scopes]) =>
        scopes.map((name) => `${resource} ${name}`),
      ),
    ]
    fc.assert(
      fc.property(fc.option(asked, { nil: undefined }), asked, (granted, requested) => {
        const missing = missingConsent(granted, requested)
        const known = new Set(granted ? pairs(granted) : [])
        const wanted = new Set(pairs(requested).filter((pair) => !known.has(pair)))
        // No name twice, either: each is a line of the page.
        expect(pairs(missing).sort()).to.deep.equal([...wanted].sort())
        expect(isNothing(missing)).to.equal(wanted.size === 0)
        // Whoever allows what is missing is not asked again.
        const scopesOf = (resource: string, of: Requested | undefined) =>
          new Map(Object.entries(of?.resourceScopes ?? {})).get(resource) ?? []
        const resources = Object.keys({ ...granted?.resourceScopes, ...missing.resourceScopes })
        const allowed = {
          openidScopes: [...(granted?.openidScopes ?? []), ...missing.openidScopes],
          openidClaims: [...(granted?.openidClaims ?? []), ...missing.openidClaims],
          resourceScopes: Object.fromEntries(
            resources.map((resource) => [
              resource,
              [granted, missing].flatMap((each) => scopesOf(resource, each)),
            ]),
          ),
        }
        expect(isNothing(missingConsent(allowed, requested))).to.equal(true)
      }),
      { numRuns: 300 },
    )
  })

  it('misses only what goes beyond the grant', () => {
    const granted = {
      openidScopes: ['openid', 'profile'],
      openidClaims: ['phone_number'],
      resourceScopes: { 'https://api.example': ['read'], 'https://other.example': ['write'] },
    }
    expect(missingConsent(granted, requested)).to.deep.equal({
      openidScopes: ['email'],
      openidClaims: [],
      resourceScopes: { 'https://api.example': ['write'] },
    })
  })

  it('misses nothing where all was granted', () => {
    expect(isNothing(missingConsent(requested, requested))).to.equal(true)
    expect(isNothing(missingConsent(undefined, NOTHING))).to.equal(true)
    expect(isNothing(missingConsent(NOTHING, requested))).to.equal(false)
  })
})

describe('domain/clients/consent_store', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  let db: DomainDatabase['db']
  let accountId: string
  let clientId: string
  const deps = () => ({ db, clock: movableClock() })

  before(async () => {
    database = await domainDatabase()
    db = database.db
    accountId = (await createAccount(deps(), { username: 'consenting' })).id
    const metadata = { redirect_uris: ['https://a.example/cb'] }
    const client = { name: 'A', preset: 'spa' as const, metadata }
    clientId = (await createClient({ ...deps(), keyring }, client)).client.clientId
  })
  after(() => database?.close())

  it('gathers what ten pages grant at once in one row', async () => {
    const numbers = Array.from({ length: 10 }, (_, i) => i)
    await Promise.all(
      numbers.map((i) =>
        grantConsent(deps(), {
          accountId,
          clientId,
          granted: {
            openidScopes: ['openid', `scope${i}`],
            openidClaims: [`claim${i}`],
            resourceScopes: { 'urn:shared': [`s${i}`, 's'], [`urn:own:${i}`]: ['x'] },
          },
        }),
      ),
    )
    expect(await query(db, 'SELECT client_id FROM consent')).to.have.length(1)
    const consent = (await findConsent(db, accountId, clientId))!
    expect(consent.openidScopes).to.have.members(['openid', ...numbers.map((i) => `scope${i}`)])
    expect(consent.openidClaims).to.have.members(numbers.map((i) => `claim${i}`))
    expect(consent.resourceScopes['urn:shared']).to.have.members([
      's',
      ...numbers.map((i) => `s${i}`),
    ])
    expect(Object.keys(consent.resourceScopes)).to.have.length(11)
    expect(await eventTypes(db, accountId)).to.have.length(11)
  })

  it('changes nothing where it is granted again', async () => {
    const before = (await findConsent(db, accountId, clientId))!
    const after = await grantConsent(deps(), { accountId, clientId, granted: before })
    expect(after.resourceScopes).to.deep.equal(before.resourceScopes)
    expect(after.openidScopes).to.deep.equal(before.openidScopes)
    await grantConsent(deps(), { accountId, clientId, granted: NOTHING })
    expect(await listConsentsOfAccount(db, accountId)).to.deep.equal([after])
  })

  it('is revoked as a whole, together with what hangs on it', async () => {
    const ended: unknown[] = []
    const endAccess = async (_tx: unknown, parties: unknown) => void ended.push(parties)
    expect(await revokeConsent({ db }, { accountId, clientId }, { endAccess })).to.equal(true)
    expect(await revokeConsent({ db }, { accountId, clientId })).to.equal(false)
    expect(ended).to.deep.equal([{ accountId, clientId }])
    expect(await findConsent(db, accountId, clientId)).to.equal(undefined)
    expect((await eventTypes(db, accountId)).at(-1)).to.equal('auth.consent.revoked')
  })

  it('finds nothing for ids that cannot be', async () => {
    expect(await findConsent(db, 'nobody', clientId)).to.equal(undefined)
    expect(await listConsentsOfAccount(db, 'nobody')).to.be.empty
  })
})
