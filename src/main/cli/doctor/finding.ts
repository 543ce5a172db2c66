/** What one look at one thing came to, and what to do about it. */
export type Finding = {
  check: string
  status: 'ok' | 'warn' | 'fail'
  message: string
  remedy?: string
}

export const ok = (check: string, message: string): Finding => ({ check, status: 'ok', message })

export const warn = (check: string, message: string, remedy: string): Finding => ({
  check,
  status: 'warn',
  message,
  remedy,
})

export const bad = (check: string, message: string, remedy: string): Finding => ({
  check,
  status: 'fail',
  message,
  remedy,
})

/** `3 d`, `5 h`, `12 min`, `40 s`: of an age nobody needs more. */
export function roughly(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
  ] as const
  const [unit, size] = units.find(([, size]) => seconds >= 2 * size) ?? ['s', 1]
  return `${Math.round(seconds / size)} ${unit}`
}
