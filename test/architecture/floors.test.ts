import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { findFaults, type Rules } from './find_faults.ts'
import { importsOf } from './scan_source.ts'

/** The floors of docs/ARCHITECTURE.md as data. Code imports downwards only. */

const RULES: Rules = {
  floors: {
    core: [],
    platform: ['core'],
    domain: ['core', 'platform'],
    web: ['core', 'platform'],
    surfaces: ['core', 'platform', 'domain', 'web'],
    main: ['core', 'platform', 'domain', 'web', 'surfaces'],
  },
  neighbours: {
    platform: {
      events: ['persistence'],
      // A rotated key is a fact, and leaves in the transaction that made it true.
      keys: ['persistence', 'events'],
      // The queue lives in the same PostgreSQL and takes the caller's transaction.
      jobs: ['persistence'],
      places: ['files'],
    },
    domain: {
      accounts: ['access'],
      audit: ['access'],
      webhooks: ['access'],
      credentials: ['accounts', 'access', 'security'],
      // An imported line is an account and its password at once.
      account_import: ['accounts', 'credentials'],
      sessions: ['accounts', 'access'],
      organizations: ['accounts', 'access', 'plans'],
      clients: ['access', 'plans'],
      federation: ['accounts', 'access'],
      api_keys: ['access', 'plans', 'security'],
      authentication: [
        'accounts',
        'credentials',
        'sessions',
        'security',
        'organizations',
        'federation',
        // A code that proves an address is only half of it without the message that carries it.
        'messaging',
      ],
      // Who is listed becomes an account as in an import, by the rules of a first sign-in.
      directory_sync: ['accounts', 'account_import', 'authentication', 'federation'],
      // It puts together what the others keep about a person.
      personal_data: [
        'accounts',
        'audit',
        'clients',
        'credentials',
        'federation',
        'messaging',
        'sessions',
      ],
      // access, plans, security, messaging and streams know no neighbour.
    },
    // Surfaces meet in main/ only.
    surfaces: {},
  },
  typesForAll: ['platform/config'],
  packages: [
    {
      name: /^(knex|pg)$/,
      only: /^(platform\/(persistence|events)|surfaces\/oidc\/adapters)\/|_store\.ts$/,
    },
    { name: /^pg-boss$/, only: /^platform\/jobs\// },
    // XML of strangers is read in one place, behind its limits.
    {
      name: /^(@node-saml\/.+|@xmldom\/.+|xml-crypto)$/,
      only: /^domain\/federation\/saml\//,
    },
    { name: /^(koa|koa-.+|@koa\/.+)$/, only: /^(web|surfaces|main)\// },
    // The pages of an interaction are the other half of a conversation with the engine.
    { name: /^oidc-provider$/, only: /^surfaces\/(oidc|interactions)\// },
  ],
  packagesOf: { core: ['node:crypto', 'zod'] },
  environment: 'platform/config/load_config.ts',
}

describe('the floors of src/', () => {
  it('are kept by every file', () => {
    const { files, faults } = findFaults(
      fileURLToPath(new URL('../../src', import.meta.url)),
      RULES,
    )
    expect(files, 'files seen').to.be.above(0)
    expect(faults).to.deep.equal([])
  })
})

describe('the guard of the floors', () => {
  let root: string

  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'authcore-floors-'))
  })

  afterEach(() => rmSync(root, { recursive: true }))

  function faultsOf(tree: Record<string, string>): string[] {
    for (const [file, source] of Object.entries(tree)) {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
      writeFileSync(path.join(root, file), source)
    }
    return findFaults(root, RULES).faults
  }

  const BREAKS: [rule: string, tree: Record<string, string>, fault: string][] = [
    [
      'a floor that imports a higher one',
      { 'core/a.ts': "import { b } from '../platform/b.ts'", 'platform/b.ts': '' },
      'core/a.ts → platform/b.ts: core imports platform',
    ],
    [
      'web that knows the product',
      {
        'web/a.ts': "import type { B } from '../domain/accounts/b.ts'",
        'domain/accounts/b.ts': '',
      },
      'web/a.ts → domain/accounts/b.ts: web imports domain',
    ],
    [
      'a neighbour of the domain that is not on the list',
      {
        'domain/access/a.ts': "import {\n  b,\n} from '../accounts/b.ts'",
        'domain/accounts/b.ts': '',
      },
      'domain/access/a.ts → domain/accounts/b.ts: domain/access imports its neighbour accounts',
    ],
    [
      'surfaces that know each other',
      { 'surfaces/admin/a.ts': "import('../oidc/b.ts')", 'surfaces/oidc/b.ts': '' },
      'surfaces/admin/a.ts → surfaces/oidc/b.ts: surfaces/admin imports its neighbour oidc',
    ],
    [
      'more than the types of the configuration',
      {
        'platform/keys/a.ts': "import { b } from '../config/b.ts'",
        'platform/config/b.ts': '',
      },
      'platform/keys/a.ts → platform/config/b.ts: platform/keys imports its neighbour config',
    ],
    [
      'knex outside persistence',
      { 'domain/accounts/a.ts': "import type { Knex } from 'knex'" },
      'domain/accounts/a.ts: must not import knex',
    ],
    [
      'pg-boss outside jobs',
      { 'main/a.ts': "import { PgBoss } from 'pg-boss'" },
      'main/a.ts: must not import pg-boss',
    ],
    [
      'Koa below web',
      { 'domain/accounts/a.ts': "import { Router } from '@koa/router'" },
      'domain/accounts/a.ts: must not import @koa/router',
    ],
    [
      'oidc-provider outside its surface',
      { 'surfaces/account/a.ts': "import { errors } from 'oidc-provider/lib/helpers/errors.js'" },
      'surfaces/account/a.ts: must not import oidc-provider',
    ],
    [
      'a core with I/O',
      { 'core/a.ts': "import { readFile } from 'node:fs/promises'" },
      'core/a.ts: core imports node:fs/promises',
    ],
    [
      'the environment read in passing',
      { 'platform/keys/a.ts': 'export const a = process.env["A"]' },
      'platform/keys/a.ts: reads process.env; only platform/config/load_config.ts may',
    ],
    ['a default export', { 'core/a.ts': 'export default 1' }, 'core/a.ts: has a default export'],
    [
      'a cycle',
      {
        'core/a.ts': "import { b } from './b.ts'",
        'core/b.ts': "import { c } from './c.ts'",
        'core/c.ts': "import { a } from './a.ts'",
      },
      'cycle: core/a.ts → core/b.ts → core/c.ts → core/a.ts',
    ],
    ['a file on no floor', { 'helpers/a.ts': '' }, 'helpers/a.ts: lies on no floor'],
    [
      'an import that leaves src/',
      { 'core/a.ts': "import { x } from '../../test/x.ts'" },
      'core/a.ts → ../test/x.ts: no such file under src/',
    ],
  ]

  for (const [rule, tree, fault] of BREAKS) {
    it(`sees ${rule}`, () => expect(faultsOf(tree)).to.include(fault))
  }

  it('finds nothing where there is nothing to find', () => {
    const tree = {
      'core/a.ts': "// process.env\nimport { z } from 'zod'\nexport const s = 'export default'",
      'platform/config/load_config.ts': 'export const env = process.env',
      'platform/keys/key_store.ts': "import { knex } from 'knex'",
      'platform/keys/b.ts': "import type { C } from '../config/load_config.ts'",
      'domain/clients/c.ts': "import { can } from '../access/can.ts'",
      'domain/access/can.ts': "import { a } from '../../core/a.ts'\nimport { b } from './b.ts'",
      'domain/access/b.ts': "import type { Can } from './can.ts'",
      'main/m.ts': "import Koa from 'koa'\nimport { c } from '../domain/clients/c.ts'",
    }
    expect(faultsOf(tree)).to.deep.equal([])
  })

  it('reads every way to import, and no comment or template', () => {
    const source = [
      "import a, { type b } from 'one'",
      "import type { c } from 'two'",
      "import { type d, type e } from 'three'",
      "import 'four'",
      "export * from 'five'",
      "export type { f } from 'six'",
      "const g = await import('seven')",
      "const quotes = /['`]/",
      "import {\n  h, // import { x } from 'comment'\n} from 'eight'",
      "/* import 'comment' */",
      'const text = `\nimport x from "template"\n`',
    ].join('\n')
    const found = importsOf(source).map((i) => `${i.specifier}${i.typeOnly ? ' (types)' : ''}`)
    expect(found.sort()).to.deep.equal(
      [
        'one',
        'two (types)',
        'three (types)',
        'four',
        'five',
        'six (types)',
        'seven',
        'eight',
      ].sort(),
    )
  })
})
