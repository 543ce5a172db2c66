/** Reads lines of bytes as they come, holding no more of them than one line. */

export type Line = {
  /** From 1 upwards. */
  number: number
  /** Undefined where it is longer than allowed or no UTF-8. */
  text: string | undefined
  /** Of the first byte after it, from the beginning of the file. */
  end: number
}

const LINE_FEED = 0x0a
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** @param from where `chunks` begin in the file: position and number of lines before it */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  { position, lines, maxBytes }: { position: number; lines: number; maxBytes: number },
): AsyncGenerator<Line> {
  let number = lines
  let end = position
  let pending: Buffer[] = []
  let sizeBytes = 0
  const keep = (part: Buffer) => {
    sizeBytes += part.length
    end += part.length
    if (sizeBytes <= maxBytes) pending.push(part)
  }
  const line = (): Line => {
    number += 1
    const text = sizeBytes <= maxBytes ? decode(Buffer.concat(pending)) : undefined
    pending = []
    sizeBytes = 0
    return { number, text, end }
  }
  for await (const chunk of chunks) {
    let rest = chunk
    for (let at = rest.indexOf(LINE_FEED); at >= 0; at = rest.indexOf(LINE_FEED)) {
      keep(rest.subarray(0, at + 1))
      rest = rest.subarray(at + 1)
      yield line()
    }
    if (rest.length > 0) keep(rest)
  }
  if (sizeBytes > 0) yield line()
}

function decode(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}
