import type { Outgoing } from '../../../src/domain/messaging/transports/transport.ts'

export const ID = '019abcde-0000-7000-8000-000000000001'

export function mailTo(to: string, change: Partial<Outgoing> = {}): Outgoing {
  return {
    id: ID,
    kind: 'sign_in_code',
    to,
    subject: 'Your code – コード',
    text: 'Your code: 123456\n\nhttps://login.example.test/x?a=b&c=d',
    html: '<!doctype html><html lang="en"><title>x</title><p>Your code: <b>123456</b></p></html>',
    ...change,
  }
}

export function smsTo(to: string): Outgoing {
  return {
    id: ID,
    kind: 'sign_in_code',
    to,
    subject: '',
    text: '123456 ist Ihr Code – 例',
    html: '',
  }
}

export const NEVER = new AbortController().signal
