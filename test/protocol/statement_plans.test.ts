import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { MODELS } from '../../src/surfaces/oidc/adapters/models.ts'
import { type AuthCore, startAuthCore } from '../support/authcore.ts'
import { fillTables, isSmall, listForgottenTables } from '../support/full_tables.ts'
import {
  type Executed,
  type ExplainingPostgres,
  type PlanNode,
  startExplainingPostgres,
} from '../support/plans.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { addApis, HOT_FLOWS } from './hot_flows.ts'

/**
 * How PostgreSQL executes what requests, jobs and housekeeping send, on tables that are full: by an
 * index and no other way. Every flow runs once with plans made for the parameters at hand, and once
 * with those that are made for any.
 */

/** What may be read of a table to answer one statement. */
const MOST_ROWS = 250

describe('How statements find their rows', function () {
  this.timeout(120_000)
  let folder: string
  let postgres: ExplainingPostgres
  let mail: SmtpSink

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'authcore-plans-'))
    // Where we are root, the database runs as somebody else, and would lie where nobody removes it.
    chmodSync(folder, 0o711)
    postgres = await startExplainingPostgres(folder, fillTables)
    mail = await startSmtp()
  })
  after(async () => {
    await mail?.stop()
    await postgres?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is tried on tables that are all full, but for those that stay small', async () => {
    expect(await listForgottenTables(postgres.db)).to.deep.equal([])
  })

  for (const mode of ['custom', 'generic'] as const) {
    describe(`with ${mode} plans`, () => {
      let server: AuthCore
      before(async () => {
        await postgres.planBy(mode)
        const env = {
          ...mail.env(),
          DATABASE_URL: postgres.url,
          AUTHCORE_DATA_DIR: path.join(folder, 'data'),
          AUTHCORE_SIGN_UP: 'open',
        }
        server = await startAuthCore({ worker: true, env })
        if (mode === 'custom') await addApis(server)
      })
      after(() => server?.stop())

      for (const [name, flow] of Object.entries(HOT_FLOWS)) {
        it(`is by an index: ${name}`, async () => {
          postgres.executed()
          await flow(server, mail)
          await server.parts.recorder.flush()
          const executed = postgres.executed()
          expect(executed.length).to.be.greaterThan(0)
          const faults = faultsOf(executed)
          expect(faults, faults.join('\n\n')).to.have.length(0)
        })
      }
    })
  }
})

/** What is asked once a minute may look at more. */
const ROUNDS: Readonly<Record<string, RegExp>> = {
  // pg-boss counts all its jobs, which is why those that are done stay for an hour only.
  job_common: /^\s*BEGIN;/,
  // Whether an old event waits: as far as the first one.
  event_outbox: /FROM client_registration/,
}

function faultsOf(executed: readonly Executed[]): string[] {
  const faults = new Map<string, string>()
  for (const { text, plan } of executed) {
    for (const node of nodesOf(plan)) {
      const fault = faultOf(node, text)
      if (fault)
        faults.set(
          `${fault} ${text}`,
          `${fault}:\n${text.trim()}\n${JSON.stringify(plan, null, 1)}`,
        )
    }
  }
  return [...faults.values()]
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)]
}

const SCANS = /^(Seq|Index|Index Only|Bitmap Heap|Tid) Scan$/

function faultOf(node: PlanNode, text: string): string | undefined {
  const table = node['Relation Name']
  if (table === undefined || table.startsWith('pg_') || isSmall(table)) return undefined
  if (!SCANS.test(node['Node Type'])) return undefined
  if (ROUNDS[table]?.test(text)) return undefined
  if (node['Node Type'] === 'Seq Scan') return `reads the whole of ${table}`
  const rows =
    ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) *
    (node['Actual Loops'] ?? 0)
  if (rows > MOST_ROWS) return `reads ${rows} rows of ${table}`
  const model = Object.keys(MODELS).find((name) => `oidc_record_${snakeCase(name)}` === table)
  if (model && !text.includes(`'${model}'`) && !text.includes(table))
    return `looks into ${table} without need`
  return undefined
}

const snakeCase = (name: string) => name.replace(/(?!^)[A-Z]/g, '_$&').toLowerCase()
