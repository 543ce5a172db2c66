import path from 'node:path'
import { expect } from 'chai'
import { findPostmaster } from '../../../src/platform/persistence/postmaster.ts'
import { temporaryFolder } from '../../support/leash.ts'
import { startServer } from '../../support/postgres.ts'
import { runCli, wordsOf } from './run_cli.ts'

describe('commands on the embedded database', function () {
  this.timeout(120_000)

  it('start it and stop it again, or leave one that runs as it is', async () => {
    const dataDir = path.join(temporaryFolder('cli-embedded'), 'data')
    const env = { NODE_ENV: 'test', AUTHCORE_DATA_DIR: dataDir }
    const run = (line: string) => runCli(wordsOf(line), { env })
    const postgres = path.join(dataDir, 'postgres')

    expect((await run('user list')).stderr).to.equal(
      `There is no database in ${postgres} yet: a new one is made.\n`,
    )
    const created = await run('user create --username ada --json')
    expect({ code: created.code, stderr: created.stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(await findPostmaster(postgres), 'stopped again').to.equal(undefined)

    const server = await startServer(postgres)
    try {
      const pid = (await findPostmaster(postgres))?.pid
      expect((await run('user show ada --json')).json().id).to.equal(created.json().id)
      expect((await findPostmaster(postgres))?.pid, 'left alone').to.equal(pid)
    } finally {
      await server.stop()
    }
  })
})
