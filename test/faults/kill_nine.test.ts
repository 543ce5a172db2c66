import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { freePort } from '../support/free_port.ts'
import { probe, type ServerProcess, startProcess } from '../support/server_process.ts'
import { Flow, type FlowServer } from './flow.ts'

/**
 * The server is killed without warning at a random moment of every sign-in, and started again on the
 * database it left behind. Afterwards the history is checked: what was acknowledged is there, what
 * was used once cannot be used twice, and whoever got no answer may ask again.
 */
const FLOWS = Number(process.env['FLOWS'] ?? 12)

describe(`kill -9 at random points of ${FLOWS} sign-ins`, function () {
  this.timeout(60_000 + FLOWS * 20_000)
  const dataDir = mkdtempSync(path.join(tmpdir(), 'authcore-kill-'))
  // The embedded database may run as another user, who has to reach its folder.
  chmodSync(dataDir, 0o755)
  const flows: Flow[] = []
  let server: FlowServer
  let running: ServerProcess | undefined
  let restarts = 0

  const start = async () => {
    restarts += 1
    running = startProcess(['serve'], {
      NODE_ENV: 'development',
      AUTHCORE_DATA_DIR: dataDir,
      PORT: new URL(server.issuer).port,
      ISSUER: server.issuer,
      AUTHCORE_DEMO_PORT: server.demoPort,
      DEMO_PASSWORD: server.password,
      AUTHCORE_LOG_LEVEL: 'error',
    })
    await running.says('AuthCore is running.')
    expect((await probe(`${server.issuer}/health/ready`)).status).to.equal(200)
  }
  const kill = async () => {
    running?.signal('SIGKILL')
    await running?.ended
  }

  before(async () => {
    server = {
      issuer: `http://localhost:${await freePort()}`,
      demoPort: String(await freePort()),
      password: 'correct horse battery staple',
    }
    await start()
  })
  after(async () => {
    running?.signal('SIGTERM')
    await running?.ended
    await running?.clean()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('goes on after every kill', async () => {
    let usualMs = 1_500
    for (let n = 0; n < FLOWS; n++) {
      const flow = new Flow(server)
      flows.push(flow)
      const startedAt = performance.now()
      const finished = flow.run().then(
        () => performance.now() - startedAt,
        () => undefined,
      )
      await Promise.race([sleep(Math.random() * usualMs * 1.1), finished])
      await kill()
      const tookMs = await finished
      // Where the flow was faster than the kill, its time is what kills aim at from now on.
      if (tookMs !== undefined) usualMs = (usualMs + tookMs) / 2
      await running?.clean()
      await start()
      await flow.resume()
    }
    expect(restarts).to.equal(FLOWS + 1)
  })

  it('lost nothing that was acknowledged', async () => {
    for (const flow of flows) await flow.assertTokensWork()
  })

  it('redeems no code twice, and no refresh token', async () => {
    for (const flow of flows) await flow.assertNothingTwice()
  })
})
