import https from 'node:https'
import { expect } from 'chai'
import * as oidc from 'openid-client'
import type { Browser } from '../support/http.ts'
import { authorizationRequest, type RelyingParty } from '../support/relying_party.ts'
import type { Nodes } from './nodes.ts'
import { registerApplication, registerService, signIn, Visitor } from './visitor.ts'

/**
 * What a deployment has to do all day, through the proxy on connections that are kept: services ask
 * for tokens, a person who is signed in goes to an application again and again, visitors only look.
 */
export type Load = {
  begin(): { end(): Promise<{ counts: Record<string, number>; failures: string[] }> }
}

/** Registers those who make the load. */
export async function prepareLoad(nodes: Nodes): Promise<Load> {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 6 })
  const kept = () => nodes.browser({ agent })
  const [shop, authorization, bob] = await Promise.all([
    registerApplication(nodes, 'mall', kept()),
    registerService(nodes, 'batch'),
    Visitor.register(nodes, 'bob@example.test'),
  ])
  const mind = kept()
  await signIn(nodes, shop, bob, mind)
  const works: Record<string, () => Promise<unknown>> = {
    services: async () => {
      const fields = { grant_type: 'client_credentials' }
      const reply = await kept().post('/token', fields, { headers: { authorization } })
      expect(reply.status, reply.body).to.equal(200)
    },
    sign_ins: () => signInAgain(nodes, shop, bob, mind),
    visitors: async () => {
      const stranger = kept()
      const { url } = await authorizationRequest(shop)
      const page = await stranger.followAll(await stranger.get(url.href))
      expect(page.status, `${page.url}: ${page.text().slice(0, 200)}`).to.equal(200)
    },
  }
  return {
    begin() {
      const counts: Record<string, number> = {}
      const failures: string[] = []
      let going = true
      const running = Object.entries(works).map(async ([what, work]) => {
        counts[what] = 0
        while (going) {
          const fault = await work().then(() => undefined, describe)
          if (fault) failures.push(`${what}: ${fault}`)
          else counts[what] += 1
        }
      })
      return {
        async end() {
          going = false
          await Promise.all(running)
          return { counts, failures }
        },
      }
    },
  }
}

async function signInAgain(nodes: Nodes, shop: RelyingParty, bob: Visitor, mind: Browser) {
  const tokens = await signIn(nodes, shop, bob, mind)
  const next = await oidc.refreshTokenGrant(shop.configuration, tokens.refresh_token!)
  const { sub } = tokens.claims()!
  await oidc.fetchUserInfo(shop.configuration, next.access_token, sub)
}

function describe({ message, cause }: Error): string {
  return cause === undefined ? message : `${message} (${String(cause)})`
}
