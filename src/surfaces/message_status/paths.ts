/** Where providers tell what became of a message. */
export const STATUS_PATH = '/messages/status'

const REPORTING = ['hook', 'twilio', 'vonage', 'ses', 'sendgrid', 'mailgun'] as const
export type ReportingProvider = (typeof REPORTING)[number]

export function isReporting(name: string): name is ReportingProvider {
  return (REPORTING as readonly string[]).includes(name)
}

export function statusPath(provider: ReportingProvider): string {
  return `${STATUS_PATH}/${provider}`
}

export const STATUS_PATHS: readonly string[] = REPORTING.map(statusPath)
