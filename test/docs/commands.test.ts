import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { settingTable } from '../../src/platform/config/setting_table.ts'
import { codeBlocks, type Document, documents, ROOT } from './documents.ts'

/** What the documents tell people to type: commands, options, scripts and variables that are there. */

/** The text of each command's help, by `client create`, as docs/CLI.md has it; groups have none. */
const reference = readFileSync(path.join(ROOT, 'docs/CLI.md'), 'utf8')
const helps = new Map(
  [...reference.matchAll(/^Usage: authcore ([a-z][a-z -]*[a-z]).*?^```$/gms)].map(
    ([text, name = '']) => [name.trim(), text],
  ),
)
const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}
const variables = new Set([
  'AUTHCORE_CONFIG',
  ...settingTable.flatMap(({ env, secret }) => (secret ? [env, `${env}_FILE`] : [env])),
])

/** Everything that calls us: in blocks of shell, and in backticks within a sentence. */
function calls(document: Document): string[] {
  const lines = codeBlocks(document, ['sh', ''])
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
  const shell = lines.flatMap((line) => [
    ...line.matchAll(/(?:^|&& )(?:node bin\/authcore\.mjs|authcore) ([^#|&]+)/g),
  ])
  const inline = document.text.matchAll(/`authcore ([^`]+)`/g)
  return [...shell, ...inline].map(([, call = '']) => call.trim())
}

/** The longest beginning of the call that names a command: `client create` of `client create --name x`. */
function commandOf(call: string): string | undefined {
  const words = call.split(/\s+/)
  return [2, 1].map((n) => words.slice(0, n).join(' ')).find((name) => helps.has(name))
}

function faultOf(call: string): string | undefined {
  if (call.startsWith('--')) return call === '--help' ? undefined : `unknown: ${call}`
  const command = commandOf(call)
  if (command === undefined) return `no such command: ${call}`
  const options = [...call.matchAll(/(?<=\s)--[a-z][\w-]*/g)].map(([option]) => option)
  const unknown = options.filter((option) => !helps.get(command)?.includes(option))
  return unknown.length > 0 ? `${command} has no ${unknown.join(', ')}` : undefined
}

describe('Commands in the documents', () => {
  const all = documents().filter(({ file }) => file !== 'docs/CLI.md')

  it('are looked for where there are some', () => {
    const readme = all.find(({ file }) => file === 'README.md')
    expect(calls(readme!).map(commandOf)).to.include.members(['client create', 'migrate up'])
  })

  it('would be found out', () => {
    expect(faultOf('client destroy --id x')).to.match(/^no such command/)
    expect(faultOf('client create --nmae x')).to.equal('client create has no --nmae')
  })

  for (const document of all) {
    it(`are there: ${document.file}`, () => {
      expect(calls(document).map(faultOf).filter(Boolean)).to.deep.equal([])
    })

    it(`are scripts of ours where npm runs them: ${document.file}`, () => {
      const named = [...document.text.matchAll(/\bnpm run (?:-s )?([\w:-]+)/g)].map(([, n]) => n)
      expect(named.filter((name) => !Object.hasOwn(scripts, name ?? ''))).to.deep.equal([])
    })

    it(`set variables that the server knows: ${document.file}`, () => {
      const named = [...document.text.matchAll(/\bAUTHCORE_[A-Z_]+\b/g)].map(([name]) => name)
      const unknown = named.filter((name) => !variables.has(name) && !/_$/.test(name))
      expect(unknown).to.deep.equal([])
    })
  }
})
