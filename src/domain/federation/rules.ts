import { createRequire } from 'node:module'
import { z } from 'zod'
import type { UpstreamPerson } from './connector.ts'

/**
 * How a connection makes our words of a source's: expressions of the Common Expression Language, which
 * always come to an end and reach nothing but what they are given. They are checked when the connection
 * is written, so that nobody learns of a slip at a sign-in.
 */

const EXPRESSION_MAX = 2_000
const CLAIMS_MAX = 50

type Language = InstanceType<typeof import('@marcbachmann/cel-js')['Environment']>
let made: Language | undefined

/** What an expression can name. Loaded at first use: most deployments have no rules. */
function language(): Language {
  const require = createRequire(import.meta.url)
  const { Environment } = require('@marcbachmann/cel-js') as typeof import('@marcbachmann/cel-js')
  made ??= new Environment({ unlistedVariablesAreDyn: false })
    .registerVariable('subject', 'string')
    .registerVariable('username', 'string')
    .registerVariable('email', 'string')
    .registerVariable('email_verified', 'bool')
    .registerVariable('phone', 'string')
    .registerVariable('groups', 'list<string>')
    .registerVariable('claims', 'map')
    .registerVariable('raw', 'map')
  return made
}

function expressionOf(...types: readonly string[]) {
  return z
    .string()
    .max(EXPRESSION_MAX)
    .superRefine((text, ctx) => {
      const { valid, type, error } = language().check(text)
      const message = valid ? wrongType(type, types) : firstLine(error)
      if (message !== undefined) ctx.addIssue({ code: 'custom', message })
    })
}

function wrongType(type: string | undefined, types: readonly string[]): string | undefined {
  if (types.length === 0 || type === 'dyn' || types.includes(type ?? '')) return undefined
  return `must give ${types.join(' or ')}, and gives ${type}`
}

/** The rest of it draws the place with a pointer, over several lines. */
function firstLine(error: Error | undefined): string {
  return `cannot be read: ${(error?.message ?? 'unknown').split('\n')[0]}`
}

const members = z
  .record(z.string().max(100), expressionOf())
  .refine((record) => Object.keys(record).length <= CLAIMS_MAX, {
    error: `must be ${CLAIMS_MAX} at most`,
  })

export const rulesSchema = z.strictObject({
  /** Who is let in; everybody without it. What cannot be said of somebody lets nobody in. */
  allow: expressionOf('bool').optional(),
  /** Standard claims (OpenID Connect Core §5.1), over those that the kind maps by itself. */
  claims: members.default({}),
  /** Attributes of the deployment's own profile schema. */
  attributes: members.default({}),
})
export type Rules = z.output<typeof rulesSchema>

export type Ruled = {
  allowed: boolean
  claims: Record<string, unknown>
  attributes: Record<string, unknown>
  /** Claims that the rules speak of: undefined among the claims where they say nothing of this person. */
  ruledClaims: readonly string[]
}

/** What the rules say of this person; what cannot be said of them is undefined. */
export function applyRules(rules: Rules | undefined, person: UpstreamPerson): Ruled {
  const context = contextOf(person)
  const { allow, claims = {}, attributes = {} } = rules ?? {}
  return {
    allowed: allow === undefined || evaluate(allow, context) === true,
    claims: { ...person.claims, ...evaluateAll(claims, context) },
    attributes: evaluateAll(attributes, context),
    ruledClaims: Object.keys(claims),
  }
}

type Context = Record<string, unknown>

function contextOf(person: UpstreamPerson): Context {
  const { subject, username, email, emailVerified, phone, claims, groups, raw } = person
  return {
    subject,
    username: username ?? '',
    email: email ?? '',
    email_verified: emailVerified,
    phone: phone ?? '',
    groups: [...groups],
    claims,
    raw,
  }
}

function evaluateAll(record: Readonly<Record<string, string>>, context: Context): Context {
  const pairs = Object.entries(record).map(([name, text]) => [name, evaluate(text, context)])
  return Object.fromEntries(pairs.map(([name, value]) => [name, value === '' ? undefined : value]))
}

/** Undefined where it cannot be said: a member that this person does not have, a list that is empty. */
function evaluate(expression: string, context: Context): unknown {
  try {
    return plain(language().evaluate(expression, context))
  } catch {
    return undefined
  }
}

/** Whole numbers of the language are of another kind than JSON's. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(plain)
  return value ?? undefined
}
