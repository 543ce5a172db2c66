import { DomainError } from '../../core/errors.ts'
import { type ClientMetadata, clientMetadataShape } from './client_metadata.ts'
import { type ClientPreset, presetFaults } from './client_presets.ts'
import { metadataFaults } from './metadata_rules.ts'

const MAX_BYTES = 32_768

export const clientMetadataSchema = (preset: ClientPreset | null) =>
  clientMetadataShape.superRefine((metadata, ctx) => {
    const faults = [...metadataFaults(metadata), ...presetFaults(preset, metadata)]
    for (const { path, message } of faults) ctx.addIssue({ code: 'custom', path, message })
  })

/**
 * @param preset null for clients of before presets, which keep to the rules for everybody
 * @throws DomainError `invalid_input` naming the first member that is not acceptable, `too_large`
 */
export function parseClientMetadata(input: unknown, preset: ClientPreset | null): ClientMetadata {
  const result = clientMetadataSchema(preset).safeParse(input)
  if (!result.success) {
    const [issue] = result.error.issues
    const member = issue?.path.join('.') || 'The metadata'
    throw new DomainError('invalid_input', `${member} ${issue?.message ?? 'is not acceptable'}.`)
  }
  if (Buffer.byteLength(JSON.stringify(result.data)) > MAX_BYTES) {
    throw new DomainError('too_large', 'The client metadata are larger than 32 kB.')
  }
  return result.data
}
