import { readFile, stat } from 'node:fs/promises'

/**
 * A file that an operator gives and replaces while we run, and what was made of it. A replacement
 * that cannot be used is told of in the log, and what was there before stays.
 */
export type RenewedFile<T> = {
  current(): T
  /** Looks now; the timer does the same. */
  look(): Promise<void>
  close(): void
}

/** What there is to say of it, to whom the log belongs. */
export type FileLog = {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A look costs one `stat`. */
const LOOK_AGAIN_MS = 60_000

/** @throws whatever `make` throws, and where the file cannot be read: the start is to stop then */
export async function openRenewedFile<T>(
  file: string,
  make: (content: Buffer) => T | Promise<T>,
  { log, name }: { log: FileLog; name: string },
): Promise<RenewedFile<T>> {
  // The stamp is taken first: what is replaced while it is read is read again.
  let stamp = await stampOf(file)
  let made = await make(await readFile(file))
  const look = async () => {
    const found = await stampOf(file).catch(() => 'gone')
    if (found === stamp) return
    stamp = found
    try {
      made = await make(await readFile(file))
      log.info({ file }, `${name} was replaced and is in use`)
    } catch (error) {
      log.error({ file, err: error }, `${name} was replaced and cannot be used; the old one stays`)
    }
  }
  const timer = setInterval(() => void look(), LOOK_AGAIN_MS)
  timer.unref()
  return { current: () => made, look, close: () => clearInterval(timer) }
}

/** Another file by the same name has another one of these. */
async function stampOf(file: string): Promise<string> {
  const { dev, ino, size, mtimeMs } = await stat(file)
  return [dev, ino, size, mtimeMs].join(':')
}
