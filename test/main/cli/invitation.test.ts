import { expect } from 'chai'
import { type Deployment, deployment } from './run_cli.ts'

describe('authcore invitation', function () {
  this.timeout(60_000)
  let place: Deployment
  before(async () => {
    place = await deployment()
  })
  after(() => place?.close())

  it('makes, lists and revokes invitations, and shows each link once', async () => {
    const created = await place.run('invitation create --email Ada@Example.test --locale de --json')
    const { id, link, ...rest } = created.json()
    expect(link).to.match(/\/invitation\?link=[\w-]{43}$/)
    expect(rest).to.deep.include({ email: 'Ada@Example.test', state: 'waiting', created_by: 'cli' })
    expect(Date.parse(rest.expires_at) - Date.now()).to.be.closeTo(7 * 86_400_000, 60_000)
    expect((await place.run('message list')).stdout).to.match(
      /invitation +email +Ada@Example\.test +queued/,
    )
    const plain = await place.run('invitation create --expires 24h')
    expect(plain.stdout).to.match(/^email: +any$/m)
    const list = await place.run('invitation list')
    expect(list.stdout).to.contain(id).and.contain('waiting').and.not.contain(link.split('=')[1])
    expect((await place.run(`invitation revoke ${id}`)).code).to.equal(0)
    expect((await place.run(`invitation revoke ${id} --json`)).json().error.code).to.equal(
      'not_found',
    )
    expect((await place.run('invitation list')).stdout).to.contain('revoked')
  })

  it('refuses what nobody could use', async () => {
    for (const args of ['--email not-an-address', '--expires 91d', '--client nobody']) {
      const { code, stderr } = await place.run(`invitation create ${args}`)
      expect(code, args).not.to.equal(0)
      expect(stderr, args).not.to.contain('    at ')
    }
    const production = { NODE_ENV: 'production' }
    expect((await place.run('invitation create', { env: production })).code).not.to.equal(0)
  })
})
