import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { ROOT } from './documents.ts'

describe('docs/SPECS.md, the software that it is tested with', () => {
  it('names every test of test/interop, and no other', () => {
    const [, list = ''] = readFileSync(path.join(ROOT, 'docs/SPECS.md'), 'utf8').split(
      '## Software that it is tested with',
    )
    const named = [...list.matchAll(/^- \*\*[^(]+\(((?:`\w+`(?:, )?)+)\)/gm)].flatMap(
      ([, names = '']) => names.replaceAll('`', '').split(', '),
    )
    const tests = globSync('test/interop/*.test.ts', { cwd: ROOT })
    expect(named).to.have.members(tests.map((file) => path.basename(file, '.test.ts')))
  })
})
