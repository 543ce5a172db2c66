/** Where providers tell what became of a message. */
export const STATUS_PATH = '/messages/status'

export function statusPath(transport: 'hook' | 'twilio'): string {
  return `${STATUS_PATH}/${transport}`
}
