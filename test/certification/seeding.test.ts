import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { type Planned, plannedFor } from '../../certification/plans/planned.ts'
import { type AuthcoreCli, CliError } from '../../certification/product/authcore_cli.ts'
import { rotateToNewKeys } from '../../certification/seeding/rotate_keys.ts'
import { seedAccount } from '../../certification/seeding/seed_account.ts'
import { clientSeeder } from '../../certification/seeding/seed_clients.ts'

/** A command line that writes down what it is told; `test/certification/command.test.ts` has the real one. */
function pretended(answer: (command: string) => unknown) {
  const calls: string[][] = []
  const cli = (async (...args: string[]) => {
    calls.push(args)
    return answer(args.slice(0, 2).join(' '))
  }) as AuthcoreCli
  return { cli, calls, commands: () => calls.map((args) => args.slice(0, 2).join(' ')) }
}

const [backchannel] = plannedFor(['backchannel'], { aliasPrefix: 'x', oneAlias: false }) as [
  Planned,
]
const suite = 'https://suite.example'

describe('the clients of a certification', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'authcore-seeding-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  /** Seeds with these clients there; what was written as their metadata, by client. */
  async function seedWith(clients: object[]) {
    const metadata: Record<string, Record<string, unknown>> = {}
    const { cli, commands } = pretended((command) => (command === 'client list' ? { clients } : {}))
    const watching = (async (...args: string[]) => {
      const file = args[args.indexOf('--metadata-file') + 1]
      const id = args[1] === 'create' ? args[args.indexOf('--id') + 1]! : args[2]!
      if (args.includes('--metadata-file')) {
        metadata[id] = JSON.parse(readFileSync(file!, 'utf8')) as Record<string, unknown>
      }
      return await cli(...args)
    }) as AuthcoreCli
    const seeded = await (await clientSeeder(watching, { folder, suite }))(backchannel)
    return { seeded, metadata, commands: commands() }
  }

  it('are made with exact addresses at the suite, and each with a secret of its own', async () => {
    const { seeded, metadata, commands } = await seedWith([])
    expect(commands).to.deep.equal(['client list', 'client create', 'client create'])
    const base = 'https://suite.example/test/a/x-backchannel'
    expect(metadata['certification-backchannel-1']).to.deep.include({
      redirect_uris: [`${base}/callback`],
      post_logout_redirect_uris: [`${base}/post_logout_redirect`],
      backchannel_logout_uri: `${base}/backchannel_logout`,
    })
    expect(metadata['certification-backchannel-2']).to.deep.include({
      redirect_uris: [`${base}/callback`, `${base}/callback?dummy1=lorem&dummy2=ipsum`],
    })
    const secrets = seeded.map(({ credentials }) => credentials.secret)
    expect(new Set(secrets).size).to.equal(2)
  })

  it('are left alone where they are right, changed where not, made anew where their secret is lost', async () => {
    const first = await seedWith([])
    const asMade = Object.entries(first.metadata).map(([client_id, metadata]) => ({
      client_id,
      metadata: { ...metadata, subject_type: 'public' },
    }))
    const again = await seedWith(asMade)
    expect(again.commands).to.deep.equal(['client list'])
    const secretsOf = ({ seeded }: typeof first) => seeded.map(({ credentials }) => credentials)
    expect(secretsOf(again)).to.deep.equal(secretsOf(first))
    const moved = asMade.map((client) => ({ ...client, metadata: { redirect_uris: [] } }))
    expect((await seedWith(moved)).commands.slice(1)).to.deep.equal([
      'client update',
      'client update',
    ])
    rmSync(folder, { recursive: true })
    expect((await seedWith(asMade)).commands.slice(1)).to.deep.equal([
      ...['client delete', 'client create'],
      ...['client delete', 'client create'],
    ])
  })
})

describe('the account of a certification', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'authcore-seeding-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('is made once, and its password never is an argument', async () => {
    const missing = pretended((command) => {
      if (command === 'user show') throw new CliError('not_found', 'nobody')
      return {}
    })
    const { password } = await seedAccount(missing.cli, folder)
    expect(missing.commands()).to.deep.equal(['user show', 'user create'])
    expect(missing.calls.flat()).to.not.include(password)
    const there = pretended(() => ({}))
    expect((await seedAccount(there.cli, folder)).password).to.equal(password)
    expect(there.commands()).to.deep.equal(['user show'])
  })

  it('gets another password where the one it has is lost', async () => {
    const there = pretended(() => ({}))
    await seedAccount(there.cli, folder)
    expect(there.commands()).to.deep.equal(['user show', 'user set-password'])
  })

  it('is not made where it cannot be known whether it is there', async () => {
    const broken = pretended(() => {
      throw new CliError('unavailable', 'no database')
    })
    const error = await seedAccount(broken.cli, folder).catch((reason: unknown) => reason)
    expect(error).to.have.property('message', 'no database')
    expect(broken.commands()).to.deep.equal(['user show'])
  })
})

describe('the keys for the module that wants new ones', () => {
  for (const [state, rotations] of [
    ['current', 1],
    ['next', 2],
  ] as const) {
    it(`are rotated ${rotations} times where the last one is ${state}`, async () => {
      const { cli, commands } = pretended(() => ({ keys: [{ state: 'current' }, { state }] }))
      await rotateToNewKeys(cli)
      expect(commands().slice(1)).to.deep.equal(Array(rotations).fill('keys rotate'))
    })
  }
})
