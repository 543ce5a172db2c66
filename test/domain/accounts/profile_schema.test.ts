import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { loadProfile } from '../../../src/domain/accounts/profile/load_profile.ts'
import {
  attributeClaims,
  type Profile,
  parseAttributes,
} from '../../../src/domain/accounts/profile/profile.ts'
import { readProfileSchema } from '../../../src/domain/accounts/profile/read_profile_schema.ts'
import { patternFault } from '../../../src/domain/accounts/profile/safe_pattern.ts'
import { ConfigError } from '../../../src/platform/config/config_error.ts'
import { signInSection } from '../../../src/platform/config/sections/sign_in.ts'

const EXAMPLE = new URL('../../../docs/examples/profile_schema.json', import.meta.url).pathname

const signIn = (profileSchema?: string) => ({
  signIn: { ...signInSection.parse({}), profileSchema },
})
const schemaOf = (property: object, rest: object = {}) => ({
  type: 'object',
  properties: { badge: { type: 'string', title: 'Badge', ...property } },
  ...rest,
})
const faultsOf = (json: unknown): string => {
  const reading = readProfileSchema(json)
  return reading.kind === 'bad' ? reading.faults.join('\n') : ''
}

describe('domain/accounts/profile: the schema', () => {
  let directory: string
  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'profile-schema-'))
  })
  after(() => rmSync(directory, { recursive: true }))
  const fileOf = (text: string) => {
    const file = path.join(directory, 'schema.json')
    writeFileSync(file, text)
    return file
  }
  const loaded = (json: object): Promise<Profile> =>
    loadProfile(signIn(fileOf(JSON.stringify(json))))
  const refusal = async (text: string): Promise<ConfigError> =>
    await loadProfile(signIn(fileOf(text))).then(
      () => expect.fail('it was taken'),
      (error) => error,
    )

  it('takes the example of the documentation', async () => {
    const profile = await loadProfile(signIn(EXAMPLE))
    expect(profile.attributes.map(({ name, kind }) => `${name} ${kind}`)).to.deep.equal([
      'department choice',
      'badge text',
      'reader_since date',
      'interests choices',
      'shelf_metres number',
      'newsletter yes_no',
      'employer_site text',
    ])
    const [department] = profile.attributes
    expect(department).to.deep.include({
      required: true,
      ask: 'sign_up',
      edit: 'person',
      claim: { name: 'department', scope: 'profile:employment' },
      titles: { '': 'Department', de: 'Abteilung', fr: 'Service' },
    })
    expect(department!.options[0]).to.deep.equal({
      value: 'engineering',
      titles: { '': 'engineering', en: 'Engineering', de: 'Technik' },
    })
    expect(profile.scopes).to.have.length(1)
  })

  it('is not needed: without one there are the standard claims', async () => {
    expect(await loadProfile(signIn())).to.deep.include({ attributes: [], scopes: [], asked: [] })
  })

  it('stops the start where its file is none', async () => {
    expect((await refusal('{')).message)
      .to.include('AUTHCORE_PROFILE_SCHEMA')
      .and.include('no JSON')
    expect((await refusal('[]')).message).to.include('the schema')
    expect((await refusal(`"${'x'.repeat(300_000)}"`)).message).to.include('256 KiB')
    const missing = await loadProfile(signIn(path.join(directory, 'nowhere.json'))).catch(
      (error) => error,
    )
    expect(missing).to.be.instanceOf(ConfigError)
    expect(missing.message).to.include('ENOENT')
  })

  const own = (words: object, rest: object = {}) => schemaOf({ 'x-authcore': words, ...rest })
  for (const [what, json, place] of [
    [
      'another dialect',
      schemaOf({}, { $schema: 'http://json-schema.org/draft-07/schema#' }),
      '$schema',
    ],
    ['no type', { properties: {} }, 'type'],
    ['a keyword that nobody keeps', schemaOf({ not: {} }), 'properties.badge: not'],
    ['a keyword of another type', schemaOf({ minimum: 3 }), 'properties.badge: minimum'],
    ['a reference', { ...schemaOf({}), $defs: {} }, '$defs'],
    ['a type of its own', schemaOf({ type: 'object' }), 'properties.badge.type'],
    ['several types', schemaOf({ type: ['string', 'null'] }), 'properties.badge.type'],
    ['no title', { type: 'object', properties: { badge: { type: 'boolean' } } }, 'badge.title'],
    [
      'a name for no form',
      { type: 'object', properties: { 'a b': { type: 'boolean', title: 'x' } } },
      'lower case',
    ],
    ['a format that is not known', schemaOf({ format: 'ipv4' }), 'properties.badge.format'],
    ['an empty choice', schemaOf({ enum: [] }), 'properties.badge.enum'],
    ['a choice twice', schemaOf({ enum: ['a', 'a'] }), 'twice'],
    [
      'bounds the wrong way round',
      schemaOf({ minLength: 9, maxLength: 3 }),
      'properties.badge.minLength',
    ],
    [
      'a required property that is not there',
      schemaOf({}, { required: ['name'] }),
      'required: name',
    ],
    ['an open schema', schemaOf({}, { additionalProperties: true }), 'additionalProperties'],
    [
      'a list of anything',
      {
        type: 'object',
        properties: { a: { type: 'array', title: 'x', items: { type: 'string' } } },
      },
      'properties.a.items.enum',
    ],
    [
      'more numbers than there are',
      {
        type: 'object',
        properties: { a: { type: 'integer', title: 'x', minimum: 3, maximum: 2 } },
      },
      'properties.a.minimum',
    ],
    ['an unknown word of ours', own({ asked: 'sign_up' }), 'properties.badge.x-authcore: asked'],
    ['an unknown time', own({ ask: 'never' }), 'properties.badge.x-authcore.ask'],
    ['an unknown locale', own({ titles: { tlh: 'x' } }), 'properties.badge.x-authcore.titles'],
    ['words for no value', own({ enumTitles: { b: 'B' } }, { enum: ['a'] }), 'enumTitles: b'],
    ['a scope without a claim', own({ scope: 'profile' }), 'x-authcore.scope'],
    ['a scope that is not of ours', own({ claim: 'badge', scope: 'email' }), 'x-authcore.scope'],
    ['a scope without words', own({ claim: 'badge', scope: 'profile:work' }), 'has no words'],
    [
      'asking people for what operators set',
      own({ ask: 'sign_up', edit: 'operator' }),
      'x-authcore.ask',
    ],
    [
      'requiring what operators set',
      { ...own({ edit: 'operator' }), required: ['badge'] },
      'required: badge',
    ],
    ['a pattern that can be slow', schemaOf({ pattern: '^(a+)+$' }), 'properties.badge.pattern'],
  ] as const) {
    it(`names the place of ${what}`, async () => {
      expect(faultsOf(json)).to.include(place)
      expect(await refusal(JSON.stringify(json))).to.be.instanceOf(ConfigError)
    })
  }

  for (const claim of [
    'sub',
    'email',
    'phone_number',
    'iss',
    'acr',
    'roles',
    'cnf',
    '_claim_names',
  ]) {
    it(`gives no attribute the claim ${claim}`, () => {
      expect(faultsOf(own({ claim }))).to.include('properties.badge.x-authcore.claim')
    })
  }

  it('gives a claim to one attribute only', () => {
    const badge = { type: 'string', title: 'x', 'x-authcore': { claim: 'badge' } }
    const json = { type: 'object', properties: { a: badge, b: badge } }
    expect(faultsOf(json)).to.include('properties.b.x-authcore.claim')
  })

  it('names all faults at once', () => {
    expect(faultsOf(schemaOf({ format: 'ipv4', minLength: -1 })).split('\n')).to.have.length(2)
  })

  describe('its values', () => {
    it('are those of the schema, and the fault says what to do', async () => {
      const profile = await loadProfile(signIn(EXAMPLE))
      const kind = (name: string, value: unknown) =>
        profile.faultOf(profile.attributes.find((each) => each.name === name)!, value)?.kind
      for (const [name, value, fault] of [
        ['badge', 'AB-17', undefined],
        ['badge', 'ab-17', 'invalid'],
        ['badge', `AB-${'1'.repeat(20)}`, 'too_long'],
        ['badge', 17, 'invalid'],
        ['department', 'press', undefined],
        ['department', 'Press', 'invalid'],
        ['reader_since', '2024-02-29', undefined],
        ['reader_since', '2023-02-29', 'date'],
        ['interests', ['maps', 'novels'], undefined],
        ['interests', ['maps', 'maps'], 'invalid'],
        ['interests', ['maps', 'novels', 'poetry'], 'invalid'],
        ['interests', ['cooking'], 'invalid'],
        ['interests', 'maps', 'invalid'],
        ['shelf_metres', 1.5, undefined],
        ['shelf_metres', -1, 'too_small'],
        ['shelf_metres', 5001, 'too_large'],
        ['shelf_metres', 'many', 'number'],
        ['newsletter', false, undefined],
        ['newsletter', 'false', 'invalid'],
        ['employer_site', 'https://example.com/', undefined],
        ['employer_site', 'javascript:alert(1)', 'uri'],
        ['employer_site', `https://example.com/${'x'.repeat(300)}`, 'too_long'],
        ['employer_site', 'https://example.com/\u202e', 'invalid'],
      ] as const) {
        expect(kind(name, value), `${name} ${JSON.stringify(value)}`).to.equal(fault)
      }
    })

    it('are measured in characters, and hold no control characters', async () => {
      const profile = await loaded(schemaOf({ maxLength: 2 }))
      const [badge] = profile.attributes
      expect(profile.faultOf(badge!, '😀😀')).to.equal(undefined)
      expect(profile.faultOf(badge!, '😀😀😀')).to.deep.equal({ kind: 'too_long', limit: 2 })
      expect(profile.faultOf(badge!, '\n')?.kind).to.equal('invalid')
      expect(profile.faultOf(badge!, '\ud800')?.kind).to.equal('invalid')
    })

    it('of operators are of the schema, or are refused without telling the value', async () => {
      const profile = await loadProfile(signIn(EXAMPLE))
      expect(parseAttributes(profile, { badge: 'AB-17' })).to.deep.equal({ badge: 'AB-17' })
      for (const values of [{ badge: 'secret value' }, { colour: 'secret value' }]) {
        expect(() => parseAttributes(profile, values))
          .to.throw()
          .that.satisfies((error: { code: string; hint: string; message: string }) => {
            expect(error.code).to.equal('invalid_input')
            return !`${error.message} ${error.hint}`.includes('secret')
          })
      }
    })

    it('become claims where the schema says so', async () => {
      const profile = await loadProfile(signIn(EXAMPLE))
      const values = { badge: 'AB-17', shelf_metres: 3, newsletter: false, gone: 'x' }
      expect(attributeClaims(profile, values)).to.deep.equal({ badge: 'AB-17', newsletter: false })
    })
  })
})

describe('domain/accounts/profile: patterns', () => {
  for (const pattern of [
    '^[A-Z]{2}-[0-9]{2,6}$',
    '^\\d{5}$',
    '^[a-z]*$',
    '^[a-z]+[0-9]*$',
    '^.{3,9}$',
    '^\\p{Lu}[\\p{L} -]{1,40}$',
    '^$',
  ]) {
    it(`takes ${pattern}`, () => expect(patternFault(pattern, 255)).to.equal(undefined))
  }
  for (const pattern of [
    '[a-z]',
    '^(a+)+$',
    '^(?:a|a)*$',
    '^(a)\\1$',
    '^(?=a)a$',
    '^a|b$',
    '^a*a*a*$',
    '^a{1,99}{1,99}$',
    '^a**$',
    '^[z-a]$',
    '^\\p{Nonsense}$',
    `^${'a'.repeat(300)}$`,
    '^a$b$',
  ]) {
    it(`refuses ${pattern.slice(0, 20)}`, () =>
      expect(patternFault(pattern, 255)).to.be.a('string'))
  }

  it('takes none that takes long, whatever it is matched against', () => {
    const part = fc.constantFrom('a', '[ab]', '.', 'a*', '[ab]+', 'a?', '.{2,9}', '\\w{1,}', 'b')
    const pattern = fc.array(part, { maxLength: 8 }).map((parts) => `^${parts.join('')}$`)
    fc.assert(
      fc.property(pattern, fc.integer({ min: 1, max: 1_000 }), (text, length) => {
        fc.pre(patternFault(text, length) === undefined)
        const before = performance.now()
        new RegExp(text, 'u').test(`${'a'.repeat(length - 1)}!`)
        expect(performance.now() - before).to.be.below(500)
      }),
    )
  })
})
