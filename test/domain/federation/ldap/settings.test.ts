import { expect } from 'chai'
import { ldapKind } from '../../../../src/domain/federation/ldap/ldap_kind.ts'
import { openLdap } from './ldap_connector.ts'

const BASE = {
  servers: ['ldaps://ldap.example.com'],
  bind_dn: 'cn=reader,dc=example,dc=com',
  base_dn: 'dc=example,dc=com',
}

function faultsOf(settings: object): string[] {
  const { error } = ldapKind.settings.safeParse({ ...BASE, ...settings })
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`)
}

describe('the settings of a directory', () => {
  it('need no more than servers, an account and a base', () => {
    expect(faultsOf({})).to.deep.equal([])
    expect(ldapKind.settings.parse(BASE)).to.deep.include({
      tls: 'required',
      directory: 'generic',
      bind: 'search',
      email_verified: false,
      password_change: false,
      timeouts: { connect_ms: 3000, bind_ms: 5000, search_ms: 5000 },
    })
  })

  it('mean the same when they are read again', () => {
    const once = ldapKind.settings.parse({
      ...BASE,
      attributes: { email: 'mailPrimary', name: null },
    })
    expect(ldapKind.settings.parse(once)).to.deep.equal(once)
  })

  const faulty: [what: string, settings: object, fault: RegExp][] = [
    ['an unknown name', { bindDn: 'x' }, /Unrecognized key: "bindDn"/],
    ['no server', { servers: [] }, /^servers /],
    ['a server that is no address', { servers: ['ldap'] }, /^servers\.0 must be an address/],
    ['another scheme', { servers: ['https://a'] }, /^servers\.0 must begin with ldaps:/],
    ['a path', { servers: ['ldap://a/dc=x'] }, /^servers\.0 must be a scheme, a host and a port/],
    ['a password in it', { servers: ['ldap://a:b@c'] }, /^servers\.0 must be a scheme, a host/],
    ['ldaps:// without TLS', { tls: 'none' }, /^tls must not be none/],
    ['a file by a relative path', { ca_file: 'ca.pem' }, /^ca_file must be the full path/],
    ['a base that is no DN', { base_dn: 'example' }, /^base_dn must be a distinguished name/],
    ['a filter without its place', { user_filter: '(uid=x)' }, /^user_filter must hold \{login\}/],
    ['a broken filter', { user_filter: '(uid={login}' }, /^user_filter must be a filter/],
    ['an unbalanced filter', { list_filter: '((uid=a)(b=c)' }, /^list_filter is not a filter/],
    ['letters as pairs', { list_filter: '(cn=\\c3\\a9)' }, /^list_filter must have letters/],
    [
      'a DN for an id',
      { subject_attribute: 'dn' },
      /^subject_attribute must be an id that is never/,
    ],
    ['mail for an id', { subject_attribute: 'mail' }, /^subject_attribute must be an id/],
    [
      'a secret asked for',
      { extra_attributes: ['userPassword'] },
      /^extra_attributes\.0 is a secret/,
    ],
    ['a secret mapped', { attributes: { name: 'unicodePwd' } }, /^attributes\.name/],
    ['an unknown claim', { attributes: { sub: 'uid' } }, /^attributes Unrecognized key: "sub"/],
    ['a search without account', { bind_dn: undefined }, /^bind_dn is needed/],
    ['no template', { bind: 'template' }, /^user_dn_template must be there/],
    [
      'a template without its place',
      { bind: 'template', user_dn_template: 'uid=x,dc=y' },
      /^user_dn_template must be there and hold/,
    ],
    ['names of another family', { bind: 'active_directory', domain: 'X' }, /^directory must be/],
    [
      'names without domain',
      { bind: 'active_directory', directory: 'active_directory' },
      /^upn_suffix or `domain`/,
    ],
    ['required groups unasked', { required_groups: ['staff'] }, /^groups\.mode must be/],
    [
      'a group filter without its place',
      { groups: { mode: 'search', filter: '(cn=x)' } },
      /^groups\.filter must hold/,
    ],
    [
      'a changed password in the clear',
      {
        ...{ servers: ['ldap://a'], tls: 'none', directory: 'active_directory' },
        password_change: true,
      },
      /^password_change needs TLS/,
    ],
    ['a deadline of an hour', { timeouts: { bind_ms: 3_600_000 } }, /^timeouts\.bind_ms /],
    ['no connections', { pool: { max_connections: 0 } }, /^pool\.max_connections /],
  ]
  for (const [what, settings, fault] of faulty) {
    it(`are refused with ${what}, by its name`, () => {
      const faults = faultsOf(settings)
      expect(
        faults.some((text) => fault.test(text)),
        faults.join('\n'),
      ).to.equal(true)
    })
  }

  it('are refused with every fault at once', () => {
    const faults = faultsOf({ tls: 'none', user_filter: '(uid=x)', bind: 'template' })
    expect(faults).to.have.length(3)
  })

  it('want a password where they have an account, and none without', () => {
    for (const password of [undefined, '', '  ']) {
      expect(() => openLdap(BASE, { password })).to.throw(
        /is needed where there is a bind_(dn|password)/,
      )
    }
    const template = { ...BASE, bind: 'template', user_dn_template: 'uid={login},dc=x' }
    expect(() => openLdap({ ...template, bind_dn: undefined }, { password: 'x' })).to.throw(
      /bind_dn: is needed/,
    )
    expect(openLdap({ ...template, bind_dn: undefined }).directory).to.equal(undefined)
  })
})
