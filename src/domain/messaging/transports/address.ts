import type { Channel } from '../kinds.ts'

/** Nothing that could end a header or a command, or add a second recipient. */
const MAIL_ADDRESS = /^[^\s<>"(),:;\\@\p{C}]+@[^\s<>"(),:;\\@\p{C}]+$/u
/** E.164. */
const NUMBER = /^\+[1-9]\d{5,14}$/

export function isAddress(channel: Channel, recipient: string): boolean {
  return (channel === 'email' ? MAIL_ADDRESS : NUMBER).test(recipient)
}
