/**
 * Scopes that a deployment makes for claims of its own. They have a form that no scope of an API may
 * have, so that the two never meet.
 */
const OWN_SCOPE = /^profile:[a-z][a-z0-9_]{0,39}$/

export const OWN_SCOPE_FORM = 'profile: and a name in lower case, such as profile:employment'

export function isOwnScope(name: string): boolean {
  return OWN_SCOPE.test(name)
}
