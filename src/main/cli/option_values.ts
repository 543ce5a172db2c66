import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { InvalidArgumentError } from 'commander'
import { parseDurationS } from '../../core/duration.ts'
import { DomainError } from '../../core/errors.ts'

/** Readers of option values. What they throw names the option, because commander adds it. */

/** For an option that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value]
}

export function duration(text: string): number {
  const seconds = parseDurationS(text)
  if (seconds === undefined) {
    throw new InvalidArgumentError('Write a duration such as 90s, 15m, 24h or 14d.')
  }
  return seconds
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`)
  }
}

/** @throws DomainError `invalid_input` where the file cannot be read */
function readTextFile(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new DomainError('invalid_input', `The file of ${option} cannot be read (${code}).`, {
      hint: `Is ${path} there, and may you read it?`,
      cause,
    })
  }
}

/** @throws DomainError `invalid_input` where the file is not a JSON object */
export function readJsonFile(option: string, path: string): Record<string, unknown> {
  const text = readTextFile(option, path)
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // Told below.
  }
  throw new DomainError('invalid_input', `The file of ${option} is not a JSON object.`, {
    hint: `Look at ${path}.`,
  })
}

/** @throws DomainError `invalid_input` where the file is neither YAML nor JSON */
export function readYamlFile(option: string, path: string): unknown {
  const text = readTextFile(option, path)
  const { parse } = createRequire(import.meta.url)('yaml') as typeof import('yaml')
  try {
    return parse(text)
  } catch (cause) {
    throw new DomainError('invalid_input', `The file of ${option} is neither YAML nor JSON.`, {
      hint: `${(cause as Error).message.split('\n')[0]} Look at ${path}.`,
      cause,
    })
  }
}

/** A secret or password in a file: its one line, without the line break an editor adds. */
export function readSecretFile(option: string, path: string): string {
  return withoutLineBreak(readTextFile(option, path))
}

export function withoutLineBreak(text: string): string {
  return text.replace(/\r?\n$/, '')
}
