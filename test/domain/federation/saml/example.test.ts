import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { parse } from 'yaml'
import { ASSERTION_CHECKS } from '../../../../src/domain/federation/saml/assertion_checks.ts'
import { RESPONSE_CHECKS } from '../../../../src/domain/federation/saml/response_checks.ts'
import { samlKind } from '../../../../src/domain/federation/saml/saml_kind.ts'
import { samlSettings } from '../../../../src/domain/federation/saml/settings.ts'

const read = (name: string) =>
  readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8')

describe('the document about SAML', () => {
  const document = read('federation/SAML.md')

  it('has an example that is a connection', () => {
    const { kind, settings } = parse(read('examples/federation/saml.yaml'))
    expect(kind).to.equal('saml')
    const secrets = Object.keys(samlKind.secrets)
    expect(Object.keys(settings)).to.include('sp_private_key')
    const entries = Object.entries(settings).filter(([name]) => !secrets.includes(name))
    const parsed = samlKind.settings.parse(Object.fromEntries(entries))
    expect(parsed.acr).to.deep.equal({ 'urn:example:acr:mfa': ['https://refeds.org/profile/mfa'] })
    expect(parsed.attributes.username).to.deep.equal(['uid'])
  })

  it('names every setting', () => {
    for (const name of Object.keys(samlSettings.shape)) {
      expect(document).to.match(new RegExp(`\`${name}[.\`]`), name)
    }
  })

  it('names every check, in the order of the tables', () => {
    const [, told = ''] = document.split('## What is checked')
    for (const checks of [RESPONSE_CHECKS, ASSERTION_CHECKS]) {
      const places = checks.map(({ name }) => told.indexOf(`\`${name}\``))
      expect(places, checks.map(({ name }) => name).join()).not.to.include(-1)
      expect(places).to.deep.equal(places.toSorted((a, b) => a - b))
    }
  })
})
