import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { HARDWARE_ACR, PHISHING_RESISTANT_ACR } from '../../src/domain/authentication/assurance.ts'
import { listWebAuthnCredentials } from '../../src/domain/credentials/webauthn/webauthn_store.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { issueCertificate } from '../support/certificates.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { aaguidBytes, issueAttestation, issueRoot, MODEL, makeBlob } from '../support/metadata.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  type Bend,
  createSoftKey,
  optionsOn,
  type SoftKey,
  useSoftKey,
} from '../support/webauthn.ts'
import { eventsOf, exchangeFields, expectTokens, post, type TestClient } from './driver.ts'

/** Which authenticators are taken, and what a key in hardware is worth. */

const OTHER = '11111111-2222-4333-8444-555555555555'
const REVOKED = '21111111-2222-4333-8444-555555555555'
const SOFTWARE = '31111111-2222-4333-8444-555555555555'
const UNLISTED = '41111111-2222-4333-8444-555555555555'
const isPasskeyForm = { form: ({ id }: { id: string }) => id === 'passkey-form' }
const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
const TELL = JSON.stringify({ id_token: { acr: null, amr: null } })

describe('Passkeys whose maker is asked for (WebAuthn L3 §8, FIDO MDS 3.0)', function () {
  this.timeout(60_000)
  const maker = issueRoot('Example Keys root')
  const signer = issueRoot('Metadata root')
  const attestation = issueAttestation(maker)
  const statementOf = (aaguid: string, rest = {}) => ({ aaguid, roots: [maker], ...rest })
  const blobOf = (statuses: string[], no: number) =>
    makeBlob(
      issueCertificate({ subject: [['CN', 'Metadata']], by: signer }),
      [
        statementOf(MODEL, { statuses }),
        statementOf(REVOKED, { statuses: ['FIDO_CERTIFIED', 'REVOKED'] }),
        statementOf(SOFTWARE, { keyProtection: ['software'] }),
        statementOf(UNLISTED),
      ],
      { no },
    )
  let dir: string
  let blob: string
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'authcore-mds-'))
    blob = path.join(dir, 'blob.jwt')
    writeFileSync(blob, await blobOf(['FIDO_CERTIFIED_L2'], 1))
    writeFileSync(path.join(dir, 'root.pem'), signer.cert)
    server = await startAuthCore({
      env: {
        AUTHCORE_PASSKEY_ATTESTATION: 'direct',
        AUTHCORE_PASSKEY_METADATA: blob,
        AUTHCORE_PASSKEY_METADATA_ROOT: path.join(dir, 'root.pem'),
        AUTHCORE_PASSKEY_AUTHENTICATORS: [MODEL, OTHER, REVOKED, SOFTWARE].join(','),
      },
    })
    client = await addClient(server)
    party = await relyingParty(server, client)
  })
  after(async () => {
    await server?.stop()
    rmSync(dir, { recursive: true })
  })

  const good: Bend = {
    aaguid: aaguidBytes(MODEL),
    attestation: [attestation],
    backupEligible: false,
  }
  const ours = (location: string) => !location.startsWith(server.issuer)
  const open = async (mind: Browser, parameters: Record<string, string> = {}) => {
    const { url, checks } = await authorizationRequest(party, { claims: TELL, ...parameters })
    return { page: await mind.followAll(await mind.get(url.href), ours), checks }
  }
  const password = async (mind: Browser, page: Reply, { email, password }: Person) =>
    await mind.followAll(await mind.submit(page, { login: email, password }), ours)
  const create = (page: Reply, bend: Bend) =>
    createSoftKey(optionsOn(page.body), { origin: new URL(server.issuer).origin, ...bend })
  const present = async (mind: Browser, page: Reply, key: SoftKey, bend: Bend = {}) => {
    const origin = new URL(server.issuer).origin
    const credential = useSoftKey(key, optionsOn(page.body), { origin, ...bend })
    return await mind.followAll(await mind.submit(page, { credential }, isPasskeyForm), ours)
  }
  /** Enrols at the account pages. */
  const enrolAt = async (person: Person, bend: Bend, name = '') => {
    const mind = browser()
    const address = `${server.issuer}/account/security/passkey`
    let page = await mind.followAll(await mind.get(address))
    if (stepOf(page) === 'login') page = await password(mind, page, person)
    const { key, response } = create(page, bend)
    const reply = await mind.submit(page, { credential: response, name }, isPasskeyForm)
    return { page, key, reply, mind }
  }
  const refusalsOf = async ({ id }: Person) =>
    (await eventsOf(server, 'auth.factor.refused'))
      .filter(({ subject }) => subject === id)
      .map(({ data }) => data as { reason: string; aaguid?: string })
  const tokensAfter = async (
    mind: Browser,
    page: Reply,
    person: Person,
    checks: Awaited<ReturnType<typeof open>>['checks'],
  ) => {
    const callback = await goThrough(mind, page, person, server.issuer)
    const reply = await post(server, '/token', client, exchangeFields({ callback, checks }))
    return decodeJwt<{ acr: string; amr: string[] }>(expectTokens(reply).id_token!)
  }

  it('are taken from a model that its maker vouches for, and named after it', async () => {
    const person = await addPerson(server)
    const { page, reply, mind } = await enrolAt(person, good)
    expect(JSON.parse(optionsOn(page.body))).to.include({ attestation: 'direct' })
    expect(reply.body).to.include('id="recovery-codes"')
    const [made] = await listWebAuthnCredentials(server.parts.db, person.id)
    expect(made).to.include({ name: 'Example Key <5>', aaguid: MODEL, hardwareAttested: true })
    const security = await mind.get(`${server.issuer}/account/security`)
    expect(security.body).to.include('Example Key &lt;5&gt;').and.to.include('in hardware')
    expect(await refusalsOf(person)).to.deep.equal([])
  })

  it('are called as their owner wants', async () => {
    const person = await addPerson(server)
    await enrolAt(person, good, 'Mine')
    const [made] = await listWebAuthnCredentials(server.parts.db, person.id)
    expect(made?.name).to.equal('Mine')
  })

  const REFUSED: [what: string, bend: () => Bend, reason: string, aaguid?: string][] = [
    ['no attestation', () => ({ aaguid: aaguidBytes(MODEL) }), 'no_attestation', MODEL],
    ['self attestation', () => ({ ...good, attestation: 'self' }), 'self_attestation', MODEL],
    [
      'a model that the metadata does not know',
      () => ({
        ...good,
        aaguid: aaguidBytes(OTHER),
        attestation: [issueAttestation(maker, { aaguid: OTHER })],
      }),
      'unknown_authenticator',
      OTHER,
    ],
    [
      'a model that is not listed',
      () => ({
        ...good,
        aaguid: aaguidBytes(UNLISTED),
        attestation: [issueAttestation(maker, { aaguid: UNLISTED })],
      }),
      'not_listed',
      UNLISTED,
    ],
    [
      'a model that was revoked',
      () => ({
        ...good,
        aaguid: aaguidBytes(REVOKED),
        attestation: [issueAttestation(maker, { aaguid: REVOKED })],
      }),
      'compromised_authenticator',
      REVOKED,
    ],
    [
      'a chain to somebody else',
      () => ({ ...good, attestation: [issueAttestation(issueRoot('Example Keys root'))] }),
      'untrusted_chain',
      MODEL,
    ],
    [
      'a certificate that was issued by one that may not',
      () => ({ ...good, attestation: [issueAttestation(attestation), attestation] }),
      'untrusted_chain',
      MODEL,
    ],
    [
      'a chain of which one in the middle has expired',
      () => {
        const old = { subject: [['CN', 'Old']] as const, by: maker, ca: true, from: -90, until: -9 }
        const middle = issueCertificate(old)
        return { ...good, attestation: [issueAttestation(middle), middle] }
      },
      'untrusted_chain',
      MODEL,
    ],
    [
      'a certificate that has expired',
      () => ({ ...good, attestation: [issueAttestation(maker, { from: -90, until: -9 })] }),
      'invalid_attestation',
    ],
    [
      'a certificate for another model',
      () => ({ ...good, attestation: [issueAttestation(maker, { aaguid: OTHER })] }),
      'invalid_attestation',
    ],
  ]
  for (const [what, bend, reason, aaguid] of REFUSED) {
    it(`are refused with ${what}`, async () => {
      const person = await addPerson(server)
      const { reply } = await enrolAt(person, bend())
      expect(reply.status).to.equal(422)
      expect(reply.body).to.include('is not among those that are accepted here')
      const [refusal, ...others] = await refusalsOf(person)
      expect(others).to.deep.equal([])
      expect(refusal).to.include({ factor: 'passkey', reason })
      expect(refusal?.aaguid).to.equal(aaguid)
      expect(await listWebAuthnCredentials(server.parts.db, person.id)).to.deep.equal([])
      expect(await eventsOf(server, 'auth.factor.added')).to.satisfy((events: object[]) =>
        events.every((event) => (event as { subject: string }).subject !== person.id),
      )
    })
  }

  it('reach phrh where nothing less will do, made on the way and afterwards', async () => {
    expect(party.configuration.serverMetadata()['acr_values_supported']).to.include(HARDWARE_ACR)
    const wants = { acr_values: HARDWARE_ACR }
    const person = await addPerson(server)
    const mind = browser()
    const { page, checks } = await open(mind, wants)
    const enrolment = await password(mind, page, person)
    expect(stepOf(enrolment)).to.equal('enrol_factor')
    for (const bend of [
      { ...good, backupEligible: true },
      { ...good, userVerified: false },
      {
        ...good,
        aaguid: aaguidBytes(SOFTWARE),
        attestation: [issueAttestation(maker, { aaguid: SOFTWARE })] as const,
      },
    ] satisfies Bend[]) {
      const again = await mind.get(enrolment.url)
      const sent = { credential: create(again, bend).response }
      const refused = await mind.submit(again, sent, isPasskeyForm)
      expect(refused.status).to.equal(422)
      expect(refused.body).to.include('is not among those that are accepted here')
    }
    expect((await refusalsOf(person)).map(({ reason }) => reason)).to.deep.equal(
      Array(3).fill('not_in_hardware'),
    )
    const fresh = await mind.get(enrolment.url)
    expect(optionsOn(fresh.body)).to.include('"userVerification":"required"')
    const { key, response } = create(fresh, good)
    expect((await mind.submit(fresh, { credential: response }, isPasskeyForm)).body).to.include(
      'id="recovery-codes"',
    )
    const consent = await mind.followAll(
      await mind.get(enrolment.url.replace('/enrol_factor', '')),
      ours,
    )
    const claims = await tokensAfter(mind, consent, person, checks)
    expect(claims).to.deep.include({ acr: 'phrh', amr: ['pwd', 'hwk', 'mfa'] })

    const alone = browser()
    const next = await open(alone, { acr_values: PHISHING_RESISTANT_ACR })
    const told = await tokensAfter(alone, await present(alone, next.page, key), person, next.checks)
    expect(told).to.deep.include({ acr: 'phrh', amr: ['hwk', 'mfa'] })
  })

  it('step up to phrh from less, by the passkey in hardware and no other', async () => {
    const person = await addPerson(server)
    const { key } = await enrolAt(person, good)
    const mind = browser()
    const first = await open(mind)
    const factor = await password(mind, first.page, person)
    const less = await present(mind, factor, key, { userVerified: false })
    const claims = await tokensAfter(mind, less, person, first.checks)
    expect(claims).to.deep.include({ acr: 'phr', amr: ['pwd', 'pop', 'mfa'] })
    const { page, checks } = await open(mind, { acr_values: HARDWARE_ACR })
    expect(stepOf(page)).to.equal('second_factor')
    const options = JSON.parse(optionsOn(page.body))
    expect(options.userVerification).to.equal('required')
    expect(options.allowCredentials).to.have.length(1)
    const told = await tokensAfter(mind, await present(mind, page, key), person, checks)
    expect(told.acr).to.equal('phrh')
  })

  it('are phr again when their model falls from grace, by new metadata', async () => {
    const person = await addPerson(server)
    const { key } = await enrolAt(person, good)
    writeFileSync(`${blob}.new`, await blobOf(['USER_KEY_PHYSICAL_COMPROMISE'], 2))
    renameSync(`${blob}.new`, blob)
    await server.parts.passkeyMetadata!.look()
    const mind = browser()
    const { page, checks } = await open(mind)
    const told = await tokensAfter(mind, await present(mind, page, key), person, checks)
    expect(told).to.deep.include({ acr: 'phr', amr: ['hwk', 'mfa'] })
    const { reply } = await enrolAt(await addPerson(server), good)
    expect(reply.status).to.equal(422)
  })

  it('are judged by metadata that is out of date, which the operator is told of', async () => {
    const stale = path.join(dir, 'stale.jwt')
    writeFileSync(stale, await makeBlob(signer, [], { nextUpdate: '2026-01-01' }))
    const late = await startAuthCore({
      env: {
        AUTHCORE_PASSKEY_ATTESTATION: 'direct',
        AUTHCORE_PASSKEY_METADATA: stale,
        AUTHCORE_PASSKEY_METADATA_ROOT: path.join(dir, 'root.pem'),
      },
    })
    try {
      const { ready, dependencies } = await late.web.health.ready()
      expect(ready).to.equal(true)
      expect(dependencies['passkey_metadata']?.state).to.equal('down')
      expect(late.logged.map(({ msg }) => msg)).to.include(
        'the metadata of authenticators is out of date: the next one was due on 2026-01-01',
      )
    } finally {
      await late.stop()
    }
  })
})
