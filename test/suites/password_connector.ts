import { expect } from 'chai'
import type { PasswordConnector } from '../../src/domain/federation/connector.ts'

/** What holds of every source that takes a name and a password from us. */
export type PasswordSource = {
  connector: PasswordConnector
  person: { login: string; password: string; email: string }
  /** Other ways to write the same login. */
  variants: readonly string[]
  /** Nobody has it. */
  unknownLogin: string
  /** Ends the source for good. */
  stop(): Promise<void>
}

const INJECTIONS = [
  '*',
  '*)(uid=*',
  ')(|(objectClass=*',
  'a*',
  '\\2a',
  '*)(|(mail=*))',
  'x,dc=evil',
]

/** @param make may skip the suite, with its reason, where the source is not there */
export function describePasswordConnector(
  name: string,
  make: (context: Mocha.Context) => Promise<PasswordSource>,
): void {
  describe(`a source of passwords: ${name}`, function () {
    this.timeout(120_000)
    let source: PasswordSource
    let subject: string

    before(async function () {
      source = await make(this)
    })
    after(() => source?.stop())

    const check = (login: string, password: string) => source.connector.check({ login, password })

    it('knows who gives the right password', async () => {
      const { login, password, email } = source.person
      const result = await check(login, password)
      if (result.kind !== 'right') throw new Error(JSON.stringify(result))
      expect(result.person.subject).to.match(/^[0-9a-f-]{36}$/)
      expect(result.person.email).to.equal(email)
      subject = result.person.subject
    })

    it('knows the same person by every way to write the login', async () => {
      for (const login of source.variants) {
        const result = await check(login, source.person.password)
        expect(result, login).to.have.nested.property('person.subject', subject)
      }
    })

    it('refuses a wrong password, and nobody', async () => {
      expect(await check(source.person.login, `${source.person.password}x`)).to.deep.equal({
        kind: 'wrong',
        reason: 'wrong_password',
      })
      const { kind } = await check(source.unknownLogin, source.person.password)
      expect(kind).to.equal('wrong')
    })

    it('refuses a password of another case, or with more behind it', async () => {
      const { login, password } = source.person
      for (const other of [password.toUpperCase(), `${password} `, ` ${password}`]) {
        expect((await check(login, other)).kind, other).to.equal('wrong')
      }
    })

    it('refuses no password, a blank one, and one with NUL', async () => {
      const { login, password } = source.person
      for (const other of ['', ' ', '\t', '\u00a0', '\0', `${password}\0`]) {
        expect((await check(login, other)).kind, JSON.stringify(other)).to.equal('wrong')
      }
    })

    it('takes nothing in a login for anything but letters', async () => {
      const { login, password } = source.person
      const logins = [...INJECTIONS, `${login})(uid=*`, `${login}\0`, `${login.slice(0, -1)}*`, '']
      for (const other of [...logins, 'a'.repeat(5000), '\ud800']) {
        expect((await check(other, password)).kind, JSON.stringify(other)).to.equal('wrong')
      }
    })

    it('never repeats a password', async () => {
      const { login, password } = source.person
      const results = [await check(login, password), await check(login, 'not-the-password-2')]
      expect(JSON.stringify(results)).not.to.include(password).and.not.include('not-the-password')
    })

    it('answers many at once, each for themselves', async () => {
      const { login, password } = source.person
      const results = await Promise.all(
        Array.from({ length: 24 }, (_, i) => check(i % 2 ? source.unknownLogin : login, password)),
      )
      expect(results.map(({ kind }) => kind)).to.deep.equal(
        results.map((_, i) => (i % 2 ? 'wrong' : 'right')),
      )
    })

    it('says that it could not be asked where the source is gone', async () => {
      const { login, password } = source.person
      await source.stop()
      const result = await check(login, password)
      if (result.kind !== 'unavailable') throw new Error(JSON.stringify(result))
      expect(result.reason).not.to.be.empty.and.not.to.include(password)
    })
  })
}
