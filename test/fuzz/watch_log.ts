import { CANARY } from './odd_values.ts'

/** Reads the server's own log: a secret in it, or an error, is a fault of whatever was asked before. */
export type LogWatch = {
  keepSecret(...values: (string | undefined)[]): void
  /** @returns what is wrong in these lines */
  faultsIn(text: string): string[]
}

/** The latest: a secret that is logged is logged when it is used. */
const KEPT = 400

export function watchLog(): LogWatch {
  const secrets = new Set<string>()
  return {
    keepSecret(...values) {
      for (const value of values) {
        if (value === undefined || value.length < 8) continue
        secrets.delete(value)
        secrets.add(value)
      }
      for (const value of secrets) {
        if (secrets.size <= KEPT) break
        secrets.delete(value)
      }
    },
    faultsIn(text) {
      const faults: string[] = []
      for (const line of text.split('\n')) {
        if (line === '') continue
        const secret = line.includes(CANARY)
          ? CANARY
          : [...secrets].find((each) => line.includes(each))
        if (secret !== undefined)
          faults.push(`a secret in the log (${secret}): ${line.slice(0, 2_000)}`)
        if (/^\{"level":"(error|fatal)"/.test(line)) faults.push(`logged: ${line.slice(0, 2_000)}`)
        if (!line.startsWith('{')) faults.push(`printed: ${line.slice(0, 500)}`)
      }
      return faults
    },
  }
}
