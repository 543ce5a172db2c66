const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/**
 * Reads a duration such as `90s`, `15m`, `24h` or `14d` into whole seconds; a bare number is
 * seconds. Returns undefined where the text is anything else.
 */
export function parseDurationS(text: string): number | undefined {
  const match = /^(\d{1,9})(s|m|h|d)?$/.exec(text.trim())
  if (!match) return undefined
  return Number(match[1]) * SECONDS[(match[2] ?? 's') as keyof typeof SECONDS]
}

/** Writes seconds in the largest unit that divides them: 900 → `15m`. */
export function formatDurationS(seconds: number): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    if (seconds > 0 && seconds % SECONDS[unit] === 0) return `${seconds / SECONDS[unit]}${unit}`
  }
  return `${seconds}s`
}
