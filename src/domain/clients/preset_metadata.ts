import { type ClientMetadataInput, DEVICE_CODE_GRANT } from './client_metadata.ts'

/** What kind of application this is; it decides the defaults and nothing later. */
export type ClientKind = 'web' | 'spa' | 'native' | 'service' | 'device'

const USER_SCOPE = 'openid offline_access profile email address phone'

const PRESETS: Readonly<Record<ClientKind, ClientMetadataInput>> = {
  web: {
    application_type: 'web',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    scope: USER_SCOPE,
  },
  spa: {
    application_type: 'web',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    scope: USER_SCOPE,
  },
  native: {
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    scope: USER_SCOPE,
  },
  service: {
    application_type: 'web',
    grant_types: ['client_credentials'],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_basic',
  },
  device: {
    application_type: 'native',
    grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
    response_types: [],
    token_endpoint_auth_method: 'none',
    scope: USER_SCOPE,
  },
}

/** The defaults for this kind of application; what whoever registers writes goes over them. */
export function presetMetadata(kind: ClientKind): ClientMetadataInput {
  return structuredClone(PRESETS[kind])
}
