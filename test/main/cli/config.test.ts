import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { temporaryFolder } from '../../support/leash.ts'
import { runCli } from './run_cli.ts'

describe('authcore config', function () {
  this.timeout(60_000)

  it('prints what is in force and blacks out every secret', async () => {
    const env = {
      DATABASE_URL: 'postgres://u:hidden-password@db.example/a',
      AUTHCORE_HASH_KEY: 'c2VjcmV0LWtleS1tYXRlcmlhbC1vZi0zMi1ieXRlcyE=',
      AUTHCORE_TTL_ACCESS_TOKEN: '5m',
      AUTHCORE_DATA_DIR: path.join(temporaryFolder('cli-config'), 'data'),
    }
    const [human, json] = await Promise.all([
      runCli(['config', 'check'], { env }),
      runCli(['config', 'check', '--json'], { env }),
    ])
    expect(human.code).to.equal(0)
    expect(human.stdout).to.match(/^AUTHCORE_TTL_ACCESS_TOKEN +5m$/m)
    expect(human.stdout).to.match(/^DATABASE_URL +\[redacted\]$/m)
    const { environment, settings } = json.json()
    expect(environment).to.equal('development')
    expect(settings).to.deep.include({
      key: 'AUTHCORE_TTL_ACCESS_TOKEN',
      path: 'tokens.accessTokenS',
      value: 300,
    })
    expect(human.stdout + json.stdout).not.to.match(/hidden-password|c2VjcmV0/)
  })

  it('names every fault at once, and a damaged file of secrets', async () => {
    const env = { NODE_ENV: 'production', AUTHCORE_TYPO: '1', PORT: 'x' }
    const [human, json, doctor] = await Promise.all([
      runCli(['config', 'check'], { env }),
      runCli(['config', 'check', '--json'], { env }),
      runCli(['doctor'], { env }),
    ])
    const { code, signal, stdout } = human
    expect({ code, signal, stdout }).to.deep.equal({ code: 1, signal: null, stdout: '' })
    expect(human.stderr).to.contain('AUTHCORE_TYPO').and.contain('PORT')
    expect(json.json().error.code).to.equal('invalid_configuration')
    expect(json.json().error.faults.map((f: { key: string }) => f.key)).to.include('PORT')
    expect(doctor.code).to.equal(1)
    expect(doctor.stdout).to.match(/^fail {2}configuration {2,}AUTHCORE_TYPO/m)

    const dataDir = temporaryFolder('cli-damaged')
    writeFileSync(path.join(dataDir, 'secrets.json'), '{}')
    const damaged = await runCli(['config', 'check'], { env: { AUTHCORE_DATA_DIR: dataDir } })
    expect(damaged.code).to.equal(1)
    expect(damaged.stderr).to.contain('backup')
  })

  it('prints the reference', async () => {
    const human = await runCli(['config', 'reference'])
    expect(human.stdout).to.equal(readFileSync('docs/CONFIGURATION.md', 'utf8'))
    const { settings } = (await runCli(['config', 'reference', '--json'])).json()
    expect(settings).to.deep.include({
      key: 'PORT',
      path: 'server.port',
      secret: false,
      meaning: 'TCP port to listen on.',
    })
  })
})
