import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { ROOT } from './documents.ts'

const FOLDER = path.join(ROOT, 'docs/decisions')
const MAX_LINES = 60

describe('The decisions', () => {
  const files = globSync('*.md', { cwd: FOLDER }).sort()

  it('are numbered from 0001 without a gap', () => {
    const numbers = files.map((file) => file.slice(0, 4))
    expect(numbers).to.have.length.above(0)
    expect(numbers).to.deep.equal(numbers.map((_, i) => String(i + 1).padStart(4, '0')))
  })

  for (const file of files) {
    it(`have a context, a decision and consequences, in short: ${file}`, () => {
      const text = readFileSync(path.join(FOLDER, file), 'utf8')
      expect(text).to.match(new RegExp(`^# ${file.slice(0, 4)} \\S`))
      const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
      expect(headings).to.deep.equal(['Context', 'Decision', 'Consequences'])
      expect(text.split('\n').length).to.be.at.most(MAX_LINES)
    })
  }

  it('are there wherever the source points to one', () => {
    const sources = globSync('{src,migrations,scripts,test}/**/*.ts', { cwd: ROOT })
    const named = sources.flatMap((file) => {
      const text = readFileSync(path.join(ROOT, file), 'utf8')
      return [...text.matchAll(/docs\/decisions\/(\d{4}(?:-[\w-]+\.md)?)/g)].map(([, name]) => name)
    })
    expect(named).to.have.length.above(0)
    const dangling = named.filter((name) => !files.some((file) => file.startsWith(name ?? '?')))
    expect(dangling).to.deep.equal([])
  })
})
