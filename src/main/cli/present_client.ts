import type { Client } from '../../domain/clients/client.ts'
import type { Answer } from './output.ts'
import { fields, table } from './text.ts'

/** Clients as the command line shows them: of a secret its times only, unless it is new. */

export function clientAnswer(client: Client, newSecret?: string): Answer {
  const data = clientData(client)
  if (newSecret === undefined) return { data, text: clientText(client) }
  return {
    data: { ...data, client_secret: newSecret },
    text: `${clientText(client)}\n\n${fields([['client_secret', newSecret]])}\n${SHOWN_ONCE}`,
  }
}

const SHOWN_ONCE = 'Keep the secret now: it is stored as a hash and cannot be shown again.'

export function clientListAnswer(clients: readonly Client[]): Answer {
  const rows = clients.map((client) => [
    client.clientId,
    client.name,
    client.status,
    client.firstParty ? 'yes' : 'no',
    client.metadata.token_endpoint_auth_method,
    client.metadata.grant_types.map(shortGrant).join(','),
  ])
  const heads = ['client_id', 'name', 'status', 'first party', 'authenticates', 'grants']
  return {
    data: { clients: clients.map(clientData) },
    text: table(heads, rows, 'There are no clients.'),
  }
}

function shortGrant(type: string): string {
  return type.split(':').at(-1)!
}

function clientData(client: Client) {
  return {
    client_id: client.clientId,
    name: client.name,
    status: client.status,
    first_party: client.firstParty,
    preset: client.preset,
    origin: client.origin,
    metadata: client.metadata,
    secrets: client.secrets.map(({ id, createdAt, expiresAt }) => ({
      id,
      created_at: createdAt,
      expires_at: expiresAt,
    })),
    created_at: client.createdAt,
    updated_at: client.updatedAt,
  }
}

function clientText(client: Client): string {
  return fields([
    ['client_id', client.clientId],
    ['name', client.name],
    ['status', client.status],
    ['first_party', client.firstParty],
    ['preset', client.preset],
    ['origin', client.origin],
    ...Object.entries(client.metadata).map(([member, value]) => [member, shown(value)] as const),
    [
      'secrets',
      client.secrets.map(
        ({ createdAt, expiresAt }) =>
          `made ${createdAt.toISOString()}${expiresAt ? `, ends ${expiresAt.toISOString()}` : ''}`,
      ),
    ],
    ['created', client.createdAt],
    ['updated', client.updatedAt],
  ])
}

/** `{ "https://api": ["read"] }` reads as one line for each API; keys as their ids. */
function shown(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.entries(value).map(([name, content]) =>
    Array.isArray(content) && content.every((entry) => typeof entry === 'string')
      ? `${name} = ${content.join(' ')}`
      : JSON.stringify(content),
  )
}
