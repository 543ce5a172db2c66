import { expect } from 'chai'
import { CALLBACK } from '../oidc/stage.ts'
import { checkNotRegistered } from './modules.ts'
import { manage } from './registration.ts'
import type { DynamicModule } from './stage.ts'

/** Third-party-initiated login: what is registered for it, and that it is https (Registration §2). */

const echoed: DynamicModule = async ({ op, registrar }) => {
  const initiate_login_uri = 'https://suite.example.test/initiate-login'
  const registered = await registrar.register({ redirect_uris: [CALLBACK], initiate_login_uri })
  expect(registered['initiate_login_uri']).to.equal(initiate_login_uri)
  const reply = await manage(op, 'GET', registered)
  expect(reply.status, reply.body).to.equal(200)
  expect(reply.headers['content-type']).to.match(/^application\/json(;|$)/)
  expect(reply.json()).to.include({ client_id: registered.client_id, initiate_login_uri })
}

const withoutTls: DynamicModule = async ({ registrar, notes }) => {
  const initiate_login_uri = 'http://suite.example.test/initiate-login'
  const reply = await registrar.ask({ redirect_uris: [CALLBACK], initiate_login_uri })
  checkNotRegistered(reply, ['invalid_client_metadata'], notes)
}

export const THIRD_PARTY_LOGIN: Record<string, DynamicModule> = {
  'oidcc-3rd_party-init-login': echoed,
  'oidcc-3rd_party-init-login-nohttps': withoutTls,
}
