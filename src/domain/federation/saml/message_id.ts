import { randomBytes } from 'node:crypto'

/** 160 random bits; an xs:ID does not begin with a digit (core §1.3.4). */
export function newMessageId(): string {
  return `_${randomBytes(20).toString('hex')}`
}
