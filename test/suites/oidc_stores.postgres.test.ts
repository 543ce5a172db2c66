import { describeOidcStores } from './oidc_stores.ts'

describeOidcStores('PostgreSQL', async () => ({ env: {} }))
