import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { issueCertificate } from './certificates.ts'
import {
  accepts,
  type Component,
  findProgram,
  needsPrograms,
  startComponent,
  untilReady,
} from './component.ts'
import { freePort } from './free_port.ts'
import { browser } from './http.ts'
import { temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/**
 * SimpleSAMLphp, an identity provider written by others, under the server of PHP itself: plain http on
 * 127.0.0.1. `student` signs in with `studentpass`, `teacher` with `teacherpass`. It refuses requests
 * that are not signed.
 */

const WWW = '/usr/share/simplesamlphp/www'

export function available(): Availability {
  return needsPrograms('php', '/usr/share/simplesamlphp/bin/pwgen.php')
}

export type SimpleSamlPhp = {
  /** Where its addresses begin. */
  url: string
  entityId: string
  metadataUrl: string
  ssoUrl: string
  /** Trusts this service provider from now on, by its metadata. */
  trust(metadata: string): void
  /** Further lines of its own metadata in PHP, for what comes next: `'assertion.encryption' => true`. */
  configure(lines: string): void
  stop(): Promise<void>
  output(): string
}

export async function startSimpleSamlPhp(): Promise<SimpleSamlPhp> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const folder = temporaryFolder('simplesamlphp')
  for (const name of ['config', 'metadata', 'cert', 'log', 'tmp', 'data', 'sessions']) {
    mkdirSync(path.join(folder, name))
  }
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text)
  const pair = issueCertificate({ rsaBits: 2048, subject: [['CN', 'simplesamlphp']] })
  write('cert/idp.crt', pair.cert)
  write('cert/idp.pem', pair.key)
  write('config/config.php', config(folder, url))
  write('config/authsources.php', AUTH_SOURCES)
  write('metadata/sp.xml', NOBODY)
  const configure = (lines = '') => write('metadata/saml20-idp-hosted.php', hosted(url, lines))
  configure()
  const component = start(folder, port)
  const metadataUrl = `${url}/saml2/idp/metadata.php`
  await untilReady(component, async () => (await accepts(port)) && (await answers(metadataUrl)))
  return {
    url,
    entityId: `${url}/idp`,
    metadataUrl,
    ssoUrl: `${url}/saml2/idp/SSOService.php`,
    trust: (metadata) => write('metadata/sp.xml', metadata),
    configure,
    stop: () => component.stop(),
    output: () => component.output(),
  }
}

function start(folder: string, port: number): Component {
  const php = findProgram('php')
  if (!php) throw new Error('php is not installed')
  const settings = ['error_reporting=22527', 'display_errors=0', 'opcache.enable=0']
  const args = [...settings.flatMap((line) => ['-d', line]), '-S', `127.0.0.1:${port}`, '-t', WWW]
  return startComponent(php, args, {
    logFile: path.join(folder, 'log', 'php'),
    cwd: folder,
    env: { SIMPLESAMLPHP_CONFIG_DIR: path.join(folder, 'config'), PHP_CLI_SERVER_WORKERS: '3' },
  })
}

async function answers(url: string): Promise<boolean> {
  return (await browser().get(url)).status === 200
}

function config(folder: string, url: string): string {
  const at = (name: string) => `'${path.join(folder, name)}/'`
  return `<?php $config = [
    'baseurlpath' => '${url}/',
    'certdir' => ${at('cert')}, 'loggingdir' => ${at('log')}, 'datadir' => ${at('data')},
    'tempdir' => ${at('tmp')}, 'metadatadir' => ${at('metadata')},
    'attributenamemapdir' => '/etc/simplesamlphp/attributemap/',
    'technicalcontact_name' => 'test', 'technicalcontact_email' => 'test@example.test',
    'timezone' => 'UTC', 'secretsalt' => 'salt-of-the-tests', 'auth.adminpassword' => 'admin',
    'trusted.url.domains' => ['127.0.0.1(:[0-9]+)?', 'login.example.com'],
    'trusted.url.regex' => true,
    'admin.checkforupdates' => false, 'showerrors' => true, 'errorreporting' => false,
    'logging.level' => 7, 'logging.handler' => 'file', 'logging.logfile' => 'simplesamlphp.log',
    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'session.cookie.secure' => false, 'session.cookie.samesite' => null,
    'session.phpsession.savepath' => ${at('sessions')}, 'language.cookie.secure' => false,
    'language.available' => ['en'], 'language.default' => 'en', 'store.type' => 'phpsession',
    'theme.use' => 'default', 'production' => true, 'statistics.out' => [],
    'authproc.idp' => [], 'authproc.sp' => [],
    'metadata.sources' => [
      ['type' => 'flatfile', 'directory' => ${at('metadata')}],
      ['type' => 'xml', 'file' => '${path.join(folder, 'metadata', 'sp.xml')}'],
    ],
  ];`
}

const AUTH_SOURCES = `<?php $config = [
  'admin' => ['core:AdminPassword'],
  'users' => ['exampleauth:UserPass', 'student:studentpass' => [
    'uid' => ['student'], 'mail' => ['student@example.test'], 'displayName' => ['Stu Dent'],
    'givenName' => ['Stu'], 'sn' => ['Dent'], 'isMemberOf' => ['staff', 'editors'],
  ], 'teacher:teacherpass' => [
    'uid' => ['teacher'], 'mail' => ['teacher@example.test'], 'displayName' => ['Tea Cher'],
  ]],
];`

const FORMAT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'

function hosted(url: string, lines: string): string {
  return `<?php $metadata['${url}/idp'] = [
    'host' => '__DEFAULT__', 'privatekey' => 'idp.pem', 'certificate' => 'idp.crt',
    'auth' => 'users', 'saml20.sign.response' => true, 'saml20.sign.assertion' => true,
    'redirect.sign' => true, 'redirect.validate' => true, 'SingleSignOnServiceBinding' => [
      'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
      'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
    ],
    'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'NameIDFormat' => '${FORMAT}',
    'authproc' => [
      3 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => '${FORMAT}'],
    ],
    ${lines}
  ];`
}

const NOBODY = '<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>'
