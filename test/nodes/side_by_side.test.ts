import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import * as haproxy from '../support/haproxy.ts'
import { temporaryFolder } from '../support/leash.ts'
import { requires, skip } from '../support/skip.ts'
import { type Load, prepareLoad } from './load.ts'
import { type Nodes, startNodes } from './nodes.ts'
import { registerApplication, signIn, Visitor } from './visitor.ts'

/**
 * An upgrade: the schema goes first, while processes of the program before serve on it, and then
 * serve beside one of the new program. Once with this program as the older one, and a next release
 * that only adds a migration; once with this program as the newer one, and the one that there was
 * before the last migration.
 */

const ROOT = path.resolve(import.meta.dirname, '../..')
const PARTS = ['src', 'views', 'migrations', 'package.json']
const cliOf = (folder: string) => path.join(folder, 'src/main/cli/authcore.ts')
const THIS = cliOf(ROOT)

/** What a release may do to tables that are in use; see migrations/README.md. */
const NEXT_MIGRATION = `
export async function up(knex) {
  await knex.raw("ALTER TABLE account ADD COLUMN next_release text")
  await knex.raw("ALTER TABLE client ADD COLUMN next_release text NOT NULL DEFAULT 'none'")
  await knex.raw("ALTER TABLE oidc_record ADD COLUMN next_release bigint")
  await knex.raw("ALTER TABLE session ADD COLUMN next_release jsonb NOT NULL DEFAULT '{}'")
  await knex.raw("CREATE TABLE next_release (id uuid PRIMARY KEY)")
}
export async function down(knex) {
  await knex.raw("DROP TABLE next_release")
  for (const table of ['session', 'oidc_record', 'client', 'account']) {
    await knex.raw("ALTER TABLE " + table + " DROP COLUMN next_release")
  }
}
`

function nextProgram(): string {
  const folder = temporaryFolder('next-release')
  for (const part of PARTS)
    cpSync(path.join(ROOT, part), path.join(folder, part), { recursive: true })
  writeFileSync(path.join(folder, 'migrations/29991231235900_add_next_release.ts'), NEXT_MIGRATION)
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
  return cliOf(folder)
}

/** The state of the repository before its last migration; undefined where there is no history. */
function earlierCommit(): string | undefined {
  const last = readdirSync(path.join(ROOT, 'migrations'))
    .filter((name) => /^\d/.test(name))
    .sort()
  const log = ['log', '-1', '--diff-filter=A', '--format=%P', '--', `migrations/${last.at(-1)}`]
  const { stdout } = spawnSync('git', log, { cwd: ROOT, encoding: 'utf8' })
  const [parent] = (stdout ?? '').trim().split(' ')
  if (!parent) return undefined
  const known = spawnSync('git', ['cat-file', '-e', `${parent}:migrations`], { cwd: ROOT })
  return known.status === 0 ? parent : undefined
}

function earlierProgram(commit: string): string {
  const folder = temporaryFolder('earlier-release')
  mkdirSync(folder, { recursive: true })
  const archive = execFileSync('git', ['archive', commit, ...PARTS], {
    cwd: ROOT,
    maxBuffer: 2 ** 28,
  })
  execFileSync('tar', ['-x', '-C', folder], { input: archive })
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
  return cliOf(folder)
}

type Upgrade = { from: string; to: string }

const UPGRADES: Record<string, (context: Mocha.Context) => Upgrade> = {
  'this program to a next one': () => ({ from: THIS, to: nextProgram() }),
  'the program before the last migration to this one': (context) => {
    const commit = earlierCommit()
    if (!commit) skip(context, 'the history of the repository is not here')
    return { from: earlierProgram(commit), to: THIS }
  },
}

/** What the processes said of what they could not do. */
async function reasons(nodes: Nodes): Promise<string[]> {
  await nodes.allRequests()
  const lines = [0, 1].flatMap((node) => nodes.output(node).split('\n'))
  return lines.filter((line) => line.includes('"request failed"'))
}

for (const [name, prepare] of Object.entries(UPGRADES)) {
  describe(`From ${name}`, function () {
    this.timeout(240_000)
    let upgrade: Upgrade
    let nodes: Nodes
    let load: Load

    before(async function () {
      requires(this, haproxy.available({ tls: true }))
      upgrade = prepare(this)
      nodes = await startNodes({ env: { AUTHCORE_MFA: 'required' }, cli: upgrade.from })
      load = await prepareLoad(nodes)
    })
    after(() => nodes?.close())

    async function expectNoFailure(work: () => Promise<void>): Promise<void> {
      const running = load.begin()
      await work()
      const { counts, failures } = await running.end()
      if (failures.length > 0) throw new Error([...failures, ...(await reasons(nodes))].join('\n'))
      for (const [what, count] of Object.entries(counts)) expect(count, what).to.be.above(0)
    }

    it('the processes that run go on while the schema is brought forward', async () => {
      await expectNoFailure(async () => {
        const { applied } = await nodes.run('migrate up', { cli: upgrade.to })
        expect(applied).to.have.length.above(0)
      })
      await expectNoFailure(async () => {})
    })

    it('a process of each serve side by side, a sign-in in turns', async () => {
      await nodes.stop(1)
      await nodes.start(1, upgrade.to)
      await nodes.bothAnswer()
      const run = { ...nodes, run: (line: string) => nodes.run(line, { cli: upgrade.to }) }
      await expectNoFailure(async () => {
        const shop = await registerApplication(run, 'shop')
        const ada = await Visitor.register(run, 'ada@example.test')
        const first = await signIn(nodes, shop, ada, nodes.browser())
        const again = await signIn(nodes, shop, ada, nodes.browser())
        expect(again.claims()!.sub).to.equal(first.claims()!.sub)
      })
    })

    it('the older program does not start any more, and says why', async () => {
      await nodes.stop(0)
      const refusal = await nodes.start(0, upgrade.from).then(
        () => 'started',
        (error: Error) => error.message,
      )
      expect(refusal).to.contain('newer than this program')
    })
  })
}
