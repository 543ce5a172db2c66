import { ALWAYS, type Group } from '../harness/fault.ts'
import { startStand } from '../harness/stand.ts'

/** What happens to a process of ours. */
export const serverFaults: Group = {
  title: 'a server that is ended',
  needs: () => ALWAYS,
  async start() {
    const stand = await startStand()
    return { stand, stop: () => stand.stop() }
  },
  faults: [
    {
      name: 'server_killed',
      what: 'the server is killed (-9) and started again',
      async strike({ stand }) {
        await stand.server.kill()
        return async () => stand.server.launch()
      },
      rounds: { short: 3, long: 6 },
      lastsMs: { short: 200, long: 1_000 },
      meets: ['unanswered'],
      mustMeet: 'unanswered',
    },
    {
      name: 'server_frozen',
      what: 'the server is frozen and goes on',
      async strike({ stand }) {
        process.kill(stand.server.pid(), 'SIGSTOP')
        return async () => void process.kill(stand.server.pid(), 'SIGCONT')
      },
      lastsMs: { short: 1_000, long: 5_000 },
      meets: [],
    },
  ],
}
