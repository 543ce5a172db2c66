import { randomToken } from '../../../src/core/secrets.ts'
import type { ClientMetadataInput } from '../../../src/domain/clients/client_metadata.ts'
import type { ClientPreset } from '../../../src/domain/clients/client_presets.ts'
import { createClient } from '../../../src/domain/clients/create_client.ts'
import { type Op, type OpOptions, startOp } from '../support/op.ts'
import type { Notes } from '../support/outcome.ts'
import type { Credentials, Party } from '../support/party.ts'

/** What the modules of OpenID Connect have: the provider and the clients that the suite plays. */
export type OidcStage = {
  op: Op
  /** The two clients of a plan; both say who they are with client_secret_basic. */
  party: Party
  second: Party
  /** Registers a further client of the plan's flow. */
  register(metadata?: ClientMetadataInput, preset?: ClientPreset): Promise<Party>
}

export type OidcTrial = OidcStage & { notes: Notes }

/** The addresses of the suite's callback, as an operator registers them for static clients. */
export const CALLBACK = 'https://suite.example.test/test/a/authcore/callback'
export const SECOND_CALLBACK = `${CALLBACK}?dummy1=lorem&dummy2=ipsum`
const SCOPE = 'openid profile email'

export type OidcVariant = {
  responseType?: string
  responseMode?: 'form_post'
  /** `web` sends PKCE and `legacy` does not, as the suite does not. */
  preset?: 'legacy' | 'web'
}

/** What a deployment switches on to be certified: clients of old. */
export const AS_CERTIFIED = { AUTHCORE_LEGACY_CLIENTS: 'true' }

export type OidcOptions = OpOptions & {
  metadata?: ClientMetadataInput
}

export async function startOidc(
  variant: OidcVariant = {},
  { metadata = {}, ...options }: OidcOptions = {},
): Promise<OidcStage & { stop(): Promise<void> }> {
  const { responseType = 'code', responseMode, preset = 'web' } = variant
  const op = await startOp(options)
  const register = async (own: ClientMetadataInput = {}, kind: ClientPreset = preset) => {
    const { client, secret } = await createClient(op.server.parts, {
      name: `Client ${randomToken().slice(0, 6)}`,
      preset: kind,
      metadata: { ...flowMetadata(responseType), ...metadata, ...own },
    })
    const { clientId } = client
    const { token_endpoint_auth_method: method, ...registered } = client.metadata
    return {
      op,
      clientId,
      credentials: credentialsOf(method, secret),
      redirectUri: registered.redirect_uris[0] ?? '',
      responseType,
      responseMode,
      scope: SCOPE,
      pkce: kind !== 'legacy',
      idTokenAlg: registered.id_token_signed_response_alg,
    }
  }
  const party = await register()
  const second = await register({ redirect_uris: [SECOND_CALLBACK] })
  return { op, party, second, register, stop: op.stop }
}

/** How it says who it is where it has a secret; whoever registers with a key has the key. */
function credentialsOf(method: string, secret: string | undefined): Credentials {
  if (secret === undefined) return { method: 'none' }
  return { method: method as 'client_secret_basic' | 'client_secret_post', secret }
}

/** RS256, which every provider of OpenID Connect must offer (Core §15.1). */
function flowMetadata(responseType: string): ClientMetadataInput {
  const common = {
    redirect_uris: [CALLBACK],
    id_token_signed_response_alg: 'RS256' as const,
  }
  if (responseType === 'code') return common
  const grants = responseType.includes('code')
    ? ['authorization_code', 'implicit', 'refresh_token']
    : ['implicit']
  return { ...common, grant_types: grants, response_types: [responseType] } as ClientMetadataInput
}
