import { expect } from 'chai'
import fc from 'fast-check'
import { EqualityFilter, FilterParser } from 'ldapts'
import {
  escapeDnValue,
  escapeFilterValue,
  fill,
} from '../../../../src/domain/federation/ldap/escape.ts'
import { firstRdnValue } from '../../../../src/domain/federation/ldap/groups.ts'

describe('a name within a filter (RFC 4515 §3)', () => {
  it('is escaped where it would mean something', () => {
    expect(escapeFilterValue('*)(uid=*\\\0')).to.equal('\\2a\\29\\28uid=\\2a\\5c\\00')
    expect(escapeFilterValue('Zoë, 山田')).to.equal('Zoë, 山田')
  })

  it('is compared as it was typed, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const text = fill('(&(objectClass=person)(uid={login}))', {
          login: escapeFilterValue(name),
        })
        const filter = FilterParser.parseString(text) as unknown as { filters: unknown[] }
        const expected = new EqualityFilter({ attribute: 'uid', value: name })
        expect(filter.filters).to.have.length(2)
        expect(filter.filters[1]).to.deep.equal(expected)
      }),
    )
  })

  it('may hold what looks like a place', () => {
    expect(fill('(uid={login})', { login: '{login}' })).to.equal('(uid={login})')
  })
})

describe('a name within a DN (RFC 4514 §2.4)', () => {
  it('is escaped where it would mean something', () => {
    expect(escapeDnValue('x,dc=evil')).to.equal('x\\2cdc\\3devil')
    expect(escapeDnValue('#a+b"c\\<d>;')).to.equal('\\23a\\2bb\\22c\\5c\\3cd\\3e\\3b')
    expect(escapeDnValue(' a ')).to.equal('\\20a\\20')
    expect(escapeDnValue('\0')).to.equal('\\00')
  })

  it('is read from it again, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
        expect(firstRdnValue(`cn=${escapeDnValue(name)},ou=x,dc=y`)).to.equal(name)
      }),
    )
  })

  it('is read as directories write it', () => {
    expect(firstRdnValue('cn=\\5c\\20,ou=x')).to.equal('\\ ')
    expect(firstRdnValue('cn= \u00a0a,ou=x')).to.equal('\u00a0a')
    expect(firstRdnValue('CN=Staff\\, all,OU=Groups,DC=x')).to.equal('Staff, all')
    expect(firstRdnValue('cn=Entwicklung \\C3\\9Cbersee+ou=x,dc=y')).to.equal('Entwicklung Übersee')
  })
})
