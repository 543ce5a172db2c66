import type { Client } from '../../domain/clients/client.ts'
import type { ClientPreset } from '../../domain/clients/client_presets.ts'
import {
  type Chosen,
  chooseRegistration,
  RegistrationRefused,
} from '../../domain/clients/registration/registered_metadata.ts'
import { vetAddresses } from '../../domain/clients/registration/vet_addresses.ts'
import type { RegistrationDeps } from './mount.ts'

/**
 * Every check of a description that calls nobody, before anything is written.
 *
 * @throws RegistrationRefused
 */
export function accept(
  deps: RegistrationDeps,
  description: Record<string, unknown>,
  presets: readonly ClientPreset[],
): Chosen {
  const chosen = chooseRegistration(description, presets)
  vetAddresses(chosen.metadata, deps.vetUrl)
  const fault = deps.faultOf(candidateOf(deps, chosen))
  if (fault) throw new RegistrationRefused('invalid_client_metadata', `${fault}.`)
  return chosen
}

function candidateOf({ clock }: RegistrationDeps, chosen: Chosen): Client {
  const now = clock.now()
  return {
    ...chosen,
    clientId: 'candidate',
    status: 'active',
    firstParty: false,
    origin: 'registration',
    secrets: [],
    createdAt: now,
    updatedAt: now,
  }
}
