import { Option } from 'commander'
import { retireSigningKey, rotateSigningKeyNow } from '../../platform/keys/rotate_signing_keys.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../../platform/keys/signing_key.ts'
import { listSigningKeyInfos } from '../../platform/keys/signing_key_store.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { CliCommand } from './cli_command.ts'
import { BY, type Workplace, withDatabase } from './command_database.ts'
import type { Answer } from './output.ts'
import { table } from './text.ts'

/** `authcore keys`: the keys that sign tokens. They rotate by themselves; this is for emergencies. */

export function defineKeysCommands(group: CliCommand): void {
  group.asGroup()
  group
    .command('list')
    .summary('list all signing keys')
    .description(
      'Lists all signing keys: `next` is published and waits, `current` signs, `previous` still verifies, `retired` is gone.',
    )
    .answers(() => withDatabase(({ db }) => list(db)))
  group
    .command('rotate')
    .summary('replace the signing key now')
    .description(
      'Lets the waiting key, or else a new one, sign from now on. What the old key signed still verifies. Running servers change over at once.',
    )
    .addOption(
      new Option('--algorithm <algorithm>', 'the one to rotate (default: all)').choices(
        SIGNING_ALGORITHMS,
      ),
    )
    .examples('authcore keys rotate', 'authcore keys rotate --algorithm ES256')
    .answers((_, { algorithm }: { algorithm?: SigningAlgorithm }) =>
      withDatabase((place) => rotate(place, algorithm ? [algorithm] : SIGNING_ALGORITHMS)),
    )
  group
    .command('retire <kid>')
    .summary('take a key out of /jwks now')
    .description(
      'Takes a key that no longer signs out of /jwks at once: what it signed no longer verifies. For a key that leaked.',
    )
    .examples('authcore keys rotate && authcore keys retire KID-THAT-LEAKED')
    .answers(([kid]) =>
      withDatabase(async (place) => {
        await retireSigningKey(depsOf(place), kid!)
        return { data: { kid, state: 'retired' }, text: `The key ${kid} is retired.` }
      }),
    )
}

async function list(db: Db): Promise<Answer> {
  const keys = await listSigningKeyInfos(db)
  const rows = keys.map((key) => [
    key.kid,
    key.algorithm,
    key.state,
    key.stateSince.toISOString(),
    key.createdAt.toISOString(),
  ])
  return {
    data: {
      keys: keys.map(({ kid, algorithm, state, stateSince, createdAt }) => ({
        kid,
        algorithm,
        state,
        state_since: stateSince,
        created_at: createdAt,
      })),
    },
    text: table(
      ['kid', 'algorithm', 'state', 'since', 'created'],
      rows,
      'There are no signing keys yet: the first start of the server makes them.',
    ),
  }
}

async function rotate(place: Workplace, algorithms: readonly SigningAlgorithm[]): Promise<Answer> {
  const before = await currentKids(place.db)
  for (const algorithm of algorithms) await rotateSigningKeyNow(depsOf(place), algorithm)
  const now = await currentKids(place.db)
  const rotated = algorithms.map((algorithm) => ({
    algorithm,
    kid: now.get(algorithm)!,
    replaces: before.get(algorithm) ?? null,
  }))
  const rows = rotated.map(({ algorithm, kid, replaces }) => [algorithm, kid, replaces ?? '-'])
  return { data: { rotated }, text: table(['algorithm', 'signs now', 'replaces'], rows, '') }
}

async function currentKids(db: Db): Promise<ReadonlyMap<SigningAlgorithm, string>> {
  const keys = await listSigningKeyInfos(db)
  const current = keys.filter(({ state }) => state === 'current')
  return new Map(current.map(({ algorithm, kid }) => [algorithm, kid]))
}

function depsOf({ db, clock, keyring }: Workplace) {
  return { db, clock, keyring: keyring(), by: BY }
}
