/** One thing wrong with the configuration: which key, what about it, and what to do. */
export type ConfigFault = { key: string; problem: string; remedy: string }

/** Refuses the start with every fault at once, so that nobody mends them one restart at a time. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[]

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map(({ key, problem, remedy }) => `  - ${key}: ${problem}\n    ${remedy}`)
    const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
    super(`The configuration has ${count}:\n${lines.join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}
