import type { Client } from '../../domain/clients/client.ts'
import type { ClientPreset } from '../../domain/clients/client_presets.ts'
import {
  type Chosen,
  chooseRegistration,
  RegistrationRefused,
} from '../../domain/clients/registration/registered_metadata.ts'
import { verifySector, vetAddresses } from '../../domain/clients/registration/vet_addresses.ts'
import type { RegistrationDeps } from './mount.ts'

/**
 * Every check of a description before anything is written; the one that calls somebody comes last.
 *
 * @throws RegistrationRefused
 */
export async function accept(
  deps: RegistrationDeps,
  description: Record<string, unknown>,
  presets: readonly ClientPreset[],
): Promise<Chosen> {
  const chosen = chooseRegistration(description, presets)
  vetAddresses(chosen.metadata, deps.vetUrl)
  const fault = deps.faultOf(candidateOf(deps, chosen))
  if (fault) throw new RegistrationRefused('invalid_client_metadata', `${fault}.`)
  await verifySector(chosen.metadata, deps.request)
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
