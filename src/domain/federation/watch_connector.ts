import type { Connector } from './connector.ts'

/** How a connection fares, as those who need it find: nobody is asked for the sake of asking. */
export type ConnectionState = {
  state: 'unused' | 'up' | 'down'
  since?: Date | undefined
  /** When what is known of the source ends, where it does. */
  endsAt?: Date | undefined
}

export type ConnectorOperation = 'sign_in' | 'change_password' | 'list' | 'logout'

export type ConnectorCall = {
  operation: ConnectorOperation
  /** Whether the source answered, whatever it said. */
  answered: boolean
  durationMs: number
}

/** The same connector, of which every call is told. */
export function watchConnector(
  connector: Connector,
  onCall: (call: ConnectorCall) => void,
): Connector {
  const watched = async <T>(
    operation: ConnectorOperation,
    work: () => Promise<T>,
    { proves = true } = {},
  ): Promise<T> => {
    const startedAt = performance.now()
    const tell = (answered: boolean) =>
      onCall({ operation, answered, durationMs: performance.now() - startedAt })
    try {
      const result = await work()
      const answered = (result as { kind?: unknown } | undefined)?.kind !== 'unavailable'
      if (proves || !answered) tell(answered)
      return result
    } catch (error) {
      tell(false)
      throw error
    }
  }
  const { password, redirect, directory, logout } = connector
  const change = password?.change
  return {
    ...connector,
    ...(password && {
      password: {
        ...password,
        check: (input) => watched('sign_in', () => password.check(input)),
        ...(change && { change: (input) => watched('change_password', () => change(input)) }),
      },
    }),
    ...(redirect && {
      redirect: {
        ...redirect,
        // A way there may be made of what is known: it proves nothing of the source but that it fails.
        begin: (start) => watched('sign_in', () => redirect.begin(start), { proves: false }),
        finish: (input) => watched('sign_in', () => redirect.finish(input)),
      },
    }),
    ...(directory && {
      directory: {
        ...directory,
        list: (input) => directory.list(input),
        find: (subject) => watched('list', () => directory.find(subject)),
        lookUp: (login) => watched('list', () => directory.lookUp(login)),
      },
    }),
    ...(logout && {
      logout: {
        ...logout,
        receive: (message) => watched('logout', () => logout.receive(message)),
        begin: (input) => watched('logout', () => logout.begin(input)),
      },
    }),
  }
}
