import { expect } from 'chai'
import type { RedirectResult, RedirectStart } from '../../../../src/domain/federation/connector.ts'
import {
  type Answer,
  answerTo,
  type Connection,
  openConnection,
  type Settings,
} from './saml_connection.ts'

export type Refusal = {
  check: string
  reason?: 'denied' | 'invalid' | 'too_weak'
  settings?: Settings
  start?: Partial<RedirectStart>
}

/** The result is a refusal by this very check, and by no other. */
export function expectRefusal(
  result: { kind: string },
  { check, reason = 'invalid' }: Pick<Refusal, 'check' | 'reason'>,
): void {
  expect(result, JSON.stringify(result)).to.deep.include({ kind: 'refused', reason })
  const { detail } = result as Extract<RedirectResult, { kind: 'refused' }>
  expect(detail.split(':')[0], detail).to.equal(check)
}

/** The answer as it is made is refused. */
export async function refuses(
  make: (requestId: string, connection: Connection) => string,
  refusal: Refusal,
): Promise<void> {
  const connection = openConnection(refusal.settings)
  const result = await connection.signIn((id) => make(id, connection), refusal.start)
  expectRefusal(result, refusal)
}

/** The answer is refused with what is said of it, and taken without: nothing else was wrong. */
export async function refusesAnswer(answer: Answer, refusal: Refusal): Promise<void> {
  await refuses((id, { forge }) => answerTo(forge, id, answer), refusal)
}
