import { createInterface } from 'node:readline/promises'
import { DomainError } from '../../core/errors.ts'

export type Terminal = {
  input: NodeJS.ReadableStream & { isTTY?: boolean }
  /** Not stdout, which is for the answer. */
  output: NodeJS.WritableStream & { isTTY?: boolean }
}

const TERMINAL: Terminal = { input: process.stdin, output: process.stderr }

/**
 * Lets nothing be lost by a slip: either `--yes` was said, or the person at the terminal types the
 * word.
 *
 * @throws DomainError `invalid_input` where nobody can be asked, or something else was typed
 */
export async function confirm(
  { warning, word, yes }: { warning: string; word: string; yes: boolean | undefined },
  { input, output }: Terminal = TERMINAL,
): Promise<void> {
  if (yes) return
  if (!input.isTTY || !output.isTTY) {
    throw new DomainError('invalid_input', warning, { hint: 'Say --yes if that is wanted.' })
  }
  const typed = await ask(`${warning}\nType ${word} to go on: `, { input, output })
  if (typed?.trim() !== word) throw new DomainError('invalid_input', 'Nothing was changed.')
}

/** Undefined where the person left (Ctrl-C, Ctrl-D): readline itself would wait for ever. */
export async function ask(question: string, terminal: Terminal): Promise<string | undefined> {
  const dialogue = createInterface({ ...terminal, terminal: true })
  const left = new AbortController()
  dialogue.once('close', () => left.abort())
  try {
    return await dialogue.question(question, { signal: left.signal })
  } catch (error) {
    if (left.signal.aborted) return undefined
    throw error
  } finally {
    dialogue.close()
  }
}
