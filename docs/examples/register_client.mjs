const { ISSUER = 'http://localhost:5001', INITIAL_ACCESS_TOKEN } = process.env

const discovery = await fetch(`${ISSUER}/.well-known/openid-configuration`)
const { registration_endpoint: endpoint } = await discovery.json()

// RFC 7591: register. The answer holds every member as it was registered.
const registered = await call('POST', endpoint, INITIAL_ACCESS_TOKEN, {
  client_name: 'The shelf',
  redirect_uris: ['https://shelf.example.com/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
})
const { client_id, registration_client_uri: own, registration_access_token: token } = registered
console.log(`registered as ${registered.preset}, ${registered.token_endpoint_auth_method}`)

// RFC 7592: read, then send everything back with what is to change.
const current = await call('GET', own, token)
const { registration_access_token, registration_client_uri, client_id_issued_at, ...mine } = current
const updated = await call('PUT', own, token, { ...mine, client_id, client_name: 'Our shelf' })
console.log(`now called ${updated.client_name}`)

await call('DELETE', own, token)
console.log('deleted')

async function call(method, url, bearer, body) {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body ? { 'Content-Type': 'application/json' } : {}),
      ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const answer = response.status === 204 ? undefined : await response.json()
  if (!response.ok) throw new Error(`${answer.error}: ${answer.error_description}`)
  return answer
}
