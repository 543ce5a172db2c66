import { expect } from 'chai'
import { PLAIN_PROFILE } from '../../../src/domain/accounts/profile/profile.ts'
import { namesOf, ownFields } from '../../../src/domain/accounts/profile/profile_fields.ts'
import { rows } from '../../protocol/driver.ts'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../../support/authcore.ts'
import { type Browser, browser } from '../../support/http.ts'
import { startPushService } from '../../support/push_service.ts'

/** Every form of the account pages, and what each wants of a sign-in that is not fresh any more. */

/** They change what the account is or who gets in. */
const WANT_A_FRESH_SIGN_IN: [path: string, fields: Record<string, string>][] = [
  ['/profile', everyProfileField()],
  ['/profile/username', { username: 'eve' }],
  ['/profile/email', { email: 'eve@example.test' }],
  ['/profile/email/code', { code: '12345678' }],
  ['/profile/phone', { phone: '+491711234567' }],
  ['/profile/phone/code', { code: '12345678' }],
  ['/profile/phone/remove', {}],
  ['/security/password', { current: 'x', password: 'nine patient harbours' }],
  ['/security/totp', { code: '123456' }],
  ['/security/totp/remove', { authenticator: 'x' }],
  ['/security/passkey', { credential: '{}' }],
  ['/security/passkey/remove', { passkey: 'x' }],
  ['/security/recovery_codes', {}],
  ['/security/sms', { on: 'yes' }],
  ['/connections', { connection: 'works' }],
  ['/connections/confirm', { whom: 'x' }],
  ['/connections/remove', { identity: 'x' }],
  ['/data', {}],
  ['/delete', {}],
]

/** They only take access away, or give nothing: whoever needs them is not held up. */
const WANT_NONE: [path: string, fields: Record<string, string>][] = [
  ['/delete/cancel', {}],
  ['/inbox', { seen: '' }],
  ['/notifications', { subscription: '{}' }],
  ['/notifications/off', { device: 'x' }],
  ['/applications', { client_id: 'x' }],
  ['/security/passkey/rename', { passkey: 'x', name: 'Eve' }],
  ['/security/devices', { device: 'x' }],
  ['/sessions', { session: 'x' }],
  ['/security/sign_out', {}],
]

describe('A sign-in that is not fresh any more, on the account pages', function () {
  this.timeout(60_000)
  let server: AuthCore
  let stop: () => Promise<void>
  before(async () => {
    const push = await startPushService()
    server = await startAuthCore({ env: { ...push.env(), AUTHCORE_USERNAMES: 'self' } })
    stop = async () => {
      await server.stop()
      await push.stop()
    }
  })
  after(() => stop?.())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const at = (path: string) => `${server.issuer}/account${path}`
  const arrive = async ({ id, email: login, password }: Person, mind: Browser) => {
    const page = await mind.followAll(await mind.get(at('/security')), ours)
    const security = await mind.followAll(await mind.submit(page, { login, password }), ours)
    await rows(
      server.parts.db,
      `UPDATE oidc_record SET payload = jsonb_set(payload::jsonb, '{loginTs}', to_jsonb($2::int))::json
        WHERE model = 'Session' AND account_id = $1`,
      [id, Math.floor(Date.now() / 1000) - 601],
    )
    return security.forms()[0]!.fields.get('csrf')!
  }
  const send = async (path: string, fields: Record<string, string>) => {
    const ada = await addPerson(server)
    const mind = browser()
    const csrf = await arrive(ada, mind)
    const before = await stateOf(ada)
    const reply = await mind.post(
      at(path),
      { csrf, ...fields },
      { headers: { origin: server.issuer } },
    )
    return { ada, before, reply, end: await mind.followAll(reply, ours) }
  }
  const stateOf = async ({ id }: Person) =>
    await rows(
      server.parts.db,
      `SELECT account.*, (SELECT phc FROM password_credential WHERE account_id = $1) AS phc,
              (SELECT count(*) FROM totp_credential WHERE account_id = $1) AS totps,
              (SELECT count(*) FROM recovery_code WHERE account_id = $1) AS codes,
              (SELECT count(*) FROM one_time_code) AS sent
         FROM account WHERE id = $1`,
      [id],
    )

  for (const [path, fields] of WANT_A_FRESH_SIGN_IN) {
    it(`sends ${path} to sign in, and changes nothing`, async () => {
      const { ada, before, end } = await send(path, fields)
      expect(end.url, end.text()).to.match(/\/interaction\/[^/]+\/login$/)
      expect(await stateOf(ada)).to.deep.equal(before)
    })
  }

  for (const [path, fields] of WANT_NONE) {
    it(`is enough for ${path}`, async () => {
      const { reply, end } = await send(path, fields)
      expect(reply.status).to.be.oneOf([200, 303, 422])
      expect(end.url).not.to.match(/\/interaction\//)
    })
  }

  it('is asked about by every form there is', async () => {
    const { readFileSync } = await import('node:fs')
    const mount = readFileSync(
      new URL('../../../src/surfaces/account/mount.ts', import.meta.url),
      'utf8',
    )
    const posts = [...mount.matchAll(/router\.post\('[a-z_]+', at\('([^']*)'\)/g)].map(([, p]) => p)
    const known = [...WANT_A_FRESH_SIGN_IN, ...WANT_NONE].map(([path]) => path)
    expect(posts).to.have.members(known)
  })
})

function everyProfileField(): Record<string, string> {
  return Object.fromEntries(namesOf(ownFields(PLAIN_PROFILE)).map((name) => [name, '']))
}
