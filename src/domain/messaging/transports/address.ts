import { isId } from '../../../core/ids.ts'
import type { Channel } from '../kinds.ts'

/** Nothing that could end a header or a command, or add a second recipient. */
const MAIL_ADDRESS = /^[^\s<>"(),:;\\@\p{C}]+@[^\s<>"(),:;\\@\p{C}]+$/u
/** E.164. */
const NUMBER = /^\+[1-9]\d{5,14}$/

/** A push message goes to a subscription, by its id. */
const LOOKS_RIGHT: Readonly<Record<Channel, (recipient: string) => boolean>> = {
  email: (recipient) => MAIL_ADDRESS.test(recipient),
  sms: (recipient) => NUMBER.test(recipient),
  push: isId,
}

export function isAddress(channel: Channel, recipient: string): boolean {
  return LOOKS_RIGHT[channel](recipient)
}
