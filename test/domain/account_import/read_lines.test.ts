import { expect } from 'chai'
import fc from 'fast-check'
import { type Line, readLines } from '../../../src/domain/account_import/read_lines.ts'

async function linesOf(
  chunks: readonly Buffer[],
  { position = 0, lines = 0, maxBytes = 1_000 } = {},
): Promise<Line[]> {
  const found: Line[] = []
  const source = async function* () {
    yield* chunks
  }
  for await (const line of readLines(source(), { position, lines, maxBytes })) found.push(line)
  return found
}

describe('domain/account_import/read_lines', () => {
  it('finds the same lines wherever the chunks end, and where to go on after each', async () => {
    const texts = fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\n', '')))
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 9 }), async (texts, size) => {
        const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''))
        const chunks: Buffer[] = []
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
        const lines = await linesOf(chunks, { maxBytes: 100_000 })
        expect(lines.map(({ number }) => number)).to.deep.equal(texts.map((_, i) => i + 1))
        for (const [i, { text, end }] of lines.entries()) {
          const wellFormed = `${texts[i]!}\n`.toWellFormed().replace(/^\ufeff/, '')
          expect(text).to.equal(wellFormed)
          const rest = await linesOf([bytes.subarray(end)], {
            position: end,
            lines: i + 1,
            maxBytes: 100_000,
          })
          expect(rest).to.deep.equal(lines.slice(i + 1))
        }
      }),
      { numRuns: 50 },
    )
  })

  it('takes a last line without a line break', async () => {
    expect(await linesOf([Buffer.from('a\nb')])).to.deep.equal([
      { number: 1, text: 'a\n', end: 2 },
      { number: 2, text: 'b', end: 3 },
    ])
    expect(await linesOf([])).to.deep.equal([])
  })

  it('keeps nothing of a line that is too long, and goes on behind it', async () => {
    const chunks = [Buffer.alloc(600, 'x'), Buffer.alloc(600, 'x'), Buffer.from('\nshort\n')]
    expect(await linesOf(chunks)).to.deep.equal([
      { number: 1, text: undefined, end: 1_201 },
      { number: 2, text: 'short\n', end: 1_207 },
    ])
  })

  it('has no text for bytes that are no UTF-8', async () => {
    const [line] = await linesOf([Buffer.from([0xff, 0xfe, 0x0a])])
    expect(line).to.deep.equal({ number: 1, text: undefined, end: 3 })
  })
})
