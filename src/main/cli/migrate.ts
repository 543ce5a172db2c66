import {
  type MigrationStatus,
  migrateDown,
  migrateUp,
  migrationStatus,
} from '../../platform/persistence/migrate.ts'
import type { CliCommand } from './cli_command.ts'
import { withDatabase } from './command_database.ts'
import { confirm } from './confirm.ts'
import type { Answer } from './output.ts'
import { table } from './text.ts'

/** `authcore migrate`: bringing the schema of a PostgreSQL of your own to where the server needs it. */

const schema = 'any'

export function defineMigrateCommands(group: CliCommand): void {
  group.asGroup()
  group
    .command('up')
    .summary('apply what is pending')
    .description(
      'Applies pending migrations, one transaction each. Of several that run at once one works and the others wait.',
    )
    .answers(() => withDatabase(async ({ db }) => upAnswer(await migrateUp(db)), { schema }))
  group
    .command('down')
    .summary('take back the newest migration')
    .description(
      'Takes back the newest migration, and with it the data that only it has a place for.',
    )
    .option('--yes', 'do not ask')
    .answers((_, { yes }: { yes?: boolean }) => down(yes))
  group
    .command('status')
    .summary('tell what is applied')
    .description(
      'Tells which migrations are applied, which are pending, and which only a newer program knows.',
    )
    .answers(() =>
      withDatabase(async ({ db }) => statusAnswer(await migrationStatus(db)), { schema }),
    )
}

function upAnswer(applied: string[]): Answer {
  return {
    data: { applied },
    text:
      applied.length === 0
        ? 'The schema is up to date.'
        : applied.map((name) => `applied ${name}`).join('\n'),
  }
}

async function down(yes: boolean | undefined): Promise<Answer> {
  const warning = 'Taking back a migration loses the data that only it has a place for.'
  await confirm({ warning, word: 'down', yes })
  return await withDatabase(
    async ({ db }) => {
      const reverted = (await migrateDown(db)) ?? null
      return {
        data: { reverted },
        text: reverted === null ? 'There is no migration to take back.' : `took back ${reverted}`,
      }
    },
    { schema },
  )
}

function statusAnswer(status: MigrationStatus): Answer {
  const rows = Object.entries(status).flatMap(([state, names]) =>
    names.map((name) => [name, state]),
  )
  return {
    data: status,
    text: table(['migration', 'state'], rows, 'There are no migrations.'),
  }
}
