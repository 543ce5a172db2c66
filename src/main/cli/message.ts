import { Argument, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { newId } from '../../core/ids.ts'
import { canonicalEmail } from '../../domain/accounts/identifier.ts'
import { type Channel, KINDS, type MessageKind } from '../../domain/messaging/kinds.ts'
import { listMessageFacts } from '../../domain/messaging/message_store.ts'
import type { RenderMessage } from '../../domain/messaging/render_message.ts'
import { sampleFields } from '../../domain/messaging/sample_fields.ts'
import { isAddress } from '../../domain/messaging/transports/address.ts'
import type { Transport } from '../../domain/messaging/transports/transport.ts'
import { allowAddress } from '../../domain/messaging/undeliverable.ts'
import { loadConfig } from '../../platform/config/load_config.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { LOCALES, type Locale } from '../../platform/templating/i18n.ts'
import { messageRendererOf, rendererOf, transportsOf } from '../messaging.ts'
import { outboundAtFirstUse } from '../outbound.ts'
import type { CliCommand } from './cli_command.ts'
import { BY, SILENT, type Workplace, withDatabase } from './command_database.ts'
import type { Answer } from './output.ts'
import { fields, table } from './text.ts'

/** `authcore message`: what is sent to people, how it looks, and whether it arrives. */

type PreviewOptions = { locale: Locale; channel?: Channel }

export function defineMessageCommands(group: CliCommand): void {
  group.asGroup()
  group
    .command('list')
    .summary('list the newest messages')
    .description(
      'Lists the newest messages and what became of them: `queued`, `sending`, `sent`, `delivered`, `bounced`, `failed` or `expired`. What they said is not shown.',
    )
    .option('--limit <count>', 'how many', count, 50)
    .answers((_, { limit }: { limit: number }) => withDatabase(({ db }) => list(db, limit)))
  group
    .command('preview')
    .summary('show a message as it would be sent')
    .description(
      'Shows a message with sample fields, in the words of this deployment (AUTHCORE_MESSAGE_TEMPLATES). Needs no database. With --json the HTML of a mail is there too.',
    )
    .addArgument(new Argument('<kind>', 'which message').choices(Object.keys(KINDS)))
    .addOption(new Option('--locale <locale>', 'its language').choices(LOCALES).default('en'))
    .addOption(channelOption())
    .examples('authcore message preview sign_in_code --locale ar')
    .answers(async ([kind], options: PreviewOptions) => preview(kind as MessageKind, options))
  group
    .command('allow')
    .summary('write to an address again')
    .description(
      'Writes to an address again from which mail came back for good, or whose owner complained. Does nothing where nothing is kept back from it.',
    )
    .requiredOption('--to <address>', 'an e-mail address')
    .examples('authcore message allow --to you@example.com')
    .answers((_, { to }: { to: string }) => withDatabase((place) => allow(place, to)))
  group
    .command('test')
    .summary('send a test message')
    .description(
      'Sends one message with a sample code by each configured transport, past the queue, and tells what each answered.',
    )
    .requiredOption('--to <recipient>', 'an e-mail address, or a number such as +4930123456')
    .examples('authcore message test --to you@example.com')
    .answers((_, { to }: { to: string }) => test(to))
}

function channelOption(): Option {
  return new Option(
    '--channel <channel>',
    'by mail, by SMS or pushed to a browser (default: the first it has)',
  ).choices(['email', 'sms', 'push'])
}

function count(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0 && number <= 1000) return number
  throw new InvalidArgumentError('A whole number from 1 to 1000 is needed.')
}

async function list(db: Db, limit: number): Promise<Answer> {
  const messages = await listMessageFacts(db, { limit })
  const rows = messages.map((m) => [
    m.createdAt.toISOString(),
    m.kind,
    m.channel,
    m.recipient,
    m.state,
    m.transport ?? '',
    m.failure ?? '',
  ])
  const heads = ['created', 'kind', 'channel', 'recipient', 'state', 'transport', 'failure']
  return {
    data: {
      messages: messages.map(({ createdAt, sentAt, ...message }) => ({
        ...message,
        created_at: createdAt,
        sent_at: sentAt,
      })),
    },
    text: table(heads, rows, 'There are no messages.'),
  }
}

async function allow({ db, keyring }: Workplace, to: string): Promise<Answer> {
  const canonical = canonicalEmail(to)
  if (canonical === undefined) {
    throw new DomainError('invalid_input', 'This is no e-mail address.')
  }
  const place = { keyring: keyring() }
  const allowed = await inTransaction(db, (tx) => allowAddress(place, tx, { canonical, by: BY }))
  return {
    data: { allowed },
    text: allowed ? 'Mail goes there again.' : 'Nothing was kept back from this address.',
  }
}

function preview(
  kind: MessageKind,
  { locale, channel = KINDS[kind].channels[0] }: PreviewOptions,
): Answer {
  const channels: readonly Channel[] = KINDS[kind].channels
  if (!channels.includes(channel)) {
    throw new DomainError(
      'invalid_input',
      `A message of the kind ${kind} does not go by ${channel}.`,
    )
  }
  const message = render()({ kind, channel, locale, fields: sampleFields(kind) })
  const subject = 'subject' in message ? `Subject: ${message.subject}\n\n` : ''
  return { data: message, text: subject + message.text }
}

function render(): RenderMessage {
  const config = loadConfig()
  return messageRendererOf(config, rendererOf(config))
}

async function test(to: string): Promise<Answer> {
  const channel: Channel = to.startsWith('+') ? 'sms' : 'email'
  if (!isAddress(channel, to)) {
    throw new DomainError(
      'invalid_input',
      'This is neither an e-mail address nor a number such as +4930123456.',
    )
  }
  const config = loadConfig()
  const outbound = outboundAtFirstUse(config, SILENT)
  const transports = transportsOf(config, { request: outbound.request, clock: systemClock })
  try {
    const used = transports.inOrder(channel).filter(({ name }) => name !== 'inbox')
    if (used.length === 0) throw nothingConfigured(channel)
    const outcomes = []
    for (const transport of used) outcomes.push(await tryOut(transport, to))
    return outcomeAnswer(outcomes)
  } finally {
    await transports.close()
    await outbound.close()
  }
}

async function tryOut(transport: Transport, to: string) {
  const { name, channel } = transport
  const kind = channel === 'email' ? 'sign_in_code' : 'verify_phone'
  const { channel: _, ...parts } = render()({
    kind,
    channel,
    locale: 'en',
    fields: sampleFields(kind),
  })
  const outgoing = { id: newId(), kind, to, subject: '', ...parts } as const
  const outcome = await transport.send(outgoing, AbortSignal.timeout(30_000))
  return {
    transport: name,
    outcome: outcome.kind,
    reason: 'reason' in outcome ? outcome.reason : undefined,
  }
}

function outcomeAnswer(outcomes: Awaited<ReturnType<typeof tryOut>>[]): Answer {
  const bad = outcomes.some(({ outcome }) => outcome !== 'accepted')
  return {
    data: { transports: outcomes },
    text: fields(
      outcomes.map(({ transport, outcome, reason }) => [
        transport,
        reason ? `${outcome} (${reason})` : outcome,
      ]),
    ),
    exitCode: bad ? 1 : 0,
  }
}

function nothingConfigured(channel: Channel): DomainError {
  return new DomainError('invalid_input', `No transport for ${channel} is configured.`, {
    hint: channel === 'email' ? 'Set AUTHCORE_SMTP_URL.' : 'Set AUTHCORE_SMS_TRANSPORTS.',
  })
}
