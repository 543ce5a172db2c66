import type Provider from 'oidc-provider'
import { errors } from 'oidc-provider'

type Use = 'idtoken' | 'logout' | 'userinfo' | 'introspection' | 'authorization'
type Issue = (this: { client?: Record<string, unknown> }, options: { use: Use }) => Promise<string>

/** The metadata, as the engine names them, that make each kind of token an encrypted one. */
const ENCRYPTED_BY: Readonly<Record<Use, string>> = {
  idtoken: 'idTokenEncryptedResponseAlg',
  logout: 'idTokenEncryptedResponseAlg',
  userinfo: 'userinfoEncryptedResponseAlg',
  introspection: 'introspectionEncryptedResponseAlg',
  authorization: 'authorizationEncryptedResponseAlg',
}

/**
 * What is encrypted is encrypted to a key of the client (RFC 7516). A key behind a `jwks_uri` is
 * nothing that we have checked: one that cannot be used is the client's error and not ours.
 */
export function blameClientForItsKeys(provider: Provider): void {
  const prototype = provider.IdToken.prototype as unknown as { issue: Issue }
  const { issue } = prototype
  prototype.issue = async function issueForClient(options) {
    try {
      return await issue.call(this, options)
    } catch (error) {
      if (!this.client?.[ENCRYPTED_BY[options.use]] || !isOfCryptography(error)) throw error
      const refusal = new errors.InvalidClientMetadata('no suitable encryption key found')
      throw Object.assign(refusal, { cause: error })
    }
  }
}

/** How jose and the cryptography below it refuse a key. */
function isOfCryptography(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return (
    error instanceof TypeError ||
    error instanceof DOMException ||
    (typeof code === 'string' && code.startsWith('ERR_JO'))
  )
}
