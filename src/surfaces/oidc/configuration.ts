import type { Configuration } from 'oidc-provider'
import { termsOf } from '../../domain/authentication/terms.ts'
import {
  CONTENT_ENCRYPTION_ALGS,
  KEY_ENCRYPTION_ALGS,
  RESPONSE_TYPES,
} from '../../domain/clients/client_metadata.ts'
import { claimsByScope } from './claims.ts'
import { createAssertionPolicy } from './client_authentication.ts'
import { EXTRA_CLIENT_METADATA } from './client_metadata.ts'
import type { ProviderDeps } from './create_provider.ts'
import { isOriginOfClient } from './cross_origin.ts'
import { createRenderError } from './engine_pages.ts'
import { createExtraTokenClaims } from './extra_claims.ts'
import { engineFeatures } from './features.ts'
import { createFindAccount } from './find_account.ts'
import { isRepeatedRefresh } from './grants/token_requests.ts'
import { createInteractionPolicy } from './interaction_policy.ts'
import { createLoadExistingGrant } from './load_grant.ts'
import { certificateMethods } from './mutual_tls.ts'
import { ownClients } from './own_client.ts'
import { createPairwiseIdentifier } from './pairwise.ts'
import { INTERACTION_PATH, PATHS } from './paths.ts'
import { requiresPkce, rotatesRefreshTokens } from './presets.ts'
import { onlyKnownTypes } from './rich_authorization.ts'
import { reachableAcrValues } from './step_up.ts'
import { lifetimes } from './ttl.ts'

/**
 * The engine's configuration: OAuth 2.1 and RFC 9700 by default. Code flow only, PKCE for every
 * client, exact redirect URIs, refresh tokens that rotate, no secret that could be read back. What a
 * deployment switches on or off is in `features.ts`, what a preset of clients changes in `presets.ts`.
 * `security_stance.ts` checks at start that what is in force is what is written here.
 */

const ASYMMETRIC = ['ES256', 'PS256', 'EdDSA', 'Ed25519', 'RS256'] as const
const ASSERTION = [...ASYMMETRIC, 'ES384', 'ES512', 'PS384', 'PS512', 'RS384', 'RS512'] as const

/** For what we issue; nothing that is encrypted comes in. */
function encryptionOf(...uses: string[]): NonNullable<Configuration['enabledJWA']> {
  return Object.fromEntries(
    uses.flatMap((use) => [
      [`${use}EncryptionAlgValues`, [...KEY_ENCRYPTION_ALGS]],
      [`${use}EncryptionEncValues`, [...CONTENT_ENCRYPTION_ALGS]],
    ]),
  )
}

export function engineConfiguration(deps: ProviderDeps): Configuration {
  const { config, db, codec, clock } = deps
  const secure = config.server.issuer.startsWith('https:')
  return {
    acrValues: reachableAcrValues(config),
    adapter: onlyKnownTypes(deps.adapterFactory, deps.detailsTypes),
    allowOmittingSingleRegisteredRedirectUri: false,
    acceptQueryParamAccessTokens: false,
    assertJwtClientAuthClaimsAndHeader: createAssertionPolicy(clock),
    // Which source to sign in at; see surfaces/interactions/connection_ways.ts.
    extraParams: ['connection', 'idp_hint'],
    claims: claimsByScope(deps.profile) as NonNullable<Configuration['claims']>,
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      ...certificateMethods(config),
      'none',
    ],
    clientBasedCORS: isOriginOfClient,
    clientDefaults: {
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
      authorization_signed_response_alg: 'ES256',
      token_endpoint_auth_method: 'client_secret_basic',
    },
    clients: ownClients(config),
    clockTolerance: config.tokens.clockToleranceS,
    conformIdTokenClaims: true,
    cookies: {
      names: {
        // __Host-: only this origin, over TLS, for the whole site can have set it (RFC 6265bis §4.1.3).
        session: secure ? '__Host-authcore_session' : 'authcore_session',
        interaction: secure ? '__Secure-authcore_interaction' : 'authcore_interaction',
        resume: secure ? '__Secure-authcore_resume' : 'authcore_resume',
      },
      long: { httpOnly: true, sameSite: 'lax', path: '/', signed: true, overwrite: true },
      short: { httpOnly: true, sameSite: 'lax', signed: true, overwrite: true },
      keys: deps.cookieKeys as never,
    },
    discovery: {
      claim_types_supported: ['normal'],
      ui_locales_supported: deps.locales,
      service_documentation: undefined,
      ...(config.protocols.frontchannelLogout
        ? { frontchannel_logout_supported: true, frontchannel_logout_session_supported: true }
        : {}),
      registration_endpoint: deps.registrationEndpoint,
      client_id_metadata_document_supported:
        config.protocols.clientIdMetadataDocuments || undefined,
    } as never,
    // `post_as_get.ts` takes them.
    enableHttpPostMethods: false,
    enabledJWA: {
      clientAuthSigningAlgValues: [...ASSERTION],
      dPoPSigningAlgValues: [...ASYMMETRIC],
      requestObjectSigningAlgValues: [...ASSERTION],
      // Requests come signed, and encrypted by TLS alone: we publish no key to encrypt to.
      requestObjectEncryptionAlgValues: [],
      requestObjectEncryptionEncValues: [],
      ...encryptionOf('idToken', 'userinfo', 'introspection', 'authorization'),
      idTokenSigningAlgValues: ['ES256', 'EdDSA', 'RS256'],
      userinfoSigningAlgValues: ['ES256', 'EdDSA', 'RS256'],
      authorizationSigningAlgValues: ['ES256', 'EdDSA', 'RS256'],
      introspectionSigningAlgValues: ['ES256', 'EdDSA', 'RS256'],
    },
    extraClientMetadata: { properties: [...EXTRA_CLIENT_METADATA] },
    extraTokenClaims: createExtraTokenClaims(codec) as never,
    features: engineFeatures(deps),
    fetch: deps.fetch as never,
    fetchResponseBodyLimits: { jwks_uri: 65_536, sector_identifier_uri: 65_536 },
    findAccount: createFindAccount(deps),
    interactions: {
      policy: createInteractionPolicy({ db, terms: termsOf(config) }),
      url: (_ctx, interaction) => `${INTERACTION_PATH}/${interaction.uid}`,
    },
    issueRefreshToken: async (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') && source.scopes.has('offline_access'),
    jwks: deps.jwks as never,
    loadExistingGrant: createLoadExistingGrant(db),
    pairwiseIdentifier: createPairwiseIdentifier(deps.keyring),
    pkce: { required: (_ctx, client) => requiresPkce(client, config.protocols) },
    renderError: createRenderError(deps) as never,
    responseTypes: config.protocols.legacyClients ? [...RESPONSE_TYPES] : ['code'],
    rotateRefreshToken: (ctx) => !isRepeatedRefresh(ctx) && rotatesRefreshTokens(ctx.oidc.client!),
    routes: PATHS,
    scopes: ['openid', 'offline_access'],
    sectorIdentifierUriValidate: () => false,
    subjectTypes: ['public', 'pairwise'],
    ttl: lifetimes(config.tokens, clock) as never,
  }
}
