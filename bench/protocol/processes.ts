import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** What processes and their children cost, as Linux counts it. */

const TICKS_PER_S = 100

type Stat = { pid: number; parent: number; cpuTicks: number }

/** Milliseconds of CPU that the process, those below it and those of them that have ended took. */
export function cpuMsOf(pid: number): number {
  return (treeOf(pid).reduce((sum, { cpuTicks }) => sum + cpuTicks, 0) * 1000) / TICKS_PER_S
}

/** Bytes resident in the process and those below it; pages shared between them count in each. */
export function residentBytesOf(pid: number): number {
  return sumOfStatus(pid, 'VmRSS')
}

/** The most of that since `forgetPeak`. */
export function peakBytesOf(pid: number): number {
  return sumOfStatus(pid, 'VmHWM')
}

export function forgetPeak(pid: number): void {
  for (const each of treeOf(pid)) {
    try {
      writeFileSync(`/proc/${each.pid}/clear_refs`, '5')
    } catch {
      // Somebody else's process: the peak is then that since its start.
    }
  }
}

/** A prefix that keeps a program on one processor, where the system has `taskset` and two of them. */
export function pinned(processor: number, command: readonly string[]): string[] {
  return canPin() ? ['taskset', '-c', String(processor), ...command] : [...command]
}

/** Keeps this process, and whatever it starts from now on, on one processor. */
export function pinMyself(processor: number): void {
  if (canPin()) execFileSync('taskset', ['-acp', String(processor), String(process.pid)])
}

let pins: boolean | undefined
function canPin(): boolean {
  if (pins === undefined) {
    try {
      execFileSync('taskset', ['-c', '1', 'true'], { stdio: 'ignore' })
      pins = true
    } catch {
      pins = false
    }
  }
  return pins
}

function sumOfStatus(pid: number, name: string): number {
  return treeOf(pid).reduce((sum, each) => {
    try {
      const status = readFileSync(`/proc/${each.pid}/status`, 'utf8')
      return sum + Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024
    } catch {
      return sum
    }
  }, 0)
}

function treeOf(root: number): Stat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(statOf)
  const tree: Stat[] = []
  let wave = all.filter(({ pid }) => pid === root)
  while (wave.length > 0) {
    tree.push(...wave)
    const parents = new Set(wave.map(({ pid }) => pid))
    wave = all.filter(({ parent }) => parents.has(parent))
  }
  return tree
}

/** proc_pid_stat(5): fields 4, 14 to 17, counted behind the name, which may hold anything. */
function statOf(pid: string): Stat[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [parent = 0] = fields.slice(1, 2)
    const cpuTicks = fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0)
    return [{ pid: Number(pid), parent, cpuTicks }]
  } catch {
    return [] // It has just ended.
  }
}
