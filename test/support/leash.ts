import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Nothing that a test starts outlives it. A small process of its own holds the other end of a pipe;
 * when the pipe closes, because this process ended well or was killed with -9, the holder ends the
 * process groups and removes the folders it was told of.
 */

const HOLDER = fileURLToPath(new URL('leash_holder.ts', import.meta.url))
let holder: ChildProcess | undefined

/** Puts the process group `pid` on the leash, or with `held: false` takes it off. */
export function leashGroup(pid: number, held = true): void {
  tell(held ? 'group' : 'free', String(pid))
}

/** A new folder, under the system's temporary one or `parent`, removed when this process has ended. */
export function temporaryFolder(name: string, parent = tmpdir()): string {
  const folder = mkdtempSync(path.join(parent, `authcore-${name}-`))
  // Servers that give up root's rights have to pass through.
  chmodSync(folder, 0o755)
  tell('folder', folder)
  return folder
}

/** A file system mounted on this folder is unmounted before the folder is removed. */
export function leashMount(folder: string): void {
  tell('mount', folder)
}

/** Lets the holder do its work now, and waits for it. What comes later is on a new leash. */
export async function letGo(): Promise<void> {
  const last = holder
  holder = undefined
  if (!last) return
  last.ref()
  await new Promise((resolve) => last.once('exit', resolve).stdin?.end())
}

function tell(verb: string, value: string): void {
  holder ??= startHolder()
  holder.stdin?.write(`${verb} ${value}\n`)
}

function startHolder(): ChildProcess {
  // Its own session: Ctrl-C at the terminal must not reach it.
  const child = spawn(process.execPath, [HOLDER], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  letEnd(child)
  return child
}

/** This child must not keep our event loop alive. */
export function letEnd(child: ChildProcess): void {
  child.unref()
  for (const stream of child.stdio) (stream as { unref?(): void } | null)?.unref?.()
}
