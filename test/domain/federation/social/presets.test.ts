import { createHmac } from 'node:crypto'
import { expect } from 'chai'
import type { ConnectorKind } from '../../../../src/domain/federation/connector.ts'
import { SOCIAL_KINDS } from '../../../../src/domain/federation/social/social_kinds.ts'
import {
  depart,
  describeRedirectConnector,
  provenPerson,
  refusal,
  startOf,
} from '../../../suites/redirect_connector.ts'
import { type Imitation, imitate } from '../../../support/imitation_provider.ts'
import { callbackOf, connectorDeps, faultsOf, settingsOf } from '../support.ts'
import { IMITATIONS, type SocialCase } from './imitations.ts'

type Name = keyof typeof SOCIAL_KINDS

function openAt(name: Name, idp: Imitation, more: Record<string, unknown> = {}) {
  const kind: ConnectorKind = SOCIAL_KINDS[name]
  const { settings, secrets } = IMITATIONS[name]
  return kind.open(
    { name, settings: settingsOf(kind, { ...settings, ...more }), secrets },
    connectorDeps(idp.outbound),
  )
}

for (const [name, social] of Object.entries(IMITATIONS) as [Name, SocialCase][]) {
  describeRedirectConnector(name, async () => {
    const idp = await imitate(social.provider)
    return {
      connector: openAt(name, idp),
      callbackUri: callbackOf(name),
      signIn: async ({ uri }, who) => idp.signIn(uri, who),
      refuse: async ({ uri }) => ({
        error: 'access_denied',
        state: new URL(uri).searchParams.get('state')!,
      }),
      ada: social.ada,
      secrets: [...Object.values(social.secrets), 'bearer-'],
      takeAway: () => idp.stop(),
      stop: () => idp.stop(),
    }
  })
}

describe('what is of one provider alone', () => {
  const running: Imitation[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map((idp) => idp.stop()))
  })

  async function at(name: Name, changed: Partial<SocialCase['provider']> = {}, settings = {}) {
    const idp = await imitate({ ...IMITATIONS[name].provider, ...changed })
    running.push(idp)
    const connector = openAt(name, idp, settings)
    const leave = (start = {}) => depart(connector, startOf(callbackOf(name), start))
    async function signIn(start = {}) {
      const left = await leave(start)
      const params = idp.signIn(left.departure.uri, 'ada')
      return await connector.redirect!.finish({ start: left.start, params, keep: left.keep })
    }
    return { idp, connector, leave, signIn }
  }

  describe('Google', () => {
    it('shows the accounts of one domain where the connection says so', async () => {
      const { leave } = await at('google', {}, { hosted_domain: 'example.test' })
      const { departure } = await leave()
      expect(new URL(departure.uri).searchParams.get('hd')).to.equal('example.test')
    })

    it('never is a fresh sign-in without saying when it was', async () => {
      const { leave, signIn } = await at('google')
      const { searchParams } = new URL((await leave({ forceAuthn: true })).departure.uri)
      expect(searchParams.get('prompt')).to.equal('select_account')
      expect(refusal(await signIn({ forceAuthn: true }))).to.equal('too_weak')
    })
  })

  describe('Microsoft', () => {
    it('refuses a token of another tenant than the one it names', async () => {
      const { idp, signIn } = await at('microsoft')
      const other = 'https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0'
      idp.changeIdToken((claims) => ({ ...claims, iss: other }))
      expect(await signIn()).to.include({ kind: 'refused', reason: 'invalid' })
      idp.changeIdToken(({ tid: _tid, ...claims }) => claims)
      expect(await signIn()).to.include({ kind: 'refused', reason: 'invalid' })
    })

    it('compares the issuer of the answer with that of the token', async () => {
      const tenant = 'b96b1b1e-93d6-4b62-9e1a-0f6b7b1d3a11'
      const own = `https://login.microsoftonline.com/${tenant}/v2.0`
      const honest = await at('microsoft', { besides: () => ({ iss: own }) })
      expect((await honest.signIn()).kind).to.equal('proven')
      const mixedUp = await at('microsoft', { besides: () => ({ iss: 'https://evil.test' }) })
      expect(await mixedUp.signIn()).to.include({ kind: 'refused', reason: 'invalid' })
    })

    it('refuses a token of another tenant where the connection is for one', async () => {
      const tenant = '22222222-2222-4222-8222-222222222222'
      const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`
      const { provider } = IMITATIONS.microsoft
      const { discoveryUrl: _shared, ...openid } = provider.openid!
      const { signIn, idp } = await at('microsoft', { openid: { ...openid, issuer } }, { tenant })
      expect(await signIn()).to.include({ kind: 'refused', reason: 'invalid' })
      idp.changeIdToken((claims) => ({ ...claims, iss: issuer, tid: tenant }))
      expect((await signIn()).kind).to.equal('proven')
    })

    it('has a verified address only where the directory owns its domain', async () => {
      const { idp, signIn } = await at('microsoft')
      const verified: [unknown, boolean][] = [
        [true, true],
        ['1', true],
        [false, false],
        ['0', false],
      ]
      for (const [value, expected] of verified) {
        idp.changeIdToken((claims) => ({ ...claims, xms_edov: value, email_verified: true }))
        expect(provenPerson(await signIn())).to.have.property('emailVerified', expected)
      }
    })

    it('is of one directory, or of all', () => {
      const kind: ConnectorKind = SOCIAL_KINDS.microsoft
      expect(faultsOf(kind, { client_id: 'a', tenant: '../evil' })).to.deep.equal([
        'tenant: must be the id of the directory, common or organizations',
      ])
    })
  })

  describe('Apple', () => {
    it('answers by a form, and its name does not come twice', async () => {
      const { besides: _name, ...later } = IMITATIONS.apple.provider
      const idp = await imitate(later)
      running.push(idp)
      const connector = openAt('apple', idp)
      const left = await depart(connector, startOf(callbackOf('apple')))
      expect(new URL(left.departure.uri).searchParams.get('response_mode')).to.equal('form_post')
      const params = idp.signIn(left.departure.uri, 'ada')
      const person = provenPerson(await connector.redirect!.finish({ ...left, params }))
      expect(person).to.include({ subject: '001999.ada.1' })
      expect(person.claims).to.deep.equal({})
    })

    it('takes neither subject nor address from what is not signed', async () => {
      const forged = { sub: 'x', name: 'text', email: 'victim@example.test', email_verified: true }
      const { signIn, idp } = await at('apple', {
        besides: () => ({ user: JSON.stringify(forged) }),
      })
      idp.changeIdToken(({ email: _email, email_verified: _verified, ...claims }) => claims)
      const person = provenPerson(await signIn())
      expect(person).to.include({ subject: '001999.ada.1', email: undefined, emailVerified: false })
    })

    it('does not start with a key on another curve, or none', () => {
      const kind: ConnectorKind = SOCIAL_KINDS.apple
      const settings = settingsOf(kind, IMITATIONS.apple.settings)
      const open = (secrets: Record<string, string>) => () =>
        kind.open({ name: 'apple', settings, secrets }, connectorDeps({} as never))
      expect(open({})).to.throw('needs the secret private_key')
      expect(open({ private_key: 'not a key' })).to.throw('no private key that signs')
    })
  })

  describe('GitHub', () => {
    const emails = (list: unknown) => ({
      resources: {
        ...IMITATIONS.github.provider.resources,
        'https://api.github.com/user/emails': () => list,
      },
    })

    it('has no address where the primary one is not verified', async () => {
      const { signIn } = await at(
        'github',
        emails([
          { email: 'ada@example.test', primary: true, verified: false },
          { email: 'other@example.test', primary: false, verified: true },
        ]),
      )
      const person = provenPerson(await signIn())
      expect(person).to.include({ email: undefined, emailVerified: false })
    })

    it('refuses the answer of another issuer (RFC 9207)', async () => {
      const { signIn } = await at('github', { besides: () => ({ iss: 'https://evil.test' }) })
      expect(await signIn()).to.include({ kind: 'refused', reason: 'invalid' })
    })

    it('says by its probe that the secret is wrong, though it answers 200', async () => {
      const { connector, idp } = await at('github')
      idp.override('https://github.com/login/oauth/access_token', () => ({
        body: { error: 'incorrect_client_credentials' },
      }))
      expect(await connector.probe()).to.have.property('ok', false)
    })
  })

  describe('Facebook', () => {
    it('is asked with the proof that the token is ours', async () => {
      const { idp, signIn } = await at('facebook')
      await signIn()
      const me = idp.calls.find(({ url }) => url.endsWith('/me'))!
      const token = String(me.headers.authorization).replace('Bearer ', '')
      const secret = IMITATIONS.facebook.secrets['client_secret']!
      const proof = createHmac('sha256', secret).update(token).digest('hex')
      expect(me.query.get('appsecret_proof')).to.equal(proof)
    })
  })

  describe('those without ID token', () => {
    const OAUTH2: Name[] = ['github', 'facebook', 'discord', 'x']

    for (const name of OAUTH2) {
      it(`${name} cannot show when and how somebody signed in`, async () => {
        const { signIn, idp } = await at(name)
        for (const start of [{ forceAuthn: true }, { maxAgeS: 60 }, { acrValues: ['a'] }]) {
          expect(refusal(await signIn(start))).to.equal('too_weak')
        }
        expect(idp.calls).to.deep.equal([])
      })

      it(`${name} signs nobody in whom it does not name`, async () => {
        const resources = IMITATIONS[name].provider.resources!
        const nobody = Object.fromEntries(Object.keys(resources).map((url) => [url, () => ({})]))
        const { signIn } = await at(name, { resources: nobody })
        expect(await signIn()).to.include({ kind: 'refused', reason: 'invalid' })
      })

      it(`${name} is unavailable where its API answers otherwise`, async () => {
        const { signIn, idp } = await at(name)
        const [url] = Object.keys(IMITATIONS[name].provider.resources!)
        idp.override(url!, () => ({ status: 403, body: { message: '<b>no</b>' } }))
        const result = await signIn()
        expect(result.kind).to.equal('unavailable')
        expect(JSON.stringify(result)).not.to.include('<b>')
      })
    }
  })

  it('hands on tokens only where the connection keeps them', async () => {
    for (const name of Object.keys(IMITATIONS) as Name[]) {
      const usual = await (await at(name)).signIn()
      const keeping = await (await at(name, {}, { keep_tokens: true })).signIn()
      expect(usual).to.have.nested.property('authentication.tokens', undefined)
      expect(keeping).to.have.nested.property('authentication.tokens.accessToken')
    }
  })

  it('refreshes tokens, at those without ID token too', async () => {
    const { connector, idp } = await at('discord')
    if (!connector.refreshTokens) throw new Error('does not refresh tokens')
    const { refreshTokens } = connector
    const renewed = { access_token: 'new', token_type: 'Bearer', refresh_token: 'next' }
    idp.override(IMITATIONS.discord.provider.tokenEndpoint, (form) =>
      form.get('refresh_token') === 'old'
        ? { body: renewed }
        : { status: 400, body: { error: 'invalid_grant' } },
    )
    const right = await refreshTokens({ refreshToken: 'old', subject: '1' })
    expect(right).to.deep.nested.include({
      'tokens.accessToken': 'new',
      'tokens.refreshToken': 'next',
    })
    const over = await refreshTokens({ refreshToken: 'over', subject: '1' })
    expect(over).to.have.property('kind', 'refused')
  })

  it('refuses settings that it does not know', () => {
    for (const [name, kind] of Object.entries(SOCIAL_KINDS) as [Name, ConnectorKind][]) {
      const { settings } = IMITATIONS[name]
      expect(faultsOf(kind, { ...settings, isuer: 'x' }), name).to.have.length(1)
      const taken = { ...settings, authorization_parameters: { state: 'x' } }
      expect(faultsOf(kind, taken), name).to.deep.equal([
        'authorization_parameters.state: is set by AuthCore itself',
      ])
    }
  })
})
