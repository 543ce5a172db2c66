import { expect } from 'chai'
import { temporaryFolder } from '../../support/leash.ts'
import { runCli } from './run_cli.ts'

describe('a command without its database', function () {
  this.timeout(60_000)

  it('says why, and never where with its password', async () => {
    const urls = {
      'connect ECONNREFUSED': 'postgres://u:hidden-password@127.0.0.1:1/a',
      'not a valid address': 'postgres://u:hidden-password@127.0.0.1:port/a',
    }
    for (const [why, url] of Object.entries(urls)) {
      const env = { DATABASE_URL: url, AUTHCORE_DATA_DIR: temporaryFolder('cli-away') }
      const { code, stdout, stderr } = await runCli(['client', 'list'], { env })
      expect({ code, stdout }, why).to.deep.equal({ code: 1, stdout: '' })
      expect(stderr).to.contain(why).and.contain('authcore doctor')
      expect(stderr).not.to.match(/hidden-password|^ +at /m)
      const doctor = await runCli(['doctor', '--json'], { env })
      expect(doctor.code).to.equal(1)
      expect(doctor.stdout).to.contain(why).and.not.contain('hidden-password')
    }
  })
})
