import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  accepts,
  type Component,
  findProgram,
  needsPrograms,
  startComponent,
  untilReady,
} from './component.ts'
import { temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/**
 * Apache with mod_auth_openidc, a relying party written by others: code flow with PKCE S256, plain
 * http on 127.0.0.1. Drive it with node:http (`http.ts`) or a browser: it answers 401 instead of a
 * redirect to whoever sends `Sec-Fetch-Mode: cors`, as `fetch` does.
 */

const MODULES = '/usr/lib/apache2/modules'
const LOADED = 'mpm_event authz_core authn_core authz_user dir mime headers auth_openidc'.split(' ')

export function available(): Availability {
  return needsPrograms('apache2', `${MODULES}/mod_auth_openidc.so`)
}

export type ApacheOptions = {
  issuer: string
  clientId: string
  clientSecret: string
  /** From `freePort()`, so that the client can be registered before Apache starts. */
  port: number
  /** Space-separated. */
  scope?: string
  /** Further lines of mod_auth_openidc: `['OIDCProviderTokenEndpointAuth client_secret_post']`. */
  directives?: string[]
}

export type Apache = {
  /** Asks for a sign-in; answers with X-Remote-User, X-Email and X-Groups. */
  protectedUrl: string
  redirectUri: string
  /** RP-initiated logout: add `?logout=<url to return to>`. */
  logoutUrl: string
  loggedOutUrl: string
  backchannelLogoutUri: string
  component: Component
  stop(): Promise<void>
}

/** The addresses to register the client with, known before it starts. */
export function apacheUrls(port: number) {
  const url = `http://127.0.0.1:${port}`
  const redirectUri = `${url}/protected/cb`
  return {
    protectedUrl: `${url}/protected/`,
    redirectUri,
    logoutUrl: redirectUri,
    loggedOutUrl: `${url}/bye`,
    backchannelLogoutUri: `${redirectUri}?logout=backchannel`,
  }
}

export async function startApache(options: ApacheOptions): Promise<Apache> {
  const apache = findProgram('apache2')
  if (!apache) throw new Error('apache2 is not installed')
  const folder = temporaryFolder('apache')
  const config = path.join(folder, 'httpd.conf')
  writePages(path.join(folder, 'www'))
  // The workers run as www-data and write here.
  mkdirSync(path.join(folder, 'cache'))
  writeFileSync(config, configuration(folder, options))
  const component = startComponent(apache, ['-f', config, '-DFOREGROUND'], {
    logFile: path.join(folder, 'error.log'),
  })
  await untilReady(component, () => accepts(options.port))
  return { ...apacheUrls(options.port), component, stop: () => component.stop() }
}

function writePages(folder: string): void {
  mkdirSync(path.join(folder, 'protected'), { recursive: true })
  writeFileSync(path.join(folder, 'protected/index.html'), 'secret page\n')
  writeFileSync(path.join(folder, 'bye'), 'bye\n')
  writeFileSync(path.join(folder, 'index.html'), 'home\n')
}

function configuration(folder: string, options: ApacheOptions): string {
  const { port, issuer, clientId, clientSecret, scope = 'openid email profile' } = options
  const urls = apacheUrls(port)
  const user = process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''
  return `
ServerRoot ${folder}
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
PidFile ${folder}/pid
ErrorLog ${folder}/error.log
LogLevel info auth_openidc:debug
${LOADED.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
TypesConfig /etc/mime.types
${user}
DocumentRoot ${folder}/www
DirectoryIndex index.html
OIDCProviderMetadataURL ${issuer}/.well-known/openid-configuration
OIDCProviderMetadataRefreshInterval 3600
OIDCClientID ${clientId}
OIDCClientSecret ${clientSecret}
OIDCRedirectURI ${urls.redirectUri}
OIDCDefaultLoggedOutURL ${urls.loggedOutUrl}
OIDCScope "${scope}"
OIDCPKCEMethod S256
OIDCResponseType code
OIDCRemoteUserClaim preferred_username
OIDCCryptoPassphrase only-for-tests
OIDCCacheType shm
OIDCSessionType server-cache
${(options.directives ?? []).join('\n')}
<Location /protected>
  AuthType openid-connect
  Require valid-user
  Header set X-Remote-User "%{OIDC_CLAIM_preferred_username}e"
  Header set X-Email "%{OIDC_CLAIM_email}e"
  Header set X-Groups "%{OIDC_CLAIM_groups}e"
</Location>
`
}
