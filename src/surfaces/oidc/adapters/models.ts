/**
 * The models that the protocol engine stores, as data: where each lives, what of it is sealed, and
 * what a second use of a single-use one is called on the wire. The reasons are in
 * docs/decisions/0003-where-state-lives.md.
 */

export type ModelRow = {
  /** `durable` is always PostgreSQL; `ephemeral` is Redis where there is one, else PostgreSQL. */
  home: 'durable' | 'ephemeral'
  /**
   * Payload keys that are stored sealed: ids that must be recoverable, and what a request may carry
   * that a reader of the database should not see (`rar`: its authorization details).
   */
  sealed: readonly string[]
  /** How the engine answers when a single-use record is used a second time. */
  secondUse?: 'invalid_grant' | 'invalid_request_uri'
}

export const MODELS = {
  Session: { home: 'durable', sealed: ['jti', 'state'] },
  Interaction: {
    home: 'ephemeral',
    sealed: ['params', 'result', 'lastSubmission', 'returnTo', 'deviceCode', 'parJti'],
  },
  Grant: { home: 'durable', sealed: [] },
  AuthorizationCode: { home: 'durable', sealed: ['nonce', 'rar'], secondUse: 'invalid_grant' },
  AccessToken: { home: 'ephemeral', sealed: ['rar'] },
  RefreshToken: { home: 'durable', sealed: ['nonce', 'rar'], secondUse: 'invalid_grant' },
  ClientCredentials: { home: 'ephemeral', sealed: ['rar'] },
  DeviceCode: {
    home: 'durable',
    sealed: ['jti', 'userCode', 'params', 'rar'],
    secondUse: 'invalid_grant',
  },
  BackchannelAuthenticationRequest: {
    home: 'durable',
    sealed: ['jti', 'params', 'nonce', 'rar'],
    secondUse: 'invalid_grant',
  },
  PushedAuthorizationRequest: {
    home: 'durable',
    sealed: ['request'],
    secondUse: 'invalid_request_uri',
  },
} as const satisfies Record<string, ModelRow>

export type ModelName = keyof typeof MODELS

const PARTITIONS = new Map(
  (Object.keys(MODELS) as ModelName[]).map((model) => [
    model,
    `oidc_record_${model.replace(/(?!^)[A-Z]/g, '_$&').toLowerCase()}`,
  ]),
)

/** Where the records of a model lie: each has a partition of its own. */
export function partitionOf(model: ModelName): string {
  return PARTITIONS.get(model)!
}

export function isModelName(name: string): name is ModelName {
  return Object.hasOwn(MODELS, name)
}

/** The models whose tokens the introspection and revocation endpoints look for. */
export const TOKEN_MODELS = [
  'AccessToken',
  'ClientCredentials',
  'RefreshToken',
] as const satisfies ModelName[]

/** The models that carry a grant id and fall with it. */
const GRANT_BOUND_MODELS = [
  'AuthorizationCode',
  'AccessToken',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
] as const satisfies ModelName[]

export function isGrantBound(model: ModelName): boolean {
  return (GRANT_BOUND_MODELS as readonly ModelName[]).includes(model)
}

/** Whoever looks one of these up needs its grant and account next. */
export function bringsGrant(model: ModelName): boolean {
  return model === 'Interaction' || isGrantBound(model)
}
