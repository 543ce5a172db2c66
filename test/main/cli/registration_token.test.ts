import { expect } from 'chai'
import { type Deployment, deployment } from './run_cli.ts'

describe('authcore registration-token', function () {
  this.timeout(60_000)
  let place: Deployment
  before(async () => {
    place = await deployment()
  })
  after(() => place?.close())

  it('makes, lists and revokes tokens, and shows each of them once', async () => {
    const created = await place.run(
      'registration-token create --uses 20 --expires 24h --preset fapi2 --preset web --json',
    )
    const { id, token, expires_at, ...rest } = created.json()
    expect(token).to.match(/^ait_[\w-]{43}$/)
    expect(rest).to.deep.include({ uses_left: 20, presets: ['fapi2', 'web'] })
    expect(Date.parse(expires_at) - Date.now()).to.be.closeTo(86_400_000, 60_000)

    const plain = await place.run('registration-token create')
    expect(plain.stdout).to.match(/^token: +ait_[\w-]{43}$/m)
    expect(plain.stdout)
      .to.match(/^uses_left: +1$/m)
      .and.match(/^presets: +as configured$/m)

    const [list, listJson] = await Promise.all([
      place.run('registration-token list'),
      place.run('registration-token list --json'),
    ])
    expect(list.stdout).to.contain(id).and.contain('fapi2 web').and.contain('as configured')
    expect(list.stdout + listJson.stdout).to.not.contain(token)
    expect(listJson.json().registration_tokens).to.have.length(2)

    expect((await place.run(`registration-token revoke ${id}`)).code).to.equal(0)
    const again = await place.run(`registration-token revoke ${id} --json`)
    expect(again.json().error.code).to.equal('not_found')
  })

  it('refuses what makes no sense, and presets that the deployment does not allow', async () => {
    for (const [args, text] of [
      ['--uses 0', 'from 1 to 100000'],
      ['--uses 1.5', 'from 1 to 100000'],
      ['--expires never', 'duration'],
      ['--expires 0s', 'life in seconds'],
      ['--expires 900d', 'life in seconds'],
      ['--preset admin', 'Allowed choices are web'],
      ['--preset legacy', 'does not allow clients of the preset legacy'],
    ] as const) {
      const run = await place.run(`registration-token create ${args}`)
      expect(run.code, args).to.not.equal(0)
      expect(run.stderr, args).to.contain(text)
    }
    expect((await place.run('registration-token revoke nobody --json')).json().error.code).to.equal(
      'not_found',
    )
  })
})
