/** The far end of `leash.ts`: reads what to clean up, and does so when its input ends. */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const groups = new Set<number>()
const folders = new Set<string>()
const mounts = new Set<string>()

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, value = ''] = line.split(/ (.*)/)
  if (verb === 'group') groups.add(Number(value))
  if (verb === 'free') groups.delete(Number(value))
  if (verb === 'folder') folders.add(value)
  if (verb === 'mount') mounts.add(value)
}

for (const group of groups) signalGroup(group, 'SIGTERM')
for (let waited = 0; waited < 20 && [...groups].some(isAlive); waited++) await sleep(50)
for (const group of groups) signalGroup(group, 'SIGKILL')
for (const mount of mounts) spawnSync('umount', ['--lazy', mount])
for (const folder of folders) await remove(folder)

/** Others may still be writing to it, or removing something in it, which makes removing fail. */
async function remove(folder: string): Promise<void> {
  for (let attempt = 0; attempt < 50 && existsSync(folder); attempt++) {
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch {
      await sleep(100)
    }
  }
}

function isAlive(group: number): boolean {
  return signalGroup(group, 0)
}

function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal)
  } catch {
    return false
  }
}
