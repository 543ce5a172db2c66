import { readdirSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from 'prom-client'

/** The process itself, read when somebody asks; nothing runs between two scrapes. */
export function registerProcessMetrics(registry: Registry): void {
  registerCpu(registry)
  registerResources(registry)
  const startedAtS = Math.round(Date.now() / 1000 - process.uptime())
  const read = {
    process_start_time_seconds: ['Start of the process, Unix time.', () => startedAtS],
    process_resident_memory_bytes: ['Resident memory.', () => process.memoryUsage.rss()],
    nodejs_heap_size_used_bytes: ['Heap in use.', () => process.memoryUsage().heapUsed],
    nodejs_eventloop_utilization: [
      'Busy share of the event loop since the last scrape.',
      loopShare(),
    ],
  } as const satisfies Record<string, readonly [string, () => number]>
  for (const [name, [help, value]] of Object.entries(read)) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value())
      },
    })
  }
}

function registerCpu(registry: Registry): void {
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time, user and system.',
    registers: [registry],
    collect() {
      this.reset()
      this.inc(cpuSeconds())
    },
  })
}

/** What a leak of sockets, timers or files looks like from outside. */
function registerResources(registry: Registry): void {
  new Gauge({
    name: 'nodejs_active_resources',
    help: 'What keeps the event loop busy: sockets, timers, requests, by type.',
    labelNames: ['type'],
    registers: [registry],
    collect() {
      this.reset()
      for (const type of process.getActiveResourcesInfo()) this.inc({ type })
    },
  })
  if (openFiles() === undefined) return
  new Gauge({
    name: 'process_open_fds',
    help: 'Open file descriptors.',
    registers: [registry],
    collect() {
      this.set(openFiles() ?? Number.NaN)
    },
  })
}

/** Undefined where the system does not tell. */
function openFiles(): number | undefined {
  try {
    // The folder is itself open while it is read.
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return undefined
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function loopShare(): () => number {
  let last = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const share = performance.eventLoopUtilization(now, last).utilization
    last = now
    return Number.isFinite(share) ? share : 0
  }
}
