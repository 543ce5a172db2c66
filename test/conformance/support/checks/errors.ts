import { expect } from 'chai'
import type { Reply } from '../../../support/http.ts'
import type { Notes } from '../outcome.ts'

/** RFC 6749 §5.2: which characters an error may have; line breaks and tabs are warned about first. */
export function checkErrorText(error: Record<string, unknown>, notes: Notes): void {
  const description = error['error_description']
  if (description !== undefined) {
    expect(description).to.be.a('string')
    if (/[\r\n\t]/.test(String(description))) notes.warn('line breaks or tabs in error_description')
    const visible = String(description).replace(/[\r\n\t]/g, '')
    expect(visible, 'error_description').to.match(/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/)
  }
  if (error['error_uri'] !== undefined) {
    expect(error['error_uri']).to.match(/^[\x21\x23-\x5b\x5d-\x7e]*$/)
  }
}

/** An error of an endpoint of machines: JSON, 400, or 401 where it is about who the client is. */
export function checkMachineError(
  reply: Reply,
  allowed: readonly string[],
  notes: Notes,
): Record<string, unknown> {
  expect(reply.headers['content-type'], reply.body).to.match(/^application\/json(;|$)/)
  const body = reply.json<Record<string, unknown>>()
  expect(body['error'], reply.body).to.be.oneOf([...allowed])
  const mayBe401 = ['invalid_client', 'invalid_dpop_proof', 'invalid_token']
  const statuses = mayBe401.includes(String(body['error'])) ? [400, 401] : [400]
  expect(reply.status, reply.body).to.be.oneOf(statuses)
  expect(body).not.to.have.any.keys('access_token', 'id_token', 'refresh_token', 'request_uri')
  checkErrorText(body, notes)
  return body
}
