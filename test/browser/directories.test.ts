import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Client } from 'ldapts'
import * as oidc from 'openid-client'
import type { Page } from 'playwright-core'
import { listIdentitiesOfAccount } from '../../src/domain/federation/identity_store.ts'
import { runCli } from '../main/cli/run_cli.ts'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import {
  activeDirectoryExample,
  CORP_PASSWORD,
  type ConnectionFile,
  openLdapExample,
  writeConnection,
} from '../support/connection_files.ts'
import * as openldap from '../support/openldap.ts'
import { addGroup, personLdif } from '../support/openldap.ts'
import * as samba from '../support/samba_ad.ts'
import { addUser } from '../support/samba_ad.ts'
import { requires } from '../support/skip.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin, type NewVisitor } from './visitor.ts'

/**
 * Real directories as people meet them: connections are made by the command line of the files in
 * docs/examples, beside a running server, and everybody signs in with a browser. One half goes through
 * one page with JavaScript, the other through two pages without.
 */

const HALVES = [
  { page: 'one_page', javaScriptEnabled: true },
  { page: 'identifier_first', javaScriptEnabled: false },
] as const

const ASKS = 'Do you have an account here?'

type Place = { server: AuthCore; site: ClientSite }

async function startPlace(page: string): Promise<Place> {
  const server = await startAuthCore({ env: { AUTHCORE_SIGN_IN_PAGE: page } })
  const site = await startClientSite(server)
  return { server, site }
}

async function stopPlace(place: Place | undefined): Promise<void> {
  await place?.site.stop()
  await place?.server.stop()
}

/** As an operator does it who has read docs/federation/LDAP.md, beside the running server. */
async function connection(
  { server }: Place,
  verb: 'create' | 'update',
  content: ConnectionFile,
  env: Record<string, string> = {},
): Promise<void> {
  const { storage } = server.parts.config
  const file = writeConnection(`${content.name}.yaml`, content)
  const ran = await runCli(['connection', verb, file, '--json'], {
    env: {
      NODE_ENV: 'test',
      DATABASE_URL: storage.databaseUrl,
      AUTHCORE_DATA_DIR: storage.dataDir,
      ...env,
    },
  })
  expect(ran.code, ran.stderr).to.equal(0)
  const updatedAt: string = ran.json().updated_at
  const isKnown = async () =>
    (await server.parts.connections.find(content.name))?.updatedAt.toISOString() === updatedAt
  for (const deadline = Date.now() + 5_000; !(await isKnown()); await sleep(20)) {
    if (Date.now() > deadline) expect.fail(`the server does not know of ${content.name}`)
  }
}

async function signInAs(page: Page, { site }: Place, login: string, password: string) {
  await page.goto(`${site.startUri}?scope=openid+profile+email+phone`)
  await fillInLogin(page, { id: '', email: login, password })
}

/** Allows what is asked, arrives at the application, and is told there who it was. */
async function arrive(page: Page, { site }: Place) {
  const [allow, arrived] = [page.locator('#allow'), page.locator('#sign-in-again')]
  await allow.or(arrived).waitFor()
  if (await allow.isVisible()) await allow.click()
  await expectHeading(page, /^Welcome /)
  const tokens = site.tokens()
  const { sub } = tokens.claims()!
  return await oidc.fetchUserInfo(site.party.configuration, tokens.access_token, sub)
}

const reasonOn = (page: Page) => page.locator('#reason').innerText()

for (const { page: signInPage, javaScriptEnabled } of HALVES) {
  describe(`People of an OpenLDAP in a browser (${signInPage})`, function () {
    this.timeout(90_000)
    let directory: openldap.OpenLdap
    let place: Place
    let file: ConnectionFile
    const dnOf = (uid: string) => `uid=${uid},ou=people,${openldap.BASE}`
    const visitor = (newVisitor: NewVisitor) => newVisitor({ javaScriptEnabled })
    before(async function () {
      requires(this, openldap.available())
      const people = ['alice', 'carol', 'dave', 'grace']
      directory = await openldap.startOpenLdap({
        ldif: people.map((uid) => personLdif(uid, { mobile: '+49 30 123456' })).join(''),
      })
      const engineers = await addGroup(directory, 'engineers', [dnOf('alice'), dnOf('grace')])
      await addGroup(directory, 'staff', [engineers])
      await addGroup(directory, 'contractors', [dnOf('carol')])
      place = await startPlace(signInPage)
      file = openLdapExample(directory)
      await connection(place, 'create', file)
    })
    const test = browserTests()
    after(async () => {
      await stopPlace(place)
      await directory?.stop()
    })

    test('get an account the first time, and are the same person ever after', async (newVisitor) => {
      const page = await visitor(newVisitor)
      await signInAs(page, place, 'alice', 'pw-alice')
      const first = await arrive(page, place)
      expect(first).to.include({
        name: 'Alice Test',
        given_name: 'Alice',
        family_name: 'Test',
        preferred_username: 'alice',
        email: 'alice@example.test',
        email_verified: true,
      })
      for (const login of ['alice', 'alice@example.test', ' ALICE@example.test ']) {
        const again = await visitor(newVisitor)
        await signInAs(again, place, login, 'pw-alice')
        expect((await arrive(again, place)).sub, login).to.equal(first.sub)
      }
      const { db } = place.server.parts
      expect(await listIdentitiesOfAccount(db, first.sub)).to.have.length(1)
    })

    test('read that a password is wrong in the words for any other', async (newVisitor) => {
      const texts: string[] = []
      for (const login of ['alice', 'carol', 'nobody@example.test', 'nobody']) {
        const page = await visitor(newVisitor)
        await signInAs(page, place, login, 'not this one')
        texts.push(await page.getByRole('alert').innerText())
        expect(await page.locator('#login').inputValue()).to.equal(login)
      }
      expect([...new Set(texts)]).to.have.length(1)
    })

    test('are let in by a rule about their groups, those of groups as well', async (newVisitor) => {
      const rules = { allow: '"staff" in groups && "engineers" in groups' }
      await connection(place, 'update', { ...file, rules })
      const grace = await visitor(newVisitor)
      await signInAs(grace, place, 'grace', 'pw-grace')
      expect(await arrive(grace, place)).to.include({ name: 'Grace Test' })
      const carol = await visitor(newVisitor)
      await signInAs(carol, place, 'carol', 'pw-carol')
      await expectHeading(carol, 'You are not signed in yet')
      expect(await reasonOn(carol)).to.include(
        'Your account at Staff directory is not among those that may sign in here',
      )
      await connection(place, 'update', file)
      await carol.locator('#other-way').click()
      await fillInLogin(carol, { id: '', email: 'carol', password: 'pw-carol' })
      expect(await arrive(carol, place)).to.include({ name: 'Carol Test' })
    })

    test('stay out where they are in none of the groups that the file names', async (newVisitor) => {
      const page = await visitor(newVisitor)
      await signInAs(page, place, 'dave', 'pw-dave')
      await expectHeading(page, 'You may not sign in here')
      expect(await reasonOn(page)).to.include('Staff directory')
      await page.locator('#cancel').click()
      await expectHeading(page, 'No: access_denied')
    })

    test('become an account that has their address only when its owner signs in to it', async (newVisitor) => {
      const { server } = place
      await directory.asAdmin((client) =>
        client.add(dnOf('heidi'), {
          ...{ objectClass: 'inetOrgPerson', uid: 'heidi', cn: 'Heidi', sn: 'Test' },
          ...{ mail: 'heidi@example.test', userPassword: 'pw-heidi' },
        }),
      )
      await directory.asAdmin((client) =>
        client.modify(`cn=contractors,ou=groups,${openldap.BASE}`, [
          openldap.added('member', dnOf('heidi')),
        ]),
      )
      const owner = await addPerson(server, { email: 'heidi@example.test' })
      const identities = () => listIdentitiesOfAccount(server.parts.db, owner.id)
      const page = await visitor(newVisitor)
      await signInAs(page, place, 'heidi', 'pw-heidi')
      await expectHeading(page, ASKS)
      await page.locator('#sign-in-to-link').click()
      await fillInLogin(page, { ...owner, password: 'not the owner' })
      await page.getByRole('alert').waitFor()
      expect(await identities(), 'a wrong password joins nothing').to.be.empty
      await page.locator('#password').fill(owner.password)
      await page.locator('#sign-in').click()
      await expectHeading(page, 'Sign in with Staff directory from now on?')
      expect(await identities(), 'nor does the right one alone').to.be.empty
      await page.locator('#link').click()
      expect((await arrive(page, place)).sub).to.equal(owner.id)
      expect(await identities()).to.have.length(1)
      const again = await visitor(newVisitor)
      await signInAs(again, place, 'heidi@example.test', 'pw-heidi')
      expect((await arrive(again, place)).sub).to.equal(owner.id)
    })

    test('read that it does not answer, while an administrator of ours signs in', async (newVisitor) => {
      const admin = await addPerson(place.server, { email: `admin-${signInPage}@example.test` })
      const page = await newVisitor({ javaScriptEnabled, meetsUnavailable: true })
      await directory.stop()
      try {
        await signInAs(page, place, 'alice@example.test', 'pw-alice')
        await expectHeading(page, 'You are not signed in yet')
        expect(await reasonOn(page)).to.equal(
          'Staff directory does not answer at the moment. Try again shortly.',
        )
        const other = await visitor(newVisitor)
        await signInAs(other, place, admin.email, admin.password)
        expect((await arrive(other, place)).sub).to.equal(admin.id)
      } finally {
        await directory.start()
      }
      await page.locator('#other-way').click()
      await fillInLogin(page, { id: '', email: 'alice@example.test', password: 'pw-alice' })
      expect(await arrive(page, place)).to.include({ email: 'alice@example.test' })
    })
  })
}

describe('People of an Active Directory in a browser', function () {
  this.timeout(180_000)
  let directory: samba.SambaAd
  const places: Place[] = []
  const mustChange = '--must-change-at-next-login'
  const passwordOf = (name: string) => `Pw-${name}-1!`
  const NAMES = ['alice', 'bob', 'carol', 'erin', 'judy']
  const CHANGERS = HALVES.flatMap((_, i) => [`dave${i}`, `frank${i}`])

  before(async function () {
    requires(this, samba.available())
    directory = await samba.startSambaAd()
    for (const name of ['authcore', ...NAMES, ...CHANGERS]) await addUser(directory, name)
    await addNestedGroups([...NAMES.filter((name) => name !== 'judy'), ...CHANGERS])
    await directory.tool('user', 'disable', 'bob')
    await directory.tool('user', 'setexpiry', 'carol', '--days=0')
    await lock('erin')
    for (const [i] of HALVES.entries()) {
      const password = `--newpassword=${passwordOf(`dave${i}`)}`
      await directory.tool('user', 'setpassword', `dave${i}`, password, mustChange)
      await directory.agePassword(`frank${i}`)
    }
    for (const { page } of HALVES) {
      const place = await startPlace(page)
      places.push(place)
      await connection(place, 'create', corpFile(), env)
    }
  })
  const test = browserTests()
  after(async () => {
    for (const place of places) await stopPlace(place)
    await directory?.stop()
  })

  const env = { [CORP_PASSWORD]: passwordOf('authcore') }
  const corpFile = () => activeDirectoryExample(directory)

  /** The file lets those in who are in `AuthCore users`: they are in a group of a group of it. */
  async function addNestedGroups(members: readonly string[]): Promise<void> {
    await directory.tool('ou', 'create', `OU=Groups,${samba.BASE}`)
    for (const group of ['AuthCore users', 'everybody', 'engineers']) {
      await directory.tool('group', 'add', group, '--groupou=OU=Groups')
    }
    await directory.tool('group', 'addmembers', 'AuthCore users', 'everybody')
    await directory.tool('group', 'addmembers', 'everybody', 'engineers')
    await directory.tool('group', 'addmembers', 'engineers', members.join(','))
  }

  async function lock(name: string): Promise<void> {
    for (let i = 0; i < 5; i++) {
      const client = new Client({
        url: directory.ldaps,
        tlsOptions: { rejectUnauthorized: false },
      })
      const refused = await client.bind(`${name}@${samba.REALM}`, 'wrong').then(
        () => false,
        () => true,
      )
      await client.unbind()
      expect(refused).to.equal(true)
    }
  }

  for (const [i, { page: signInPage, javaScriptEnabled }] of HALVES.entries()) {
    describe(`on ${signInPage}`, () => {
      test('sign in by each of their names, and are one person', async (newVisitor) => {
        const page = await newVisitor({ javaScriptEnabled })
        const place = places[i]!
        await signInAs(page, place, 'alice', passwordOf('alice'))
        // Nobody has said of the addresses in this directory that they are true.
        await expectHeading(page, ASKS)
        await page.locator('#create').click()
        const first = await arrive(page, place)
        expect(first).to.include({ name: 'Alice Test', preferred_username: 'alice' })
        expect(first).not.to.have.property('email')
        for (const login of [`alice@${samba.REALM}`, `${samba.DOMAIN}\\alice`, 'ALICE', 'alice']) {
          const again = await newVisitor({ javaScriptEnabled })
          await signInAs(again, place, login, passwordOf('alice'))
          expect((await arrive(again, place)).sub, login).to.equal(first.sub)
        }
      })

      for (const [name, heading, words] of [
        ['bob', 'Your account is disabled', 'has disabled your account'],
        ['carol', 'Your account has expired', 'until a day that is over'],
        ['erin', 'Your account is locked', 'has locked your account for now'],
        ['judy', 'You may not sign in here', 'does not let you in here'],
      ] as const) {
        test(`read "${heading}", whose account is so`, async (newVisitor) => {
          const page = await newVisitor({ javaScriptEnabled })
          await signInAs(page, places[i]!, name, passwordOf(name))
          await expectHeading(page, heading)
          expect(await reasonOn(page))
            .to.include('Corporate account')
            .and.to.include(words)
          expect(await page.locator('#change-form').count()).to.equal(0)
        })
      }

      test('read nothing of that with a wrong password', async (newVisitor) => {
        for (const name of ['bob', `carol@${samba.REALM}`, `dave${i}`, `frank${i}`]) {
          const page = await newVisitor({ javaScriptEnabled })
          await signInAs(page, places[i]!, name, 'not this one')
          await page.getByRole('alert').waitFor()
          expect(await page.locator('#reason').count(), name).to.equal(0)
        }
      })

      for (const [name, heading] of [
        [`dave${i}`, 'Choose a new password first'],
        [`frank${i}`, 'Your password has expired'],
      ] as const) {
        test(`read "${heading}", choose one there and are signed in`, async (newVisitor) => {
          const place = places[i]!
          const page = await newVisitor({ javaScriptEnabled })
          await signInAs(page, place, name, passwordOf(name))
          await expectHeading(page, heading)
          const change = async (current: string, next: string) => {
            await page.locator('#current').fill(current)
            await page.locator('#password').fill(next)
            await page.locator('#change-password').click()
          }
          await change(passwordOf(name), 'short')
          await page.getByText('not one that may be chosen there').waitFor()
          expect(await page.locator('#password').getAttribute('aria-invalid')).to.equal('true')
          await change('not this one', `Pw-${name}-2!`)
          await page.getByText('that you have now is not right').waitFor()
          await change(passwordOf(name), `Pw-${name}-2!`)
          await expectHeading(page, ASKS)
          await page.locator('#create').click()
          const { sub } = await arrive(page, place)
          const again = await newVisitor({ javaScriptEnabled })
          await signInAs(again, place, name, `Pw-${name}-2!`)
          expect((await arrive(again, place)).sub).to.equal(sub)
        })
      }

      test('are let in by a rule about the groups of their groups', async (newVisitor) => {
        const place = places[i]!
        for (const [group, isIn] of [
          ['nobody', false],
          ['everybody', true],
        ] as const) {
          const rules = { allow: `${JSON.stringify(group)} in groups` }
          await connection(place, 'update', { ...corpFile(), rules }, env)
          const page = await newVisitor({ javaScriptEnabled })
          await signInAs(page, place, 'alice', passwordOf('alice'))
          if (isIn) await arrive(page, place)
          else await expectHeading(page, 'You are not signed in yet')
        }
      })
    })
  }
})
