import path from 'node:path'
import { expect } from 'chai'
import { temporaryFolder } from '../../support/leash.ts'
import { type Deployment, deployment } from './run_cli.ts'

describe('authcore keys', function () {
  this.timeout(120_000)
  let place: Deployment
  before(async () => {
    place = await deployment()
  })
  after(() => place?.close())

  it('makes, rotates, lists and retires keys', async () => {
    expect((await place.run('keys list')).stdout).to.contain('There are no signing keys yet')
    const first = (await place.run('keys rotate --json')).json().rotated
    expect(first.map((key: { algorithm: string }) => key.algorithm)).to.deep.equal([
      'ES256',
      'RS256',
      'EdDSA',
    ])
    const [es256] = first
    expect(es256.replaces).to.equal(null)
    const second = (await place.run('keys rotate --algorithm ES256 --json')).json().rotated
    expect(second).to.have.length(1)
    expect(second[0].replaces).to.equal(es256.kid)

    const signing = await place.run(`keys retire ${second[0].kid}`)
    expect(signing.code).to.equal(1)
    expect(signing.stderr).to.contain('authcore keys rotate --algorithm ES256')
    const unknown = await place.run('keys retire nobody --json')
    expect(unknown.json().error.code).to.equal('not_found')
    expect((await place.run(`keys retire ${es256.kid} --json`)).json()).to.deep.equal({
      kid: es256.kid,
      state: 'retired',
    })

    const [list, human] = await Promise.all([place.run('keys list --json'), place.run('keys list')])
    const states = list.json().keys.map((key: { state: string }) => key.state)
    expect(states.sort()).to.deep.equal(['current', 'current', 'current', 'retired'])
    expect(human.stdout).to.match(/^KID +ALGORITHM +STATE/)
    expect(list.stdout + human.stdout).not.to.contain('"d"')
  })

  it('cannot open keys without the secrets they were made with', async () => {
    const env = { AUTHCORE_DATA_DIR: path.join(temporaryFolder('cli-other'), 'data') }
    const elsewhere = await place.run('doctor --json', { env })
    expect(elsewhere.code).to.equal(1)
    const { checks } = elsewhere.json()
    const found = checks.find((each: { check: string }) => each.check === 'key encryption')
    expect(found).to.include({ status: 'fail' })
  })
})
