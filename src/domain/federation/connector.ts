import type { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import type { Outbound } from '../../platform/outbound/outbound.ts'

/**
 * Federation: signing in with what somebody has elsewhere. A *connection* is a source of identities
 * that the deployment trusts for something, an *identity* is one subject of it linked to an account.
 * This folder owns both, and how each kind of source is spoken to; what a sign-in by one is worth, and
 * what else is asked for, is decided in `authentication`.
 *
 * Three small interfaces carry every kind of source. A connector proves what its source said and
 * nothing more: it links nobody, creates nobody and keeps nothing but connections to its source.
 */

/** A person as a source tells of them, mapped to our words and believed as far as the connector could check. */
export type UpstreamPerson = {
  /** What the source never gives to anybody else: entryUUID, objectGUID, `sub`, a persistent NameID. */
  subject: string
  /** The name that they sign in with there. */
  username?: string | undefined
  email?: string | undefined
  /** The source says so, and of this very address; one that says nothing has not. */
  emailVerified: boolean
  /** E.164. */
  phone?: string | undefined
  /** OpenID Connect standard claims (Core §5.1) other than those above. */
  claims: Readonly<Record<string, unknown>>
  /** Names of the groups that they are in, nested ones too where the connection asks for them. */
  groups: readonly string[]
  /** As the source names and tells it, for the rules of the connection; bounded, without secrets. */
  raw: Readonly<Record<string, unknown>>
}

/** Why somebody is kept out by their source although they proved to be themselves. */
export type AccountFault =
  | 'disabled'
  | 'expired'
  | 'locked'
  /** The password is right, and has to be changed first. */
  | 'must_change_password'
  | 'password_expired'
  /** Not now, not from here, or not in the group that the connection wants. */
  | 'not_permitted'

/** The source could not be asked; `reason` is for the trail and the log, without secrets. */
export type Unavailable = { kind: 'unavailable'; reason: string }

export type PasswordCheck =
  | { kind: 'right'; person: UpstreamPerson }
  /** Nobody, more than one, or a wrong password: the same to whoever asks. `reason` is for the trail. */
  | { kind: 'wrong'; reason: 'unknown' | 'ambiguous' | 'wrong_password' }
  /** `person` where the source let us read who it is. */
  | { kind: 'barred'; fault: AccountFault; person?: UpstreamPerson | undefined }
  | Unavailable

export type PasswordChange =
  | { kind: 'changed' }
  | { kind: 'refused'; reason: 'wrong_password' | 'policy' | 'not_allowed' }
  | Unavailable

/** A source that takes a name and a password from us: a directory. */
export type PasswordConnector = {
  /** @param input a password of at least one character, and neither holds NUL */
  check(input: { login: string; password: string }): Promise<PasswordCheck>
  /** Where the source lets people change it; absent where it does not. */
  change?(input: { login: string; current: string; next: string }): Promise<PasswordChange>
}

/** What a request of ours wants of the sign-in there. */
export type RedirectStart = {
  /** Where the answer comes back to, on our issuer: one for each connection. */
  callbackUri: string
  /** 256 bits that bind the answer to this request: `state` (RFC 6749 §10.12), RelayState. */
  state: string
  loginHint?: string | undefined
  /** An older session there will not do. */
  forceAuthn: boolean
  maxAgeS?: number | undefined
  acrValues: readonly string[]
  uiLocales?: string | undefined
}

/** Where the browser goes next: a redirect, or a form that it posts. */
export type Departure =
  | { method: 'GET'; uri: string }
  | { method: 'POST'; uri: string; fields: Readonly<Record<string, string>> }

export type RedirectResult =
  | { kind: 'proven'; person: UpstreamPerson; authentication: UpstreamAuthentication }
  /**
   * `denied`: the person, or the source, said no. `invalid`: what came is not what we asked for, or not
   * from the source. `too_weak`: less than was asked for. `detail` is for the trail, never for the page.
   */
  | { kind: 'refused'; reason: 'denied' | 'invalid' | 'too_weak'; detail: string }
  | Unavailable

/** How somebody signed in there. */
export type UpstreamAuthentication = {
  at?: Date | undefined
  acr?: string | undefined
  amr: readonly string[]
  /** Names the session there, for its end: `sid`, SessionIndex. */
  sessionId?: string | undefined
  /** What ending that session takes besides (NameID and its format, an ID token); kept sealed. */
  logoutHint?: string | undefined
  /** For the vault, where the connection keeps them; sealed. */
  tokens?: UpstreamTokens | undefined
}

export type UpstreamTokens = {
  accessToken: string
  refreshToken?: string | undefined
  expiresAt?: Date | undefined
  scope?: string | undefined
}

export type Refreshed =
  | { kind: 'refreshed'; tokens: UpstreamTokens }
  /** The source has ended what the token stood for; it is of no use any more. */
  | { kind: 'refused'; detail: string }
  | Unavailable

/** An answer that nobody asked for, checked as far as one that was. */
export type Unsolicited =
  | {
      kind: 'proven'
      person: UpstreamPerson
      /** To be remembered by whoever takes it; a second time it is refused. */
      message: { id: string; expiresAt: Date }
    }
  | Exclude<RedirectResult, { kind: 'proven' }>

/** A source that people sign in at themselves, and that sends them back. */
export type RedirectConnector = {
  /**
   * @returns `keep`: what `finish` needs to know again (nonce, code_verifier, request id), as JSON; the
   *   caller keeps it sealed, for this browser and once
   */
  begin(
    input: RedirectStart,
  ): Promise<{ kind: 'departs'; departure: Departure; keep: unknown } | Unavailable>
  /** @param params of the answer: each name once, the caller refuses others */
  finish(input: {
    start: RedirectStart
    params: Readonly<Record<string, string>>
    keep: unknown
  }): Promise<RedirectResult>
  /**
   * Where the connection takes answers that nobody asked for. They prove nothing of the browser that
   * brings them, and lead to an application that asks.
   */
  unsolicited?: {
    clientId: string
    read(params: Readonly<Record<string, string>>): Promise<Unsolicited>
  }
}

export type DirectoryEntry = { person: UpstreamPerson; fault?: AccountFault | undefined }

/** A source that tells who there is. */
export type DirectoryConnector = {
  /** Everybody whom the connection lets in, a page at a time. @throws where it breaks off */
  list(input: { pageSize: number; signal: AbortSignal }): AsyncIterable<readonly DirectoryEntry[]>
  /** Undefined where there is nobody (any more). @throws where the source cannot be asked */
  find(subject: string): Promise<DirectoryEntry | undefined>
  /** Whom this name means at a sign-in, without a password: for an operator who wants to know what would happen. */
  lookUp(login: string): Promise<DirectoryEntry | undefined>
}

/** Whose session has ended at the source. */
export type EndedThere = {
  subject?: string | undefined
  /** As `UpstreamAuthentication` named them; none: every session of the person. */
  sessionIds: readonly string[]
  /** Where the source names people by more than that: whether a session with this hint is meant. */
  isMeant?(logoutHint: string | undefined): boolean
}

/** Brought by a browser, as it stood in the address or the form; or sent by the source's own server. */
export type LogoutMessage = {
  channel: 'browser' | 'server'
  /** Of the address, without the question mark; signatures of SAML are over it as it was written. */
  query: string
  params: Readonly<Record<string, string>>
}

export type LogoutReceived =
  /** The source says so; `answer` is what the browser takes back to it, where it waits for that. */
  | {
      kind: 'ended'
      whose: EndedThere
      /** To be remembered by whoever takes it; a second time it is refused. */
      message: { id: string; expiresAt: Date }
      answer?: ((outcome: 'ended' | 'failed') => Promise<Departure | undefined>) | undefined
    }
  /** Our own request is done; `state` finds what it was begun for. */
  | { kind: 'answered'; state: string; read(keep: unknown): Promise<boolean> }
  | { kind: 'refused'; detail: string }
  | Unavailable

/** Sessions end on both sides: here because they did there, and there because they do here. */
export type LogoutConnector = {
  receive(message: LogoutMessage): Promise<LogoutReceived>
  /**
   * @param input `returnUri`: where the source sends the browser back to, with `state`
   * @returns `unsupported` where the source has no address for it
   */
  begin(input: {
    sessionId?: string | undefined
    logoutHint?: string | undefined
    returnUri: string
    state: string
  }): Promise<
    | { kind: 'departs'; departure: Departure; keep: unknown }
    | { kind: 'unsupported' }
    | { kind: 'refused'; detail: string }
    | Unavailable
  >
}

/** One open connection; made anew when its settings change. */
export type Connector = {
  password?: PasswordConnector
  redirect?: RedirectConnector
  directory?: DirectoryConnector
  logout?: LogoutConnector
  /** Other tokens for those that end. @param input `subject` of the identity that they are kept for */
  refreshTokens?(input: { refreshToken: string; subject: string }): Promise<Refreshed>
  /** What the other side gets to know of us, where that is a document. */
  metadata?(): { type: string; body: string }
  /** Whether the source answers and takes our credentials, with what a person can do where not. */
  probe(): Promise<{ ok: true; detail: string } | { ok: false; reason: string }>
  /** When what is known of the source ends, if nobody renews it; undefined where nothing does. */
  endsAt?(): Date | undefined
  close(): Promise<void>
}

export type ConnectorLog = {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export type ConnectorDeps = {
  clock: Clock
  log: ConnectorLog
  /** The one HTTP client; a source that speaks another protocol has limits of its own. */
  outbound: Pick<Outbound, 'request' | 'fetch'>
  issuer: string
}

/** A kind of source: adding one is one file and its line in `kinds.ts`. */
export type ConnectorKind<Settings = unknown> = {
  /** Of a button, before the connection says otherwise. */
  title: string
  /** Whether people sign in there and are sent back, or give us their password for it. */
  signsInBy: 'redirect' | 'password'
  /** Its part of a connection's file, by the names of the file; unknown names are faults. */
  settings: z.ZodType<Settings>
  /** Those that are given by reference and stored sealed, and whether there must be one. */
  secrets: Readonly<Record<string, 'required' | 'optional'>>
  /** Whether an address that the source calls verified is, unless the connection says otherwise. */
  trustsEmail: boolean
  /**
   * Whether it tells who there is, with these settings; a kind without it never does.
   *
   * @returns what is missing for it; undefined where nothing is
   */
  listingLacks?(settings: Settings): string | undefined
  /** What does not go together of settings and secrets that are each fine: `settings.name: what`. */
  contradictions?(input: {
    settings: Settings
    secrets: Readonly<Record<string, string>>
  }): readonly string[]
  open(
    input: {
      name: string
      settings: Settings
      secrets: Readonly<Record<string, string>>
    },
    deps: ConnectorDeps,
  ): Connector
}
