/**
 * Settles as `promise` does, or rejects with the signal's reason as soon as that aborts. The work
 * behind the promise is not stopped by this; its late outcome is ignored.
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

export type Deadline = {
  signal: AbortSignal
  /** Ends the call at once with this reason. */
  abort(reason: Error): void
  /** Releases the timer and the caller's signal. */
  [Symbol.dispose](): void
}

/**
 * One signal for a whole call: it aborts when `timeoutMs` milliseconds have passed, with the error
 * `onTimeout` makes, or when the caller's signal does, with the caller's reason.
 */
export function startDeadline(
  timeoutMs: number,
  onTimeout: () => Error,
  caller?: AbortSignal,
): Deadline {
  const controller = new AbortController()
  const onCallerAbort = () => controller.abort(caller?.reason)
  const timer = setTimeout(() => controller.abort(onTimeout()), timeoutMs)
  if (caller?.aborted) onCallerAbort()
  caller?.addEventListener('abort', onCallerAbort, { once: true })
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    [Symbol.dispose]() {
      clearTimeout(timer)
      caller?.removeEventListener('abort', onCallerAbort)
    },
  }
}
