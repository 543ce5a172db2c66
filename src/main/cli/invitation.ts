import { Option } from 'commander'
import { DomainError } from '../../core/errors.ts'
import {
  type Invitation,
  issueInvitation,
  revokeInvitation,
  whyOver,
} from '../../domain/accounts/invitation.ts'
import { listInvitations } from '../../domain/accounts/invitation_store.ts'
import { getClient } from '../../domain/clients/client_store.ts'
import { channelsOf } from '../../domain/messaging/channels.ts'
import { queueMessage } from '../../domain/messaging/queue_message.ts'
import { createJobQueue } from '../../platform/jobs/queue.ts'
import type { Transaction } from '../../platform/persistence/db.ts'
import { LOCALES } from '../../platform/templating/i18n.ts'
import type { CliCommand } from './cli_command.ts'
import { BY, type Workplace, withDatabase } from './command_database.ts'
import { duration } from './option_values.ts'
import type { Answer } from './output.ts'
import { fields, table } from './text.ts'

/** `authcore invitation`: who may make an account, also where nobody else may. */

const WEEK_S = 7 * 86_400

type Issued = { invitation: Invitation; token: string }
type CreateOptions = { email?: string; client?: string; expires: number; locale: string }

export function defineInvitationCommands(group: CliCommand): void {
  group.asGroup()
  group
    .command('create')
    .summary('invite somebody to make an account')
    .description(
      'Makes an invitation and prints its link once. Whoever holds it may make one account; with --email only with this address, which gets the link by mail. The address is proven by a code either way.',
    )
    .option('--email <address>', 'the only address that may be used with it')
    .option(
      '--client <client_id>',
      'the application that it leads to: one with initiate_login_uri (default: the account pages)',
    )
    .addOption(
      new Option('--expires <duration>', 'how long it can be used, up to 90d')
        .argParser(duration)
        .default(WEEK_S, '7d'),
    )
    .addOption(
      new Option('--locale <locale>', 'the language of the mail').choices(LOCALES).default('en'),
    )
    .examples(
      'authcore invitation create --email ada@example.com',
      'authcore invitation create --expires 24h',
    )
    .answers((_, options: CreateOptions) => withDatabase((place) => create(place, options)))
  group
    .command('list')
    .summary('list the invitations')
    .description('Lists the invitations and what became of them, for 30 days after their end.')
    .answers(() => withDatabase(async ({ db }) => listAnswer(await listInvitations(db))))
  group
    .command('revoke <id>')
    .summary('withdraw an invitation')
    .description('Ends an invitation that was not used. An account that was made with one stays.')
    .answers(([id]) =>
      withDatabase(async ({ db, clock }) => {
        await revokeInvitation({ db, clock }, { id: id!, by: BY })
        return { data: { id, revoked: true }, text: `The invitation ${id} is revoked.` }
      }),
    )
}

async function create(place: Workplace, options: CreateOptions): Promise<Answer> {
  const { config, db, clock } = place
  const { email, client: clientId, expires: lifeS, locale } = options
  assertProvable(config, email)
  const client = clientId === undefined ? undefined : await launchable(place, clientId)
  const deps = { db, clock, keyring: place.keyring() }
  // It is never started: it adds the job within the transaction, and a worker does it.
  const jobs = createJobQueue({ db, log: { warn() {}, error() {} } })
  const linkOf = (token: string) => `${config.server.issuer}/invitation?link=${token}`
  const alsoIn = async (tx: Transaction, { invitation, token }: Issued): Promise<void> => {
    if (invitation.email === undefined) return
    await queueMessage({ ...deps, jobs }, tx, {
      kind: 'invitation',
      recipient: invitation.email,
      locale,
      fields: {
        at: invitation.expiresAt.toISOString(),
        link: linkOf(token),
        ...(client ? { client } : {}),
      },
      expiresAt: invitation.expiresAt,
    })
  }
  const { invitation, token } = await issueInvitation(
    deps,
    { email, clientId, lifeS, by: BY },
    alsoIn,
  )
  await jobs.stop(false)
  const link = linkOf(token)
  return {
    data: { ...dataOf(invitation), link },
    text: `${textOf(invitation)}\n\n${link}\n${SHOWN_ONCE}`,
  }
}

const SHOWN_ONCE = 'Keep the link now: it is stored as a hash and cannot be shown again.'

/** @throws DomainError `invalid_input` where nobody could prove what they sign up with */
function assertProvable(config: Workplace['config'], email: string | undefined): void {
  const channels = channelsOf(config)
  if (channels.has('email')) return
  if (email === undefined && config.signIn.signUpBy !== 'email' && channels.has('sms')) return
  throw new DomainError(
    'invalid_input',
    'There is no way to send the mail that proves an address.',
    {
      hint: 'Set AUTHCORE_SMTP_URL.',
    },
  )
}

/** @returns its name. @throws DomainError `not_found`, `invalid_input` where no link leads to it */
async function launchable({ db }: Workplace, clientId: string): Promise<string> {
  const { status, origin, name, metadata } = await getClient(db, clientId)
  if (status === 'active' && origin === 'operator' && metadata.initiate_login_uri !== undefined) {
    return name.slice(0, 200)
  }
  throw new DomainError('invalid_input', 'This client has no address at which a sign-in begins.', {
    hint: 'Give it an initiate_login_uri, or leave --client out.',
  })
}

function stateOf(invitation: Invitation): string {
  return whyOver(invitation, new Date()) ?? 'waiting'
}

function textOf(invitation: Invitation): string {
  return fields([
    ['id', invitation.id],
    ['email', invitation.email ?? 'any'],
    ['client', invitation.clientId ?? ''],
    ['expires', invitation.expiresAt],
  ])
}

function listAnswer(invitations: readonly Invitation[]): Answer {
  const rows = invitations.map((invitation) => [
    invitation.id,
    stateOf(invitation),
    invitation.email ?? 'any',
    invitation.usedBy ?? '',
    invitation.createdAt.toISOString(),
    invitation.expiresAt.toISOString(),
  ])
  const heads = ['id', 'state', 'email', 'account', 'created', 'expires']
  return {
    data: { invitations: invitations.map(dataOf) },
    text: table(heads, rows, 'There are no invitations.'),
  }
}

function dataOf(invitation: Invitation) {
  return {
    id: invitation.id,
    state: stateOf(invitation),
    email: invitation.email ?? null,
    client_id: invitation.clientId ?? null,
    created_by: invitation.createdBy,
    created_at: invitation.createdAt,
    expires_at: invitation.expiresAt,
    used_at: invitation.usedAt ?? null,
    used_by: invitation.usedBy ?? null,
    revoked_at: invitation.revokedAt ?? null,
  }
}
