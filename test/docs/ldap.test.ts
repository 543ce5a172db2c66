import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { parse } from 'yaml'
import { ldapKind } from '../../src/domain/federation/ldap/ldap_kind.ts'
import { profileOf } from '../../src/domain/federation/ldap/profile.ts'
import { codeBlocks, ROOT } from './documents.ts'

const FILES = ['ldap_openldap', 'ldap_active_directory'].map((name) => `docs/examples/${name}.yaml`)
const DOCUMENT = 'docs/federation/LDAP.md'

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')

/** The settings of a connection's file, its secrets apart. */
function settingsIn(file: string) {
  const { kind, settings } = parse(read(file)) as { kind: string; settings: object }
  expect(kind).to.equal('ldap')
  const entries = Object.entries(settings)
  const isSecret = ([name]: [string, unknown]) => name in ldapKind.secrets
  expect(entries.filter(isSecret), file).to.have.length(1)
  return ldapKind.settings.parse(Object.fromEntries(entries.filter((entry) => !isSecret(entry))))
}

describe('docs/federation/LDAP.md', () => {
  const text = read(DOCUMENT)

  it('shows the examples that are in docs/examples', () => {
    expect(codeBlocks({ file: DOCUMENT, text }, ['yaml'])).to.deep.equal(FILES.map(read))
  })

  for (const file of FILES) {
    it(`has an example that can be used: ${file}`, () => {
      const settings = settingsIn(file)
      const open = () =>
        ldapKind.open({ name: 'example', settings, secrets: { bind_password: 'x' } }, {
          clock: { now: () => new Date() },
        } as never)
      expect(open()).to.include.keys('password', 'directory')
    })
  }

  it('tells the limits that hold without a setting', () => {
    const settings = settingsIn(FILES[0]!) as unknown as Record<string, Record<string, number>>
    const rows = [...text.matchAll(/^\| `(timeouts|pool|circuit|limits)\.(\w+)` \| (\d+) \|/gm)]
    const named = rows.map(([, group, name]) => `${group}.${name}`)
    const groups = ['timeouts', 'pool', 'circuit', 'limits']
    expect(named).to.have.members(
      groups.flatMap((group) => Object.keys(settings[group]!).map((name) => `${group}.${name}`)),
    )
    for (const [, group, name, value] of rows) {
      expect(settings[group!]![name!], `${group}.${name}`).to.equal(Number(value))
    }
  })

  it('tells the mapping that holds without a setting', () => {
    const base = { servers: ['ldaps://a'], bind_dn: 'cn=a', base_dn: 'dc=a' }
    const mappings = ['generic', 'active_directory'].map(
      (directory) => profileOf(ldapKind.settings.parse({ ...base, directory })).mapping,
    )
    const rows = [...text.matchAll(/^\| (`\w+`(?:, `\w+`)*) \| (.*?) ?\| (.*?) ?\|$/gm)]
    const names = (cell: string | undefined) =>
      [...(cell ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name!)
    const told = rows.flatMap(([, claims, ...cells]) =>
      names(claims).flatMap((claim) => (claim in mappings[0]! ? [[claim, cells.map(names)]] : [])),
    )
    expect(Object.fromEntries(told)).to.deep.equal(
      Object.fromEntries(
        Object.keys(mappings[0]!).map((claim) => [
          claim,
          mappings.map((mapping) => mapping[claim as keyof typeof mapping]),
        ]),
      ),
    )
  })
})
