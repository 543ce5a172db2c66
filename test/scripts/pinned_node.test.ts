import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
// @ts-expect-error plain JavaScript, which runs before anything is installed
import { heapFlags } from '../../scripts/pinned_node.mjs'

const SCRIPTS = path.resolve(import.meta.dirname, '../../scripts')
const REPORT = `
  const { pid, execArgv, argv, env } = process
  console.log(JSON.stringify({ pid, execArgv, args: argv.slice(2), trim: env.MALLOC_TRIM_THRESHOLD_ }))
`

type Report = { pid: number; execArgv: string[]; args: string[]; trim?: string }

describe('a process that serves', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'authcore-scripts-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  async function run(source: string, env: NodeJS.ProcessEnv = {}): Promise<Report> {
    const file = path.join(folder, 'program.mjs')
    writeFileSync(file, source.replace('PINNED_NODE_MJS', path.join(SCRIPTS, 'pinned_node.mjs')))
    writeFileSync(path.join(folder, 'report.mjs'), REPORT)
    const { MALLOC_TRIM_THRESHOLD_: _, NODE_OPTIONS: __, ...rest } = process.env
    const child = promisify(execFile)(process.execPath, [file, 'serve', '--role', 'web'], {
      env: { ...rest, ...env },
    })
    const pid = child.child.pid
    const report = JSON.parse((await child).stdout) as Report
    return { ...report, pid: report.pid - pid! }
  }

  const IN_PLACE = `import { becomeServer } from 'PINNED_NODE_MJS'; becomeServer(); ${REPORT}`
  const AS_CHILD = `
    import { runServer } from 'PINNED_NODE_MJS'
    await runServer([new URL('report.mjs', import.meta.url).pathname, 'serve', '--role', 'web'])
  `
  const FLAGS = [/^--max-semi-space-size=8$/, /^--max-old-space-size=\d+$/]

  for (const [how, source] of [
    ['in the place of the one that was started', IN_PLACE],
    ['as its child', AS_CHILD],
  ] as const) {
    it(`runs with little memory, ${how}`, async () => {
      const { execArgv, args, trim } = await run(source)
      for (const flag of FLAGS) expect(execArgv.some((arg) => flag.test(arg))).to.equal(true)
      expect(args).to.deep.equal(['serve', '--role', 'web'])
      expect(trim).to.equal('131072')
    })

    for (const tuned of [
      '--max-old-space-size=300',
      '--max_old_space_size=300',
      '--max-semi-space-size=4',
      '--max-heap-size=300',
    ]) {
      it(`is left as somebody has tuned it with ${tuned}, ${how}`, async () => {
        const { execArgv } = await run(source, { NODE_OPTIONS: tuned })
        expect(execArgv.filter((arg) => arg.startsWith('--max'))).to.deep.equal([])
      })
    }
  }

  it('keeps its process id where it takes the place', async () => {
    expect((await run(IN_PLACE)).pid).to.equal(0)
  })

  it('has no more heap than the machine grants', () => {
    const oldMib = (grantedMib: number): number => {
      const flags = heapFlags(grantedMib * 2 ** 20).join(' ')
      return Number(/--max-old-space-size=(\d+)/.exec(flags)?.[1])
    }
    expect(oldMib(300.7)).to.equal(300)
    expect(oldMib(100_000)).to.equal(2047)
  })
})
