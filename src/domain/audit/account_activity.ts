import { isId } from '../../core/ids.ts'
import { textOf } from '../../core/unknown.ts'
import {
  accountAccessEnded,
  accountExported,
  consentGranted,
  consentRevoked,
  deviceDistrusted,
  deviceTrusted,
  emailChanged,
  emailChangeRequested,
  factorAdded,
  factorRemoved,
  identityLinked,
  identityUnlinked,
  type Origin,
  passwordChanged,
  phoneChanged,
  phoneChangeRequested,
  profileChanged,
  pushSubscribed,
  pushUnsubscribed,
  recoveryCodeUsed,
  sessionEnded,
  signInFailed,
  signInRiskDetected,
  signInSucceeded,
  usernameChanged,
} from '../../platform/events/catalogue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { type EntryOfSubject, listEntriesOfSubject } from './audit_entry_store.ts'

/**
 * What happened with an account, in the words of its owner. The trail knows more than means anything
 * to people; what is not in the table below is left out.
 */
export type Activity = {
  /** Of the event. */
  id: string
  kind: ActivityKind
  at: Date
  /** The application that had part in it. */
  clientId: string | undefined
  /** The connection that it is about, by its name. */
  connection: string | undefined
} & Pick<Origin, 'ip' | 'userAgent'>

export const ACTIVITY_KINDS = [
  'signed_in',
  'unusual_sign_in',
  'sign_in_failed',
  'wrong_second_factor',
  'password_changed',
  'password_recovered',
  'username_changed',
  'email_requested',
  'email_changed',
  'email_reverted',
  'phone_requested',
  'phone_changed',
  'sms_added',
  'sms_removed',
  'totp_added',
  'totp_removed',
  'passkey_added',
  'passkey_removed',
  'identity_linked',
  'identity_unlinked',
  'recovery_codes_made',
  'recovery_code_used',
  'signed_out',
  'session_ended',
  'access_ended',
  'device_trusted',
  'device_distrusted',
  'consent_granted',
  'consent_revoked',
  'push_on',
  'push_off',
  'profile_changed',
  'data_exported',
] as const

export type ActivityKind = (typeof ACTIVITY_KINDS)[number]

type Data = EntryOfSubject['data']

/** By event type; undefined where the words for it are not there yet. */
const KIND_OF: Record<string, (data: Data) => ActivityKind | undefined> = {
  [signInSucceeded.type]: () => 'signed_in',
  [signInRiskDetected.type]: () => 'unusual_sign_in',
  // Whoever fails there knows the password: that is for the owner to see.
  [signInFailed.type]: ({ proven }) =>
    Array.isArray(proven) && proven.includes('password') ? 'wrong_second_factor' : 'sign_in_failed',
  [passwordChanged.type]: ({ by }) =>
    by === 'recovery' ? 'password_recovered' : 'password_changed',
  [usernameChanged.type]: () => 'username_changed',
  [emailChangeRequested.type]: () => 'email_requested',
  [emailChanged.type]: ({ by }) => (by === 'revert' ? 'email_reverted' : 'email_changed'),
  [phoneChangeRequested.type]: () => 'phone_requested',
  [phoneChanged.type]: () => 'phone_changed',
  [factorAdded.type]: ({ factor }) => ADDED.get(factor),
  [factorRemoved.type]: ({ factor }) => REMOVED.get(factor),
  [identityLinked.type]: () => 'identity_linked',
  [identityUnlinked.type]: () => 'identity_unlinked',
  [recoveryCodeUsed.type]: () => 'recovery_code_used',
  [sessionEnded.type]: ({ by }) => (by === undefined ? 'signed_out' : 'session_ended'),
  [accountAccessEnded.type]: () => 'access_ended',
  [deviceTrusted.type]: () => 'device_trusted',
  [deviceDistrusted.type]: () => 'device_distrusted',
  [consentGranted.type]: () => 'consent_granted',
  [consentRevoked.type]: () => 'consent_revoked',
  [pushSubscribed.type]: () => 'push_on',
  [pushUnsubscribed.type]: () => 'push_off',
  [profileChanged.type]: () => 'profile_changed',
  [accountExported.type]: () => 'data_exported',
}

const ADDED = new Map<unknown, ActivityKind>([
  ['totp', 'totp_added'],
  ['passkey', 'passkey_added'],
  ['recovery_code', 'recovery_codes_made'],
  ['sms', 'sms_added'],
])
const REMOVED = new Map<unknown, ActivityKind>([
  ['totp', 'totp_removed'],
  ['passkey', 'passkey_removed'],
  ['sms', 'sms_removed'],
])

const PAGE = 50

/**
 * The newest first, fifty at most.
 *
 * @param before the id to go on after, as the page before gave it; of another account it counts as absent
 * @returns `older` where there is more
 */
export async function listActivity(
  deps: { db: Db; keyring: Keyring },
  { accountId, before }: { accountId: string; before?: string | undefined },
): Promise<{ activities: Activity[]; older: string | undefined }> {
  const found = await listEntriesOfSubject(deps, {
    subject: accountId,
    types: Object.keys(KIND_OF),
    before: before !== undefined && isId(before) ? before : undefined,
    limit: PAGE + 1,
  })
  const entries = found.slice(0, PAGE)
  return {
    activities: entries.flatMap(activityOf),
    older: found.length > PAGE ? entries.at(-1)?.eventId : undefined,
  }
}

function activityOf({ eventId, type, occurredAt, data }: EntryOfSubject): Activity[] {
  const kind = KIND_OF[type]?.(data)
  if (!kind) return []
  const { clientId, connection, ip, userAgent } = data
  return [
    {
      id: eventId,
      kind,
      at: occurredAt,
      clientId: textOf(clientId),
      connection: textOf(connection),
      ip: textOf(ip),
      userAgent: textOf(userAgent),
    },
  ]
}
