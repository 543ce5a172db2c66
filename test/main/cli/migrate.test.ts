import { expect } from 'chai'
import { type Deployment, deployment } from './run_cli.ts'

describe('authcore migrate', function () {
  this.timeout(120_000)
  let place: Deployment
  before(async () => {
    place = await deployment({ migrated: false })
  })
  after(() => place?.close())

  it('brings an empty database to where the server needs it, and one step back', async () => {
    const early = await place.run('client list --json')
    expect(early.json().error.hint).to.contain('authcore migrate up')
    const doctor = await place.run('doctor')
    expect(doctor.stdout).to.match(/^fail {2}schema .* migrations are pending$/m)

    const before = (await place.run('migrate status --json')).json()
    expect(before.applied).to.deep.equal([])
    const up = (await place.run('migrate up --json')).json()
    expect(up.applied).to.deep.equal(before.pending)
    expect((await place.run('migrate up')).stdout).to.equal('The schema is up to date.\n')

    const asked = await place.run('migrate down')
    expect({ code: asked.code, out: asked.stdout }).to.deep.equal({ code: 1, out: '' })
    expect(asked.stderr).to.contain('--yes')
    const down = (await place.run('migrate down --yes --json')).json()
    expect(down.reverted).to.equal(up.applied.at(-1))
    const human = await place.run('migrate status')
    expect(human.stdout).to.match(new RegExp(`^${down.reverted} +pending$`, 'm'))
    expect((await place.run('migrate up')).stdout).to.equal(`applied ${down.reverted}\n`)
  })
})
