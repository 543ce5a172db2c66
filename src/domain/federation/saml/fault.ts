/**
 * A message that is not believed. `check` names the check that refused it, `message` what it found:
 * both are for the trail. Neither ever holds text of an assertion, but for what the source says of
 * itself: its name, a status, an algorithm, a time.
 */
export class SamlFault extends Error {
  readonly check: string
  readonly reason: 'denied' | 'invalid' | 'too_weak'

  constructor(check: string, message: string, reason: SamlFault['reason'] = 'invalid') {
    super(`${check}: ${message}`)
    this.name = 'SamlFault'
    this.check = check
    this.reason = reason
  }
}

/** A stranger's text as it may stand in the trail: one line, and not for long. */
export function quoted(text: string | undefined): string {
  if (text === undefined) return 'nothing'
  const plain = text.replace(/[^\x20-\x7e]/g, '?')
  return `"${plain.length > 200 ? `${plain.slice(0, 200)}…` : plain}"`
}
