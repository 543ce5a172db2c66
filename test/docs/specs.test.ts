import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { protocolsSection } from '../../src/platform/config/sections/protocols.ts'
import { settings } from '../../src/platform/config/setting.ts'
import { ROOT } from './documents.ts'

/** Those of the section `protocols`, but what only tunes another one. */
const protocols = Object.values(protocolsSection.shape).map((schema) => settings.get(schema)!.env)
const TUNING = new Set(['AUTHCORE_REGISTRATION_PRESETS', 'AUTHCORE_REGISTRATION_UNUSED_TTL'])

describe('docs/SPECS.md', () => {
  const rows = readFileSync(path.join(ROOT, 'docs/SPECS.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (---|Specification)/.test(line))
    .map((line) => {
      const cells = line.split('|').map((cell) => cell.trim())
      const [, specification = '', status = '', switches = '', where = '', tests = ''] = cells
      return { specification, status, switches, where, tests }
    })
  const named = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
  const isThere = (file: string) => existsSync(path.join(ROOT, file))

  it('has rows with a status', () => {
    expect(rows).to.have.length.above(10)
    for (const { specification, status } of rows) {
      expect(status, specification).to.match(/^(on|off|per client)\b/)
    }
  })

  it('names every switch of the protocols, and no other setting', () => {
    const switches = protocols.filter((env) => !TUNING.has(env))
    const all = rows.flatMap((row) => named(row.switches))
    expect([...new Set(all)]).to.have.members(switches)
  })

  it('says where each lives', () => {
    const missing = rows.flatMap(({ where }) =>
      named(where).filter((name) => !isThere(name) && !isThere(`src/surfaces/oidc/${name}`)),
    )
    expect(missing).to.deep.equal([])
  })

  it('says where each is tested', () => {
    const missing = rows.flatMap(({ tests }) =>
      named(tests).filter((name) => !isThere(name) && !isThere(`test/protocol/${name}.test.ts`)),
    )
    expect(missing).to.deep.equal([])
    const untested = rows.filter(
      ({ status, tests }) => !status.startsWith('off') && named(tests).length === 0,
    )
    expect(untested.map(({ specification }) => specification)).to.deep.equal([])
  })

  it('leaves no protocol test out', () => {
    const tests = globSync('test/protocol/{rfc,openid}*.test.ts', { cwd: ROOT })
    const all = rows.flatMap((row) => named(row.tests))
    const forgotten = tests
      .map((file) => path.basename(file, '.test.ts'))
      .filter((name) => !all.includes(name))
    expect(forgotten).to.deep.equal([])
  })
})
