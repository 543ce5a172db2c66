import { oidcKind } from '../../../../src/domain/federation/oidc/oidc_kind.ts'
import { createOutbound } from '../../../../src/platform/outbound/outbound.ts'
import {
  describeRedirectConnector,
  type RedirectSource,
} from '../../../suites/redirect_connector.ts'
import { addClient, addPerson, startAuthCore } from '../../../support/authcore.ts'
import { browser } from '../../../support/http.ts'
import { goThrough } from '../../../support/relying_party.ts'
import { callbackOf, connectorDeps, settingsOf } from '../support.ts'

/** The provider is AuthCore itself, with its real pages. */

const QUIET = { warn: () => {}, info: () => {} }

async function authCoreSource(): Promise<RedirectSource> {
  const upstream = await startAuthCore()
  const callbackUri = callbackOf('upstream')
  const { clientId, secret } = await addClient(upstream, {
    metadata: { redirect_uris: [callbackUri] },
  })
  const people = { ada: await addPerson(upstream), grace: await addPerson(upstream) }
  const outbound = createOutbound({ allow: [new URL(upstream.issuer).host] }, { log: QUIET })
  const settings = settingsOf(oidcKind, {
    issuer: upstream.issuer,
    client_id: clientId,
    userinfo: true,
  })
  const connector = oidcKind.open(
    { name: 'upstream', settings, secrets: { client_secret: secret! } },
    connectorDeps(outbound),
  )
  const paramsOf = (url: URL) => Object.fromEntries(url.searchParams)
  return {
    connector,
    callbackUri,
    async signIn({ uri }, who) {
      const alice = browser()
      return paramsOf(await goThrough(alice, await alice.get(uri), people[who], upstream.issuer))
    },
    async refuse({ uri }) {
      const alice = browser()
      const ours = (location: string) => !location.startsWith(upstream.issuer)
      const page = await alice.followAll(await alice.get(uri), ours)
      const left = await alice.submit(
        page,
        {},
        {
          form: ({ buttons }) => buttons.some(({ id }) => id === 'cancel'),
        },
      )
      return paramsOf(new URL((await alice.followAll(left, ours)).location!))
    },
    ada: {
      subject: people.ada.id,
      email: people.ada.email,
      emailVerified: true,
      claims: { name: 'Ada Example', given_name: 'Ada', family_name: 'Example' },
    },
    secrets: [secret!],
    takeAway: () => upstream.web.http.stop(),
    async stop() {
      await connector.close()
      await outbound.close()
      await upstream.stop()
    },
  }
}

describeRedirectConnector('OpenID Connect, AuthCore upstream', authCoreSource)
