/** One readable line per log entry, for a person at a terminal. */

type Entry = {
  time: string
  level: string
  msg?: string
  err?: { stack?: string }
  [field: string]: unknown
}

export function prettyStream(out: { write(text: string): unknown }): { write(line: string): void } {
  return {
    write(line) {
      const { time, level, msg = '', err, ...fields } = JSON.parse(line) as Entry
      const words = Object.entries(fields).map(([name, value]) => `${name}=${show(value)}`)
      const stack = err?.stack ? `\n${err.stack.replace(/^/gm, '    ')}` : ''
      const head = `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${plain(msg)}`
      out.write(`${[head, ...words].join('  ')}${stack}\n`)
    },
  }
}

function show(value: unknown): string {
  return typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value)
}

/** Control characters could forge a line or repaint the terminal. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => JSON.stringify(c).slice(1, -1))
}
