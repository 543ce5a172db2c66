/** The groups of test files: how long a file may take, and which have the machine to themselves. */

export type Group = {
  name: string
  /** Folders under test/; the last group takes whatever no other names. */
  folders: string[]
  /** For one file, from the start of its process to its end. */
  timeLimitMs: number
  /** One file at a time, after everything else: tests of faults and of time suffer from company. */
  alone?: true
}

const GROUPS: readonly Group[] = [
  {
    name: 'unit',
    folders: ['core', 'platform', 'domain', 'web', 'views', 'architecture', 'support'],
    timeLimitMs: 120_000,
  },
  { name: 'suites', folders: ['suites'], timeLimitMs: 180_000 },
  { name: 'browser', folders: ['browser'], timeLimitMs: 240_000 },
  { name: 'interop', folders: ['interop'], timeLimitMs: 240_000 },
  { name: 'faults', folders: ['faults'], timeLimitMs: 300_000, alone: true },
  { name: 'protocol', folders: [], timeLimitMs: 180_000 },
]

/** @param file relative to the repository: `test/core/core.test.ts` */
export function groupOf(file: string): Group {
  const folder = file.split('/')[1] ?? ''
  return GROUPS.find(({ folders }) => folders.includes(folder)) ?? GROUPS.at(-1)!
}
