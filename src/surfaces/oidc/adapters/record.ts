import type { ModelName } from './models.ts'

/** A stored model: its payload without secrets, and beside it what is looked up by. */
export type OidcRecord = {
  model: ModelName
  idHash: Buffer
  grantHash?: Buffer | undefined
  uidHash?: Buffer | undefined
  userCodeHash?: Buffer | undefined
  accountId?: string | undefined
  clientId?: string | undefined
  payload: Record<string, unknown>
  sealed?: Buffer | undefined
  /** The refresh token that took this one's place, sealed under this one's own value. */
  successor?: Buffer | undefined
  consumedAt?: Date | undefined
  /** Undefined: does not expire by itself. */
  expiresAt?: Date | undefined
}

/** The account beside a record, as far as the engine needs it. */
export type AccountBesideRecord = {
  id: string
  status: 'active' | 'disabled'
  username: string | null
  email: string | null
  emailVerified: boolean
  phone: string | null
  phoneVerified: boolean
  claims: Record<string, unknown>
  attributes: Record<string, unknown>
  profilePostponedAt: string | null
  createdAt: string
  updatedAt: string
}

/** What one lookup brings along, so that the lookups the engine does next cost nothing. */
export type FoundRecord = {
  record: OidcRecord
  grant?: OidcRecord | undefined
  sessions?: OidcRecord[] | undefined
  account?: AccountBesideRecord | undefined
}

export type RecordKey = { model: ModelName; idHash: Buffer }

export function keyOf({ model, idHash }: RecordKey): string {
  return `${model}:${idHash.toString('base64url')}`
}
