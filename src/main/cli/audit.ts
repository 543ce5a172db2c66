import { type AuditVerdict, auditKey, verifyAuditTrail } from '../../domain/audit/audit_trail.ts'
import { openPersonal } from '../../domain/audit/personal_data.ts'
import { cloudEventOf } from '../../platform/events/cloud_event.ts'
import { type AuditEntry, listNewestEntries } from './audit_entries.ts'
import type { CliCommand } from './cli_command.ts'
import { withDatabase } from './command_database.ts'
import { wholeNumber } from './option_values.ts'
import type { Answer } from './output.ts'
import { table } from './text.ts'

/** `authcore audit`: reading the trail, and proving that nobody has written in it. */

const LIMIT = 50
const LIMIT_MAX = 10_000

type ListOptions = { subject?: string; type?: string; limit: number }

export function defineAuditCommands(group: CliCommand): void {
  group.asGroup()
  group
    .command('verify')
    .summary('prove that the trail is as it was written')
    .description(
      'Walks the whole trail and names the first row that was changed, removed or inserted. Exit code 1 where there is one.',
    )
    .answers(() =>
      withDatabase(async ({ db, keyring }) =>
        verdictAnswer(await verifyAuditTrail(db, auditKey(keyring()))),
      ),
    )
  group
    .command('list')
    .summary('show the end of the trail')
    .description(
      'Shows the newest entries, the newest last. A worker brings what happens into the trail within seconds.',
    )
    .option('--subject <id>', 'only about this account id, client_id, kid or API')
    .option('--type <type>', 'only of this type, such as auth.login.failed')
    .option('--limit <count>', 'how many at most', wholeNumber(1, LIMIT_MAX), LIMIT)
    .examples('authcore audit list --type auth.login.failed --limit 20')
    .answers((_, options: ListOptions) =>
      withDatabase(async ({ db, config, keyring }) => {
        const entries = await listNewestEntries(db, options)
        return listAnswer(await openPersonal(db, keyring(), entries), config.server.issuer)
      }),
    )
}

const REASONS = {
  gap: 'it is missing',
  link: 'it does not follow from the row before it',
  content: 'its content is not what was written',
} as const

function verdictAnswer(verdict: AuditVerdict): Answer {
  if (verdict.kind === 'intact') {
    const { entries } = verdict
    return {
      data: { intact: true, entries },
      text: `The audit trail is intact: ${entries} entries.`,
    }
  }
  const { seq, reason } = verdict
  return {
    data: { intact: false, first_bad_seq: seq, reason },
    text: `The audit trail is broken at row ${seq}: ${REASONS[reason]}.\nCompare it with a backup, and find out who could write to the database.`,
    exitCode: 1,
  }
}

function listAnswer(entries: readonly AuditEntry[], issuer: string): Answer {
  const rows = entries.map((entry) => [
    entry.seq,
    entry.occurredAt.toISOString(),
    entry.type,
    entry.subject ?? '-',
    JSON.stringify(entry.data),
  ])
  return {
    data: {
      entries: entries.map((entry) => ({ seq: entry.seq, ...cloudEventOf(entry, issuer) })),
    },
    text: table(['seq', 'time', 'type', 'subject', 'data'], rows, 'There are no such entries.'),
  }
}
