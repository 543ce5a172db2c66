import { spawnSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { leashMount, temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/** A file system of its own, so small that it can be filled. It lives in memory. */
export type SmallDisk = {
  folder: string
  /** To the last byte: whoever writes next is told ENOSPC. */
  fill(): void
  free(): void
}

export function available(): Availability {
  if (process.platform !== 'linux') return { ok: false, reason: 'only Linux has tmpfs' }
  const folder = temporaryFolder('mount')
  const tried = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  if (tried.status !== 0) return { ok: false, reason: 'no file system may be mounted here' }
  spawnSync('umount', [folder])
  return { ok: true }
}

export function startSmallDisk(sizeMb: number): SmallDisk {
  const folder = temporaryFolder('disk')
  const options = `size=${sizeMb}m,mode=0755`
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder])
  if (status !== 0) throw new Error(`cannot mount: ${stderr}`)
  leashMount(folder)
  const filler = path.join(folder, 'filler')
  return {
    folder,
    fill: () => fill(filler),
    free: () => rmSync(filler, { force: true }),
  }
}

function fill(file: string): void {
  const descriptor = openSync(file, 'a')
  try {
    for (const size of [1_048_576, 4_096, 1]) writeUntilFull(descriptor, Buffer.alloc(size))
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function writeUntilFull(descriptor: number, block: Buffer): void {
  for (;;) {
    try {
      writeSync(descriptor, block)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return
      throw error
    }
  }
}
