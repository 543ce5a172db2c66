import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { parse } from 'yaml'
import type { ConnectorKind } from '../../src/domain/federation/connector.ts'
import { oidcKind } from '../../src/domain/federation/oidc/oidc_kind.ts'
import { oidcSettings } from '../../src/domain/federation/oidc/oidc_settings.ts'
import { SOCIAL_KINDS } from '../../src/domain/federation/social/social_kinds.ts'
import { codeBlocks, ROOT } from './documents.ts'

/** The examples of docs/federation, read by the schemas that will read them. */

const DOCUMENTS = ['docs/federation/OIDC.md', 'docs/federation/SOCIAL.md']
const KINDS: Readonly<Record<string, ConnectorKind>> = { oidc: oidcKind, ...SOCIAL_KINDS }

type ConnectionFile = { name: string; kind: string; settings: Record<string, unknown> }

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8')
}

const blocks = DOCUMENTS.flatMap((file) => codeBlocks({ file, text: read(file) }, ['yaml']))
const examples = globSync('docs/examples/federation/*.yaml', { cwd: ROOT })
  .map((file) => ({ file, text: read(file), connection: parse(read(file)) as ConnectionFile }))
  .filter(({ connection }) => connection.kind in KINDS)

function isReference(value: unknown): boolean {
  const keys = Object.keys((value ?? {}) as object)
  return keys.length === 1 && ['env', 'file'].includes(keys[0]!)
}

describe('The examples of connections by OpenID Connect', () => {
  it('are there for every kind', () => {
    const kinds = new Set(examples.map(({ connection }) => connection.kind))
    expect([...kinds]).to.have.members(Object.keys(KINDS))
  })

  it('are files, word for word', () => {
    expect(blocks).to.have.members(examples.map(({ text }) => text))
  })

  for (const { file, connection } of examples) {
    it(`are understood: ${path.basename(file)}`, () => {
      const { secrets, settings: schema } = KINDS[connection.kind]!
      const given = Object.entries(connection.settings)
      const settings = Object.fromEntries(given.filter(([name]) => !(name in secrets)))
      expect(schema.safeParse(settings).error).to.equal(undefined)
      for (const [name, need] of Object.entries(secrets)) {
        const value = connection.settings[name]
        if (need === 'required' || value !== undefined)
          expect(isReference(value), name).to.equal(true)
      }
    })
  }
})

describe('docs/federation/OIDC.md', () => {
  it('names every setting and every secret, and no other', () => {
    const rows = read(DOCUMENTS[0]!).matchAll(/^\| `(\w+)` \|/gm)
    const known = [...Object.keys(oidcSettings.shape), ...Object.keys(oidcKind.secrets)]
    expect([...rows].map(([, name]) => name)).to.have.members(known)
  })
})

describe('docs/federation/SOCIAL.md', () => {
  it('says of every kind whether its addresses are trusted', () => {
    const rows = [...read(DOCUMENTS[1]!).matchAll(/^\| `(\w+)` \|.*\| (yes|no) \|$/gm)]
    const told = Object.fromEntries(rows.map(([, kind, trusted]) => [kind, trusted === 'yes']))
    const trusted = Object.entries(SOCIAL_KINDS).map(([kind, { trustsEmail }]) => [
      kind,
      trustsEmail,
    ])
    expect(told).to.deep.equal(Object.fromEntries(trusted))
  })
})
