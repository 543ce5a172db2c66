import type { Configuration } from 'oidc-provider'
import { createBackchannelAuthentication } from './ciba/backchannel_authentication.ts'
import type { ProviderDeps } from './create_provider.ts'
import { createDevicePages, createLogoutPages } from './engine_pages.ts'
import { createIntrospectionPolicy } from './introspection_policy.ts'
import { mutualTlsFeature } from './mutual_tls.ts'
import { fapiProfile } from './presets.ts'
import { createRequestObjectPolicy } from './request_objects.ts'
import { createResourceIndicators } from './resource_servers.ts'
import { createDetailsOwners, createRichAuthorization } from './rich_authorization.ts'

/**
 * What of the engine is switched on. A feature that is on is still narrowed by the metadata of each
 * client; one that is off is neither served nor advertised.
 */
export function engineFeatures(deps: ProviderDeps): NonNullable<Configuration['features']> {
  const { config, db, pages } = deps
  const { protocols } = config
  return {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    ciba: createBackchannelAuthentication(deps, protocols.ciba),
    claimsParameter: { enabled: true },
    clientCredentials: { enabled: true },
    deviceFlow: {
      enabled: protocols.deviceFlow,
      charset: 'base-20',
      mask: '****-****',
      ...(createDevicePages(deps) as object),
    },
    dPoP: {
      enabled: true,
      nonceSecret: deps.keyring.derive('dpop_nonce'),
      requireNonce: () => false,
    },
    encryption: { enabled: protocols.encryption },
    introspection: {
      enabled: true,
      allowedPolicy: createIntrospectionPolicy(db) as never,
    },
    fapi: { enabled: true, profile: (_ctx, client) => fapiProfile(client) },
    jwtIntrospection: { enabled: true },
    jwtResponseModes: { enabled: protocols.jwtResponses },
    jwtUserinfo: { enabled: true },
    mTLS: mutualTlsFeature(config, deps.clock),
    pushedAuthorizationRequests: {
      enabled: true,
      requirePushedAuthorizationRequests: protocols.requirePushedRequests,
    },
    requestObjects: {
      enabled: protocols.requestObjects,
      assertJwtClaimsAndHeader: createRequestObjectPolicy({
        ...deps,
        clockToleranceS: config.tokens.clockToleranceS,
      }),
    },
    resourceIndicators: createResourceIndicators(
      deps.resourceServers,
      config.tokens.accessTokenS,
      createDetailsOwners(deps.detailsTypes),
    ) as never,
    revocation: {
      enabled: true,
      // RFC 7009 §2.1: the token of another client is not touched, and the answer does not say so.
      allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId,
    },
    richAuthorizationRequests: createRichAuthorization(
      deps.detailsTypes,
      protocols.richAuthorization,
    ) as never,
    rpInitiatedLogout: { enabled: true, ...createLogoutPages(pages, db) },
    userinfo: { enabled: true },
  }
}
