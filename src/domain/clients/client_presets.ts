import { DomainError } from '../../core/errors.ts'
import {
  AUTH_METHODS,
  type ClientMetadata,
  type ClientMetadataInput,
  DEVICE_CODE_GRANT,
  JWT_BEARER_GRANT,
  TOKEN_EXCHANGE_GRANT,
} from './client_metadata.ts'
import type { MetadataFault } from './metadata_fault.ts'

/**
 * What kind of application a client is. A preset gives the defaults, and what it demands is checked
 * whenever the client is written: a client cannot be registered weaker than its preset, and the
 * protocol then holds each request to what was registered.
 */
export const CLIENT_PRESETS = [
  'web',
  'spa',
  'native',
  'service',
  'device',
  'fapi2',
  'mcp',
  'legacy',
] as const
export type ClientPreset = (typeof CLIENT_PRESETS)[number]

type Demands = {
  /** The values that a member, or each entry of it, may have. */
  only?: { readonly [Member in keyof ClientMetadata]?: readonly unknown[] }
  /** The value that a member must have. */
  exactly?: { readonly [Member in keyof ClientMetadata]?: unknown }
  /** One of these must be true. */
  either?: readonly (keyof ClientMetadata)[]
}
type Preset = { defaults: ClientMetadataInput; demands: Demands; lifetimes?: PresetLifetimes }

/** Upper bounds on what the configuration gives, in seconds. */
export type PresetLifetimes = { accessTokenS?: number; authorizationCodeS?: number }

const CODE = ['authorization_code', 'refresh_token'] as const
/** For people: whatever the server tells of them may be asked for. */
const USER_SCOPE = 'openid offline_access profile email address phone'
const CODE_FLOW = {
  grant_types: [...CODE],
  response_types: ['code'],
  scope: USER_SCOPE,
} satisfies ClientMetadataInput
const CONFIDENTIAL = AUTH_METHODS.filter((method) => method !== 'none')
/** FAPI 2.0 Security Profile §5.4.1 */
export const FAPI_ALGS: readonly string[] = ['PS256', 'ES256', 'EdDSA', 'Ed25519']
const FAPI_ALGS_OR_NONE = [...FAPI_ALGS, undefined]

const PRESETS: Readonly<Record<ClientPreset, Preset>> = {
  web: {
    defaults: {
      application_type: 'web',
      ...CODE_FLOW,
      token_endpoint_auth_method: 'client_secret_basic',
    },
    demands: {
      only: { token_endpoint_auth_method: CONFIDENTIAL, response_types: ['code'] },
      exactly: { application_type: 'web' },
    },
  },
  // Runs in a browser, which keeps no secret (OAuth 2.0 for Browser-Based Apps §6.3).
  spa: {
    defaults: {
      application_type: 'web',
      ...CODE_FLOW,
      token_endpoint_auth_method: 'none',
    },
    demands: {
      only: { grant_types: CODE, response_types: ['code'] },
      exactly: { application_type: 'web', token_endpoint_auth_method: 'none' },
    },
  },
  // RFC 8252 §8.5: a secret that is shipped to many people is none.
  native: {
    defaults: {
      application_type: 'native',
      ...CODE_FLOW,
      token_endpoint_auth_method: 'none',
    },
    demands: {
      only: {
        grant_types: [...CODE, DEVICE_CODE_GRANT],
        response_types: ['code'],
        token_endpoint_auth_method: ['none', 'private_key_jwt'],
      },
      exactly: { application_type: 'native' },
    },
  },
  // Acts for itself, or with the token of somebody else; nobody signs in at it.
  service: {
    defaults: {
      application_type: 'web',
      grant_types: ['client_credentials'],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    demands: {
      only: {
        grant_types: ['client_credentials', TOKEN_EXCHANGE_GRANT, JWT_BEARER_GRANT],
        response_types: [],
        token_endpoint_auth_method: CONFIDENTIAL,
      },
    },
  },
  device: {
    defaults: {
      application_type: 'native',
      grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
      response_types: [],
      token_endpoint_auth_method: 'none',
      scope: USER_SCOPE,
    },
    demands: {
      only: { grant_types: [DEVICE_CODE_GRANT, 'refresh_token'], response_types: [] },
    },
  },
  // FAPI 2.0 Security Profile Final §5.3.2, for Message Signing with `require_signed_request_object`
  // and `authorization_signed_response_alg` besides.
  fapi2: {
    defaults: {
      application_type: 'web',
      ...CODE_FLOW,
      token_endpoint_auth_method: 'private_key_jwt',
      id_token_signed_response_alg: 'ES256',
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
    },
    demands: {
      only: {
        response_types: ['code'],
        token_endpoint_auth_method: [
          'private_key_jwt',
          'tls_client_auth',
          'self_signed_tls_client_auth',
        ],
        token_endpoint_auth_signing_alg: FAPI_ALGS_OR_NONE,
        id_token_signed_response_alg: FAPI_ALGS_OR_NONE,
        userinfo_signed_response_alg: FAPI_ALGS_OR_NONE,
        introspection_signed_response_alg: FAPI_ALGS_OR_NONE,
        authorization_signed_response_alg: FAPI_ALGS_OR_NONE,
        request_object_signing_alg: FAPI_ALGS_OR_NONE,
      },
      exactly: { application_type: 'web', require_pushed_authorization_requests: true },
      either: ['dpop_bound_access_tokens', 'tls_client_certificate_bound_access_tokens'],
    },
    lifetimes: { authorizationCodeS: 30, accessTokenS: 300 },
  },
  // Model Context Protocol, Authorization: public clients that name the server they talk to.
  mcp: {
    defaults: {
      application_type: 'native',
      ...CODE_FLOW,
      token_endpoint_auth_method: 'none',
    },
    demands: {
      only: {
        grant_types: CODE,
        response_types: ['code'],
        token_endpoint_auth_method: ['none', 'private_key_jwt'],
      },
    },
    lifetimes: { accessTokenS: 3_600 },
  },
  // What RFC 9700 advises against and the deployment has to allow: implicit, hybrid, code without PKCE.
  legacy: {
    defaults: {
      application_type: 'web',
      ...CODE_FLOW,
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'RS256',
    },
    demands: {},
  },
}

/** The defaults for this kind of application; what whoever registers writes goes over them. */
export function presetDefaults(preset: ClientPreset): ClientMetadataInput {
  return structuredClone(PRESETS[preset].defaults)
}

/** What the preset bounds beyond the configuration; nothing for clients without one. */
export function presetLifetimes(preset: ClientPreset | null): PresetLifetimes {
  return (preset && PRESETS[preset].lifetimes) ?? {}
}

/** @throws DomainError `forbidden` where the deployment does not allow clients of this preset */
export function assertPresetAllowed(
  preset: ClientPreset,
  { legacyClients }: { legacyClients: boolean },
): void {
  if (preset !== 'legacy' || legacyClients) return
  throw new DomainError(
    'forbidden',
    'This deployment does not allow clients of the preset legacy.',
    {
      hint: 'Where an application cannot do better, set AUTHCORE_LEGACY_CLIENTS=true.',
    },
  )
}

/** What only the preset `legacy` may have, and only where the deployment allows it. */
function needsLegacyPreset({ grant_types, response_types }: ClientMetadata): boolean {
  return grant_types.includes('implicit') || response_types.some((type) => type !== 'code')
}

/** Where the metadata are weaker than, or other than, the preset demands. */
export function presetFaults(
  preset: ClientPreset | null,
  metadata: ClientMetadata,
): MetadataFault[] {
  if (preset !== 'legacy' && needsLegacyPreset(metadata)) {
    return [{ path: ['response_types'], message: 'other than code are for the preset legacy' }]
  }
  if (preset === null) return []
  const { only = {}, exactly = {}, either } = PRESETS[preset].demands
  return [
    ...membersOf(only).flatMap((member) => foreignEntry(preset, metadata, member, only[member]!)),
    ...membersOf(exactly).flatMap((member) =>
      metadata[member] === exactly[member]
        ? []
        : [{ path: [member], message: `must be ${exactly[member]} for the preset ${preset}` }],
    ),
    ...(either && !either.some((member) => metadata[member])
      ? [{ path: [either[0]!], message: `must be true, or ${either[1]}, for the preset ${preset}` }]
      : []),
  ]
}

function foreignEntry(
  preset: ClientPreset,
  metadata: ClientMetadata,
  member: keyof ClientMetadata,
  allowed: readonly unknown[],
): MetadataFault[] {
  const foreign = [metadata[member]].flat().find((entry) => !allowed.includes(entry))
  if (foreign === undefined) return []
  const choices = allowed.filter((entry) => entry !== undefined).join(', ')
  const message = `cannot be ${foreign} for the preset ${preset}, only ${choices || 'empty'}`
  return [{ path: [member], message }]
}

function membersOf(table: object): (keyof ClientMetadata)[] {
  return Object.keys(table) as (keyof ClientMetadata)[]
}
