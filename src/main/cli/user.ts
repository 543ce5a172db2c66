import { Option } from 'commander'
import { DomainError } from '../../core/errors.ts'
import { isId } from '../../core/ids.ts'
import type { Account } from '../../domain/accounts/account.ts'
import { ACCOUNT_STATES, type AccountState } from '../../domain/accounts/account_state.ts'
import {
  findAccountById,
  findAccountByIdentifier,
  findLastSignIn,
} from '../../domain/accounts/account_store.ts'
import { disableAccount, enableAccount } from '../../domain/accounts/block_account.ts'
import { createAccount } from '../../domain/accounts/create_account.ts'
import { deleteAccount } from '../../domain/accounts/delete_account.ts'
import { classifyIdentifier, type IdentifierKind } from '../../domain/accounts/identifier.ts'
import { loadProfile } from '../../domain/accounts/profile/load_profile.ts'
import { endProofs } from '../../domain/authentication/end_proofs.ts'
import { issueFactorReset } from '../../domain/authentication/reset_factors.ts'
import { deleteFactorTries } from '../../domain/credentials/factor_store.ts'
import {
  assertAcceptablePassword,
  type PasswordPolicy,
} from '../../domain/credentials/password/password_policy.ts'
import { findPassword } from '../../domain/credentials/password/password_store.ts'
import { setPassword } from '../../domain/credentials/password/set_password.ts'
import { exportPersonalData } from '../../domain/personal_data/export_personal_data.ts'
import { createRateLimits } from '../../domain/security/rate_limit.ts'
import { accountUnlocked } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { createHasher, createPolicy } from '../passwords.ts'
import { createSignInLimits } from '../sign_in_limits.ts'
import { attribute, type GivenAttributes, readAttributes } from './attribute_option.ts'
import { claim } from './claim_option.ts'
import type { CliCommand } from './cli_command.ts'
import { BY, SILENT, type Workplace, withDatabase } from './command_database.ts'
import { confirm } from './confirm.ts'
import { endAccess } from './end_access.ts'
import { wholeNumber } from './option_values.ts'
import type { Answer } from './output.ts'
import {
  addPasswordOptions,
  type GivenPassword,
  type PasswordOptions,
  readPassword,
} from './password_source.ts'
import { userAnswer, userDetails, userListAnswer } from './present_user.ts'
import { defineImport } from './user_import.ts'
import { listStated, withStates } from './user_state.ts'
import { type UpdateOptions, updateUser } from './user_update.ts'

/** `authcore user`: the accounts of people. Each is named by its id, e-mail address, telephone number or username. */

const USER = '<user>'
const WHO = 'A user is named by id, e-mail address, telephone number or username.'
const ATTRIBUTE = 'an attribute of the schema of this deployment; may be repeated'
const LIMIT = 50
const LIMIT_MAX = 1_000

export function defineUserCommands(group: CliCommand): void {
  group.asGroup()
  defineCreate(group)
  defineImport(group)
  defineRead(group)
  defineUpdate(group)
  defineSetPassword(group)
  defineAccess(group)
}

function defineCreate(group: CliCommand): void {
  addPasswordOptions(
    group
      .command('create')
      .summary('create an account')
      .description(
        'Creates an account with an e-mail address, a telephone number or a username, or several of them. Without a password nobody can sign in with it yet.',
      )
      .option('--email <address>', 'its e-mail address')
      .option('--email-verified', 'the address is known to be theirs')
      .option('--phone <number>', 'its telephone number, with + and the code of the country')
      .option('--phone-verified', 'the number is known to be theirs')
      .option('--username <username>', 'another name to sign in with')
      .option('--name <name>', 'the full name: the claim name')
      .option('--claim <name=value>', 'a standard claim; may be repeated', claim)
      .option('--attribute <name=value>', ATTRIBUTE, attribute),
  )
    .examples(
      'authcore user create --email ada@example.com --email-verified --name "Ada Lovelace" --generate-password',
      'authcore user create --email ada@example.com --claim locale=en-GB --claim address.country=GB --password-file ./password',
    )
    .answers((_, options: CreateOptions) => create(options))
}

function defineRead(group: CliCommand): void {
  group
    .command('list')
    .summary('list accounts')
    .description(
      'Lists accounts in the order of their making. A state is, of what is true of an account, the first of: disabled; scheduled_for_deletion; locked (a hundred wrong tries at its password from unknown browsers, or at a second factor); unverified (has an address or a number and has proven none); active.',
    )
    .option('--limit <count>', 'how many at most', wholeNumber(1, LIMIT_MAX), LIMIT)
    .option('--after <id>', 'go on after this account')
    .addOption(
      new Option('--state <state>', 'those of one state; looks through all accounts').choices(
        ACCOUNT_STATES,
      ),
    )
    .examples('authcore user list --state locked')
    .answers((_, options: ListOptions) => list(options))
  group
    .command(`show ${USER}`)
    .summary('show one account')
    .description(
      `Shows one account, with its state (see user list), what of it is locked, its last sign-in and when it will be deleted. ${WHO}`,
    )
    .examples('authcore user show ada@example.com')
    .answers(([who]) =>
      onUser(who!, async (place, account) => {
        const [stated] = await withStates(place, [account])
        return userDetails(stated!, {
          password: await findPassword(place.db, account.id),
          lastSignedInAt: (await findLastSignIn(place.db, account.id)) ?? null,
        })
      }),
    )
  group
    .command(`export ${USER}`)
    .summary('print what is held about a person')
    .description(
      `Prints everything that is held about a person as JSON, to hand it over: the newest ten thousand events with it, and no password, key, code or token. That it was taken is an event, which the person sees. ${WHO}`,
    )
    .examples('authcore user export ada@example.com > account-data.json')
    .answers(([who]) =>
      onUser(who!, async (place, { id }) => {
        const data = await exportPersonalData(
          { ...place, keyring: place.keyring() },
          { accountId: id, by: BY },
        )
        return { data, text: JSON.stringify(data, null, 2) }
      }),
    )
}

function defineUpdate(group: CliCommand): void {
  group
    .command(`update ${USER}`)
    .summary('change what is known about a person')
    .description(
      `Changes standard claims and attributes and leaves the others as they are; nothing behind the = takes one away. ${WHO}`,
    )
    .option('--claim <name=value>', 'a standard claim; may be repeated', claim)
    .option('--attribute <name=value>', ATTRIBUTE, attribute)
    .examples(
      'authcore user update ada@example.com --claim nickname=Countess --claim address.country=GB',
      'authcore user update ada@example.com --claim website=',
    )
    .answers(([who], options: UpdateOptions) =>
      onUser(who!, (place, account) => updateUser(place, account, options)),
    )
}

function defineSetPassword(group: CliCommand): void {
  addPasswordOptions(
    group
      .command(`set-password ${USER}`)
      .summary('give an account a new password')
      .description(
        `Gives an account a new password and ends its sessions, grants and tokens. ${WHO}`,
      ),
  )
    .option('--keep-access', 'leave its sessions, grants and tokens as they are')
    .examples(
      'authcore user set-password ada@example.com --generate-password',
      'pass show ada | authcore user set-password ada@example.com --password-stdin',
    )
    .answers(([who], options: PasswordOptions & { keepAccess?: boolean }) =>
      changePassword(who!, options),
    )
}

function defineAccess(group: CliCommand): void {
  group
    .command(`factor-link ${USER}`)
    .summary('make a link for somebody who lost their second factor')
    .description(
      `Makes a link with which its owner takes away the authenticators, passkeys and recovery codes of the account. It works once, ends every session, and signs nobody in. Hand it to nobody whom you have not recognised. ${WHO}`,
    )
    .option('--hours <hours>', 'how long the link is good (default: 1)', wholeNumber(1, 72), 1)
    .examples('authcore user factor-link ada@example.com')
    .answers(([who], { hours }: { hours: number }) =>
      onUser(who!, async (place, { id: accountId }) => {
        const issued = await issueFactorReset(
          { ...place, keyring: place.keyring() },
          { accountId, ttlS: hours * 3600, by: BY },
        )
        const query = new URLSearchParams({ link: issued.link })
        const link = `${place.config.server.issuer}/reset_factors?${query}`
        const expiresAt = issued.expiresAt.toISOString()
        return {
          data: { id: accountId, link, expiresAt },
          text: `${link}\nGood until ${expiresAt}.`,
        }
      }),
    )
  group
    .command(`disable ${USER}`)
    .summary('take an account its access')
    .description(`Ends sessions, grants and tokens at once and lets nobody sign in. ${WHO}`)
    .answers(([who]) =>
      onUser(who!, async (place, { id }) =>
        userAnswer(await disableAccount(place, id, { by: BY, endAccess })),
      ),
    )
  group
    .command(`enable ${USER}`)
    .summary('let a disabled account sign in again')
    .description(`Lets a disabled account sign in again. ${WHO}`)
    .answers(([who]) =>
      onUser(who!, async (place, { id }) => userAnswer(await enableAccount(place, id, { by: BY }))),
    )
  group
    .command(`unlock ${USER}`)
    .summary('forget wrong passwords and codes of an account')
    .description(
      `Forgets the wrong passwords that were tried on an account from unknown browsers, a hundred of which in a row lock it for them, and the wrong codes of its second factors, a hundred of which lock that factor. A new password, or a new factor, does the same for itself. ${WHO}`,
    )
    .answers(([who]) =>
      onUser(who!, async (place, account) => {
        await forgetRefusals(place, account)
        await inTransaction(place.db, async (tx) => {
          await deleteFactorTries(tx, account.id)
          await appendEvent(tx, accountUnlocked({ accountId: account.id, by: BY }))
        })
        return userAnswer(account)
      }),
    )
  group
    .command(`delete ${USER}`)
    .summary('delete an account')
    .description(
      `Deletes an account with its credentials, consents, sessions, grants and tokens. ${WHO}`,
    )
    .option('--yes', 'do not ask')
    .examples('authcore user delete ada@example.com --yes')
    .answers(([who], { yes }: { yes?: boolean }) => remove(who!, yes))
}

type CreateOptions = PasswordOptions & {
  email?: string
  emailVerified?: boolean
  phone?: string
  phoneVerified?: boolean
  username?: string
  name?: string
  claim?: Record<string, unknown>
  attribute?: GivenAttributes
}

async function create(options: CreateOptions): Promise<Answer> {
  const { email, emailVerified, phone, phoneVerified, username, name } = options
  const claims = { ...options.claim, ...(name === undefined ? {} : { name }) }
  const password = await readPassword(options)
  return await withDatabase(async (place) => {
    const passwordHash = password && (await hash(place, password, { email, phone, username }))
    const names = { email, emailVerified, phone, phoneVerified, username }
    const attributes = readAttributes(await loadProfile(place.config), options.attribute)
    const input = { ...names, claims, attributes, passwordHash, by: BY }
    return answerWith(await createAccount(place, input), password)
  })
}

async function hash(
  place: Workplace,
  { text }: GivenPassword,
  { email = '', phone = '', username = '' }: Partial<Record<IdentifierKind, string | undefined>>,
): Promise<string> {
  const { config } = place
  await assertAcceptablePassword(text, [email, phone, username, config.brand.name], policyOf(place))
  return await createHasher(config).hash(text)
}

function policyOf({ config, outbound }: Workplace): PasswordPolicy {
  const log = { warn: (_: object, text: string) => process.stderr.write(`${text}\n`) }
  return createPolicy(config, { request: outbound.request, log })
}

function answerWith(account: Account, password: GivenPassword | undefined): Answer {
  return userAnswer(account, password?.generated ? password.text : undefined)
}

type ListOptions = { limit: number; after?: string; state?: AccountState }

async function list({ limit, after, state }: ListOptions): Promise<Answer> {
  if (after !== undefined && !isId(after)) {
    throw new DomainError('invalid_input', '--after is not the id of an account.', {
      hint: 'Use the last id of the list before.',
    })
  }
  return await withDatabase(async (place) => {
    const found = await listStated(place, { state, after, limit: limit + 1 })
    const page = found.slice(0, limit)
    return userListAnswer(page, found.length > limit ? page.at(-1)?.account.id : undefined)
  })
}

async function changePassword(
  who: string,
  options: PasswordOptions & { keepAccess?: boolean },
): Promise<Answer> {
  const password = await readPassword(options)
  if (!password) {
    throw new DomainError('invalid_input', 'The password is missing.', {
      hint: 'Give it with --password-file or --password-stdin, or say --generate-password.',
    })
  }
  return await onUser(who, async (place, account) => {
    const { db, clock, config } = place
    await setPassword(
      { db, clock, passwords: createHasher(config), policy: policyOf(place), endProofs },
      {
        accountId: account.id,
        password: password.text,
        context: [config.brand.name],
        by: BY,
        ...(options.keepAccess ? {} : { endAccess }),
      },
    )
    await forgetRefusals(place, account)
    return answerWith(account, password)
  })
}

async function remove(who: string, yes: boolean | undefined): Promise<Answer> {
  await confirm({ warning: `Deleting the user ${who} cannot be undone.`, word: who, yes })
  return await onUser(who, async ({ db }, { id }) => {
    await deleteAccount({ db }, id, { by: BY, endAccess })
    return { data: { id, deleted: true }, text: `The user ${who} (${id}) is deleted.` }
  })
}

async function forgetRefusals(
  { db, keyring }: Workplace,
  { id: accountId }: Account,
): Promise<void> {
  const limits = createRateLimits({ db, keyring: keyring(), log: SILENT })
  await createSignInLimits(limits).forget(accountId)
}

function onUser(
  who: string,
  work: (place: Workplace, account: Account) => Promise<Answer>,
): Promise<Answer> {
  return withDatabase(async (place) => await work(place, await getUser(place.db, who)))
}

/** A username may look like an id: the account that has the id comes first. */
async function getUser(db: Db, who: string): Promise<Account> {
  const identifier = classifyIdentifier(who)
  const account =
    (await findAccountById(db, who)) ??
    (identifier && (await findAccountByIdentifier(db, identifier)))
  if (account) return account
  throw new DomainError('not_found', `There is no user ${who}.`, { hint: WHO })
}
