/** How answers look to people: aligned columns and `key: value` lines, without surprises in them. */

export type Row = readonly string[]
export type Field = readonly [name: string, value: unknown]

/** Columns under their heads; `nothing` where there are no rows. */
export function table(heads: Row, rows: readonly Row[], nothing: string): string {
  if (rows.length === 0) return nothing
  const lines = [heads.map((head) => head.toUpperCase()), ...rows.map((row) => row.map(visible))]
  const widths = heads.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** One line for each field that has a value; a list takes one line for each entry. */
export function fields(entries: readonly Field[]): string {
  const told = entries.filter(([, value]) => value !== undefined && value !== null)
  const width = Math.max(...told.map(([name]) => name.length)) + 1
  return told
    .map(([name, value]) => {
      const lines = textOf(value).map(visible)
      return `${`${name}:`.padEnd(width)} ${lines.join(`\n${' '.repeat(width)} `)}`.trimEnd()
    })
    .join('\n')
}

function textOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.length === 0 ? ['(none)'] : value.flatMap(textOf)
  if (value instanceof Date) return [value.toISOString()]
  if (typeof value === 'boolean') return [value ? 'yes' : 'no']
  return [typeof value === 'string' ? value : JSON.stringify(value)]
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: naming them is the point
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** What would move the cursor or turn the text around is shown as what it is. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
