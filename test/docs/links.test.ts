import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { anchors, documents, localLinks, prose, ROOT } from './documents.ts'

describe('Links in the documents', () => {
  const all = documents()

  it('are looked for in the documents there are', () => {
    expect(all.map(({ file }) => file)).to.include.members(['README.md', 'docs/ARCHITECTURE.md'])
  })

  for (const document of all) {
    it(`lead somewhere: ${document.file}`, () => {
      const broken = localLinks(document).filter(({ target, anchor }) => {
        const file = path.resolve(ROOT, path.dirname(document.file), target)
        if (target === '') return !anchors(document.text).has(anchor ?? '')
        if (!existsSync(file)) return true
        return anchor !== undefined && !anchors(readFileSync(file, 'utf8')).has(anchor)
      })
      expect(broken).to.deep.equal([])
    })

    it(`name files that are there: ${document.file}`, () => {
      expect(filesNamed(prose(document)).filter((file) => !isThere(file))).to.deep.equal([])
    })
  }
})

/** Paths of ours in backticks: `src/web/app.ts`, `migrations/`. Patterns with wildcards are not. */
function filesNamed(text: string): string[] {
  const places = text.matchAll(
    /`((?:src|test|bench|certification|scripts|bin|deploy|migrations|views|docs)\/[^`\s]*)`/g,
  )
  return [...places].map(([, name = '']) => name).filter((name) => !/[*<>…{}]|NNNN/.test(name))
}

function isThere(name: string): boolean {
  return existsSync(path.join(ROOT, name))
}
