import type { Context } from 'koa'
import type { z } from 'zod'
import { DomainError } from '../core/errors.ts'
import { announcesBody, DEFAULT_BODY_BYTES, decodeUtf8, readRawBody } from './raw_body.ts'

/**
 * Forms: flat, text only, every field once. There is no nesting and there are no arrays, so a handler
 * never meets an object where it expects a string. Only handlers read bodies; nothing before them.
 */

export type Form = Record<string, string>
export type FormLimits = { limitBytes?: number; maxFields?: number }

/**
 * Reads an application/x-www-form-urlencoded body in UTF-8. The result has no prototype.
 *
 * @throws DomainError `unsupported` for another content type, `too_large` beyond the limits (the
 *   connection then closes), `invalid_input` for a field sent twice, a name with brackets, NUL or
 *   broken encoding
 */
export async function readForm(
  ctx: Context,
  { limitBytes = DEFAULT_BODY_BYTES, maxFields = 100 }: FormLimits = {},
): Promise<Form> {
  if (!announcesBody(ctx.req)) return Object.create(null) as Form
  assertFormType(ctx.get('Content-Type'))
  const text = decodeUtf8(await readRawBody(ctx.req, { limitBytes }))
  if (text === undefined) throw malformed('not UTF-8')
  return parseFields(text, maxFields)
}

/** @throws DomainError `invalid_input` naming the fields, never their values */
export function parseForm<Schema extends z.ZodType>(schema: Schema, form: Form): z.output<Schema> {
  const parsed = schema.safeParse(form)
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys : [issue.path.join('.')],
  )
  throw new DomainError('invalid_input', 'The form is not filled in correctly.', {
    hint: `Check ${[...new Set(fields)].join(', ')}.`,
    debug: parsed.error.issues
      .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
      .join('; '),
  })
}

const FORM_TYPE = /^application\/x-www-form-urlencoded[ \t]*(;[ \t]*charset="?utf-8"?[ \t]*)?$/i

function assertFormType(contentType: string): void {
  if (!FORM_TYPE.test(contentType)) {
    throw new DomainError('unsupported', 'The body must be a form.', {
      hint: 'Send Content-Type: application/x-www-form-urlencoded, in UTF-8.',
    })
  }
}

function parseFields(text: string, maxFields: number): Form {
  const form = Object.create(null) as Form
  let count = 0
  for (const pair of text === '' ? [] : text.split('&', maxFields + 2)) {
    if (pair === '') continue
    if (++count > maxFields) throw new DomainError('too_large', 'The form has too many fields.')
    const equals = pair.indexOf('=')
    const name = decode(equals === -1 ? pair : pair.slice(0, equals))
    if (/[[\]]/.test(name)) throw malformed('brackets in a field name')
    if (name in form) throw malformed('a field sent twice')
    form[name] = equals === -1 ? '' : decode(pair.slice(equals + 1))
  }
  return form
}

function decode(text: string): string {
  let value: string
  try {
    value = decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw malformed('an invalid percent-encoding')
  }
  if (value.includes('\0')) throw malformed('a NUL character')
  return value
}

function malformed(what: string): DomainError {
  return new DomainError('invalid_input', 'The form is malformed.', { debug: `form: ${what}` })
}
