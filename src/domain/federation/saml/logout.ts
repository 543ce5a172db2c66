import { z } from 'zod'
import type { LogoutConnector, LogoutMessage, LogoutReceived } from '../connector.ts'
import type { SamlParty } from './party.ts'
import {
  isSamePerson,
  makeLogoutRequest,
  makeLogoutResponse,
  readLogoutRequest,
  readLogoutResponse,
  type SloInput,
} from './slo.ts'

/** Single Logout as every source has it: the pieces of `slo.ts` in the words of a connector. */

const keptSchema = z.object({ requestId: z.string() })

export function samlLogout(party: SamlParty): LogoutConnector {
  return {
    async receive(message) {
      // By SOAP nobody reaches us; a browser brings it.
      if (message.channel === 'server') return { kind: 'refused', detail: 'not by this way' }
      return message.params['SAMLRequest'] === undefined
        ? answered(party, message)
        : await asked(party, message)
    },
    async begin({ logoutHint, sessionId, state }) {
      if (logoutHint === undefined) return { kind: 'unsupported' }
      const made = await makeLogoutRequest(party, { logoutHint, sessionId, relayState: state })
      if (made.kind !== 'departs') return made
      return { ...made, keep: { requestId: made.requestId } }
    },
  }
}

async function asked(party: SamlParty, message: LogoutMessage): Promise<LogoutReceived> {
  const read = await readLogoutRequest(party, inputOf(message))
  if (read.kind !== 'asked') return read
  const { requestId, expiresAt, relayState, name, sessionIds } = read
  return {
    kind: 'ended',
    message: { id: requestId, expiresAt },
    whose: {
      // The name alone finds them where no session is named; with one, the name has to fit it.
      subject: sessionIds.length === 0 ? name.nameId : undefined,
      sessionIds,
      isMeant: (hint) => isSamePerson(hint, name),
    },
    async answer(outcome) {
      const made = await makeLogoutResponse(party, { requestId, outcome, relayState })
      return made.kind === 'departs' ? made.departure : undefined
    },
  }
}

function answered(party: SamlParty, message: LogoutMessage): LogoutReceived {
  const state = message.params['RelayState']
  if (state === undefined) return { kind: 'refused', detail: 'there is no RelayState' }
  return {
    kind: 'answered',
    state,
    async read(keep) {
      const kept = keptSchema.safeParse(keep)
      if (!kept.success) return false
      const read = await readLogoutResponse(party, inputOf(message), kept.data)
      return read.kind === 'ended'
    },
  }
}

function inputOf({ query, params }: LogoutMessage): SloInput {
  return query === '' ? { binding: 'post', params } : { binding: 'redirect', query }
}
