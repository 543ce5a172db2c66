import { expect } from 'chai'
import {
  authorizationDetailsTypeSchema,
  isWithin,
  unreadableFault,
  valuesOf,
} from '../../../src/domain/clients/authorization_details.ts'
import {
  compileDetailsSchema,
  type DetailsSchema,
} from '../../../src/domain/clients/details_schema.ts'
import { showDetail } from '../../../src/domain/clients/details_shown.ts'

describe('domain/clients/authorization_details', () => {
  const of = (properties: Record<string, DetailsSchema>, required?: string[]): DetailsSchema => ({
    type: 'object',
    properties,
    ...(required ? { required } : {}),
  })
  const type = (schema: unknown) =>
    authorizationDetailsTypeSchema.safeParse({ type: 'x', title: 'X', schema })

  describe('the schema of a type', () => {
    const refused: [string, unknown][] = [
      ['that is of no object', { type: 'string' }],
      ['without properties', { type: 'object' }],
      ['with a keyword that is not understood', { ...of({}), additionalProperties: true }],
      ['with a reference', of({ a: { $ref: 'https://evil.example' } as never })],
      ['with a member that may be anything', of({ a: {} })],
      ['with a list of anything', of({ a: { type: 'array' } })],
      ['that describes the member type', of({ type: { type: 'string' } })],
      ['with a broken pattern', of({ a: { type: 'string', pattern: '(' } })],
      ['that requires what it does not know', of({}, ['a'])],
      [
        'that nobody reads to its end',
        of({ a: of({ a: of({ a: of({ a: of({ a: of({ a: { const: 1 } }) }) }) }) }) }),
      ],
    ]
    for (const [what, schema] of refused) {
      it(`${what} is refused`, () => expect(type(schema).success).to.equal(false))
    }

    it('closes its objects, at every depth', () => {
      const schema = of({ a: of({ b: { type: 'integer' } }), c: { type: 'array', items: of({}) } })
      expect(type(schema).success).to.equal(true)
      const faultOf = compileDetailsSchema(schema)
      expect(faultOf({ a: { b: 1 }, c: [{}] })).to.equal(undefined)
      expect(faultOf({ z: 1 })).to.equal('an unknown member')
      expect(faultOf({ a: { z: 1 } })).to.equal('an unknown member of a')
      expect(faultOf({ c: [{ z: 1 }] })).to.equal('an unknown member of c.0')
      expect(faultOf({ a: { b: 1.5 } })).to.equal('a.b')
      expect(faultOf([])).to.equal('the whole')
    })
  })

  it('takes the same details for the same, in whatever order they were written', () => {
    const granted = [{ type: 'x', a: { b: 1, c: [1, 2] }, actions: ['r', 'w'] }]
    const within = (asked: Record<string, unknown>) => isWithin({ type: 'x', ...asked }, granted)
    expect(within({ actions: ['w', 'r'], a: { c: [1, 2], b: 1 } })).to.equal(true)
    expect(within({ actions: ['r'], a: { b: 1, c: [1, 2] } })).to.equal(true)
    expect(within({ actions: [], a: { b: 1, c: [1, 2] } })).to.equal(false)
    expect(within({ a: { b: 1, c: [1, 2] } })).to.equal(false)
    expect(within({ actions: ['r'], a: { b: 1, c: [2, 1] } })).to.equal(false)
    expect(within({ actions: ['r'], a: { b: 1 } })).to.equal(false)
    expect(isWithin({ type: 'y', ...granted[0] }, [])).to.equal(false)
  })

  it('finds every value, those that say nothing included', () => {
    const detail = { type: 'x', a: [{ b: 1 }, { b: true }], c: [], d: { e: 'f' } }
    expect(valuesOf(detail)).to.deep.equal([
      { path: ['a', '1', 'b'], value: 1 },
      { path: ['a', '2', 'b'], value: true },
      { path: ['c'], value: '–' },
      { path: ['d', 'e'], value: 'f' },
    ])
  })

  it('does not ask what no page shows', () => {
    const faultOf = (value: unknown) => unreadableFault([{ type: 'x', value }])
    expect(faultOf('plain ערב text 👩‍👩‍👧')).to.equal(undefined)
    expect(faultOf('x'.repeat(501))).to.match(/characters/)
    expect(faultOf(Array(61).fill(1))).to.match(/more than 60 values/)
    expect(faultOf('a\u0007')).to.match(/control/)
    expect(faultOf('a\u202eb')).to.match(/control/)
  })

  it('shows lists together, with the labels of the language', () => {
    const shown = showDetail(
      { type: 'x', to: [{ iban: 'A' }, { iban: 'B' }], steps: ['one', 'two'] },
      {
        type: 'x',
        title: 'Pay',
        schema: of({
          to: {
            type: 'array',
            title: 'To',
            items: of({ iban: { type: 'string', title: 'IBAN' } }),
          },
          steps: { type: 'array', items: { type: 'string' } },
        }),
        locales: { de: { title: 'Zahlen', labels: { to: 'An', steps: 'Schritte' } } },
      },
      'de',
    )
    expect(shown).to.deep.equal({
      title: 'Zahlen',
      description: undefined,
      lines: [
        { label: 'An · 1 · IBAN', values: ['A'] },
        { label: 'An · 2 · IBAN', values: ['B'] },
        { label: 'Schritte', values: ['one', 'two'] },
      ],
    })
  })
})
