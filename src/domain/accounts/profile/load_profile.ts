import { readFileSync } from 'node:fs'
import { ConfigError } from '../../../platform/config/config_error.ts'
import type { ConfigBeforeSecrets } from '../../../platform/config/schema.ts'
import type { Attribute, Fault, FaultKind } from './attribute.ts'
import { isDate, isMailAddress, isPrintable, isWebAddress } from './formats.ts'
import { PLAIN_PROFILE, type Profile } from './profile.ts'
import { readProfileSchema } from './read_profile_schema.ts'

/**
 * The profile as it is configured. The validator is a large module that generates code: only a
 * deployment with a schema loads it, at the start, where a schema that cannot be used shows.
 *
 * @throws ConfigError naming each place of the schema that cannot be used
 */
export async function loadProfile({
  signIn: { profileSchema: path, profileAsk: asked },
}: {
  signIn: Pick<ConfigBeforeSecrets['signIn'], 'profileSchema' | 'profileAsk'>
}): Promise<Profile> {
  if (path === undefined) return { ...PLAIN_PROFILE, asked }
  const reading = readProfileSchema(readJson(path))
  if (reading.kind === 'bad') throw unusable(path, reading.faults)
  const { attributes, scopes } = reading.schema
  return { attributes, scopes, asked, faultOf: await compile(path, attributes) }
}

const SCHEMA_MAX_BYTES = 262_144

function readJson(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw unusable(path, [`cannot be read: ${(cause as NodeJS.ErrnoException).code}`])
  }
  if (Buffer.byteLength(text) > SCHEMA_MAX_BYTES) throw unusable(path, ['is larger than 256 KiB'])
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw unusable(path, [`is no JSON: ${(cause as Error).message}`])
  }
}

function unusable(path: string, faults: readonly string[]): ConfigError {
  return new ConfigError(
    faults.map((fault) => ({
      key: 'AUTHCORE_PROFILE_SCHEMA',
      problem: `${path}: ${fault}`,
      remedy: 'See docs/ACCOUNT.md for what a schema may say.',
    })),
  )
}

const KIND_OF_KEYWORD: Readonly<Record<string, FaultKind>> = {
  minLength: 'too_short',
  maxLength: 'too_long',
  minimum: 'too_small',
  maximum: 'too_large',
}

async function compile(
  path: string,
  attributes: readonly Attribute[],
): Promise<Profile['faultOf']> {
  const { Ajv2020 } = await import('ajv/dist/2020.js')
  const ajv = new Ajv2020({
    formats: { date: isDate, email: isMailAddress, uri: isWebAddress },
    strict: true,
    logger: false,
  })
  const validators = new Map(
    attributes.map(({ name, schema }) => {
      try {
        return [name, ajv.compile(schema)]
      } catch (cause) {
        throw unusable(path, [`properties.${name}: ${(cause as Error).message}`])
      }
    }),
  )
  return ({ name }, value) => {
    const validate = validators.get(name)
    if (!validate) return { kind: 'invalid' }
    if (typeof value === 'string' && !isPrintable(value)) return { kind: 'invalid' }
    return validate(value) ? undefined : faultOfErrors(validate.errors ?? [])
  }
}

type ValidationError = { keyword: string; params: Record<string, unknown> }

function faultOfErrors([error]: readonly ValidationError[]): Fault {
  if (!error) return { kind: 'invalid' }
  const { keyword, params } = error
  if (keyword === 'format') return { kind: params['format'] as FaultKind }
  if (keyword === 'type' && /integer|number/.test(String(params['type']))) return { kind: 'number' }
  const kind = KIND_OF_KEYWORD[keyword]
  return kind ? { kind, limit: Number(params['limit']) } : { kind: 'invalid' }
}
