import { BEHIND_PROXY } from '../protocol/driver.ts'
import { type AuthCore, type AuthCoreOptions, startAuthCore } from '../support/authcore.ts'
import { describeAdapterContract } from './oidc_adapter_contract.ts'
import { describeOidcRaces } from './oidc_races.ts'
import { describeSecretsAtRest } from './oidc_secrets_at_rest.ts'

/**
 * One suite for every place where the engine's state may live. Each backend has a test file of its
 * own that says how it is started; what must hold is the same for all of them.
 */
export type OidcBackend = { env: AuthCoreOptions['env']; stop?(): Promise<void> }

/** @param startBackend may skip the suite, with its reason, where the backend is not there */
export function describeOidcStores(
  name: string,
  startBackend: (context: Mocha.Context) => Promise<OidcBackend>,
): void {
  describe(`the stores of the protocol: ${name}`, function () {
    this.timeout(60_000)
    let server: AuthCore | undefined
    let backend: OidcBackend | undefined

    before(async function () {
      backend = await startBackend(this)
      server = await startAuthCore({ env: { ...BEHIND_PROXY, ...backend.env } })
    })
    after(async () => {
      await server?.stop()
      await backend?.stop?.()
    })

    const running = () => server!
    describeAdapterContract(running)
    describeSecretsAtRest(running)
    describeOidcRaces(running)
  })
}
