import { z } from 'zod'
import { durationS, flag, list, setting } from '../setting.ts'

/**
 * Which protocols the deployment offers. What is on is still narrowed by each client's metadata; what
 * is off is neither served nor advertised.
 */
export const protocolsSection = z.strictObject({
  legacyClients: setting(flag.default(false), {
    env: 'AUTHCORE_LEGACY_CLIENTS',
    doc: 'Allows clients of the preset `legacy`: implicit and hybrid response types, and for those that authenticate, the code flow without PKCE. RFC 9700 advises against it.',
  }),
  authorizationPost: setting(flag.default(true), {
    env: 'AUTHCORE_AUTHORIZATION_POST',
    doc: 'Takes authorization and logout requests as forms too (OpenID Connect Core §3.1.2.1): each is sent on as the GET that it stands for.',
  }),
  requestObjects: setting(flag.default(true), {
    env: 'AUTHCORE_REQUEST_OBJECTS',
    doc: 'Takes authorization requests as signed objects, by value (RFC 9101). Where this is off, a client that is registered with `require_signed_request_object` cannot be used.',
  }),
  requestUri: setting(flag.default(false), {
    env: 'AUTHCORE_REQUEST_URI',
    doc: 'Takes authorization requests by reference from the `request_uris` that a client registered. Each request makes this server fetch one.',
  }),
  requirePushedRequests: setting(flag.default(false), {
    env: 'AUTHCORE_REQUIRE_PUSHED_REQUESTS',
    doc: 'Requires pushed authorization requests (RFC 9126) of every client, and not only of those registered so.',
  }),
  jwtResponses: setting(flag.default(true), {
    env: 'AUTHCORE_JWT_RESPONSES',
    doc: 'Answers authorization requests with a signed JWT where the client asks for it (JARM).',
  }),
  encryption: setting(flag.default(true), {
    env: 'AUTHCORE_ENCRYPTED_TOKENS',
    doc: 'Encrypts ID tokens, UserInfo, introspection and authorization responses for clients that registered a key and an algorithm for it (RFC 7516). Where this is off, such a client cannot be used.',
  }),
  tokenExchange: setting(flag.default(true), {
    env: 'AUTHCORE_TOKEN_EXCHANGE',
    doc: 'Lets clients that are registered for it exchange tokens (RFC 8693).',
  }),
  jwtBearer: setting(flag.default(true), {
    env: 'AUTHCORE_JWT_BEARER',
    doc: 'Lets clients that are registered for it get tokens for assertions of issuers that they trust (RFC 7523).',
  }),
  richAuthorization: setting(flag.default(true), {
    env: 'AUTHCORE_RICH_AUTHORIZATION',
    doc: 'Takes `authorization_details` of the types that were registered with a resource server (RFC 9396).',
  }),
  ciba: setting(flag.default(true), {
    env: 'AUTHCORE_CIBA',
    doc: 'Lets clients that are registered for it ask a person for approval on another device (OpenID Connect CIBA, poll and ping). People answer at `/ciba`.',
  }),
  deviceFlow: setting(flag.default(true), {
    env: 'AUTHCORE_DEVICE_FLOW',
    doc: 'Lets clients that are registered for it connect devices with a code (RFC 8628).',
  }),
  frontchannelLogout: setting(flag.default(false), {
    env: 'AUTHCORE_FRONTCHANNEL_LOGOUT',
    doc: 'Loads the `frontchannel_logout_uri` of clients on the logout page. Browsers that block third-party cookies make it unreliable: prefer back-channel logout.',
  }),
  mutualTls: setting(z.enum(['off', 'listener', 'proxy']).default('off'), {
    env: 'AUTHCORE_MTLS',
    doc: 'Client certificates (RFC 8705): `listener` terminates TLS at a port of its own, `proxy` reads them from a header of a trusted proxy. While it is `off`, clients that need it are refused.',
  }),
  dynamicRegistration: setting(z.enum(['off', 'protected', 'open']).default('off'), {
    env: 'AUTHCORE_DYNAMIC_REGISTRATION',
    doc: 'Dynamic client registration (RFC 7591): `protected` wants an initial access token (`authcore registration-token create`), `open` takes anybody.',
  }),
  registrationPresets: setting(
    list(z.enum(['web', 'spa', 'native', 'service', 'device', 'fapi2', 'mcp', 'legacy'])).default([
      'web',
      'spa',
      'native',
    ]),
    {
      env: 'AUTHCORE_REGISTRATION_PRESETS',
      doc: 'The presets that dynamically registered clients may have; an initial access token may name others. A client that names none gets the first one that its metadata fit. `legacy` needs AUTHCORE_LEGACY_CLIENTS too.',
    },
  ),
  registrationUnusedS: setting(durationS(3_600, 3_650 * 86_400).default(30 * 86_400), {
    env: 'AUTHCORE_REGISTRATION_UNUSED_TTL',
    doc: 'A dynamically registered client that has obtained no token for this long after its registration is removed.',
  }),
  clientIdMetadataDocuments: setting(flag.default(false), {
    env: 'AUTHCORE_CLIENT_ID_METADATA_DOCUMENTS',
    doc: 'Takes an https address as client_id and reads the client metadata there, as MCP clients expect. Anybody may be such a client: people are told so.',
  }),
})
