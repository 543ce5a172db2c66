import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { skip } from '../support/skip.ts'

const MODULE = path.resolve(import.meta.dirname, '../../src/main/helper_threads.ts')

/** In a process of its own: what is given up can only be taken back by an administrator. */
const PROGRAM = `
  import { readdirSync, readFileSync } from 'node:fs'
  import { getPriority } from 'node:os'
  import { letHelpersYield } from ${JSON.stringify(MODULE)}
  const threads = () => readdirSync('/proc/self/task').map((id) => ({
    name: readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim(),
    main: Number(id) === process.pid,
    nice: getPriority(Number(id)),
  }))
  const before = threads()
  await letHelpersYield()
  await letHelpersYield()
  console.log(JSON.stringify({ before, after: threads() }))
`

type Thread = { name: string; main: boolean; nice: number }

describe('main/helper_threads', () => {
  it('yield to the thread that answers, and no others do', async function () {
    if (process.platform !== 'linux') skip(this, 'only Linux tells which threads they are')
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '--eval',
      PROGRAM,
    ])
    const { before, after } = JSON.parse(stdout) as { before: Thread[]; after: Thread[] }
    const [{ nice: own = 0 } = {}] = after.filter(({ main }) => main)
    expect(before.filter(({ nice }) => nice !== own)).to.deep.equal([])
    const yielding = after.filter(({ nice }) => nice === 10)
    expect(yielding).to.have.length(4)
    expect(yielding.every(({ name }) => name === 'V8Worker')).to.equal(true)
    expect(after.filter(({ nice }) => nice !== own)).to.deep.equal(yielding)
  })
})
