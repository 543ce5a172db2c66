import { expect } from 'chai'
import { addApi } from '../support/authcore.ts'
import { CLIENTS } from './discovery/clients.ts'
import { ALIASES, ELSEWHERE, ENDPOINTS, FLAGS } from './discovery/endpoints.ts'
import { EVERYTHING } from './discovery/everything.ts'
import { type Member, type Stage, unexercised } from './discovery/exercise.ts'
import { GRANTS } from './discovery/grants.ts'
import { PROMPTS, REQUESTS } from './discovery/requests.ts'
import { SEALED } from './discovery/sealed.ts'
import { startOidc } from './oidc/stage.ts'
import { startSuiteHost } from './support/suite_host.ts'

/**
 * Every value that discovery advertises works, and nothing works that it does not advertise. The tests
 * are made from the document that the running server serves: a value that is new there fails until
 * somebody writes how to use it.
 */

const LISTS: Readonly<Record<string, Member>> = { ...CLIENTS, ...GRANTS, ...REQUESTS, ...SEALED }

type Deployment = { env?: Record<string, string>; mutualTls?: boolean }

async function start({
  env,
  mutualTls = false,
}: Deployment): Promise<Stage & { stop(): Promise<void> }> {
  const host = await startSuiteHost()
  const options = {
    worker: true,
    mutualTls,
    env: { ...host.env, ...env },
  }
  const stage = await startOidc({}, options)
  await addApi(stage.op.server)
  return {
    ...stage,
    host,
    async stop() {
      await stage.stop()
      host.stop()
    },
  }
}

type Test = { title: string; run(stage: Stage): Promise<void> }

/** One for each value of the document, and for each that other servers have and this one does not. */
function testsOf(metadata: Record<string, unknown>): Test[] {
  // Told by whoever registers prompt=create only; the others are always there.
  const document = { prompt_values_supported: PROMPTS, ...metadata }
  return [
    ...Object.entries(document).flatMap(([name, value]) => advertised(name, value)),
    ...Object.entries(LISTS).flatMap(([name, member]) => absent(name, member, document)),
    ...Object.entries(FLAGS).flatMap(([name, { absent: run }]) =>
      run && !(name in document)
        ? [{ title: `${name} is absent`, run: async (stage: Stage) => await run(name, stage) }]
        : [],
    ),
    ...Object.entries(ELSEWHERE).flatMap(([name, paths]) => missing(name, paths, document)),
  ]
}

function advertised(name: string, value: unknown): Test[] {
  const test = (
    title: string,
    exercise: Member['works'] | undefined,
    as: string,
    said: unknown = value,
  ): Test => ({
    title,
    async run(stage) {
      if (!exercise) throw unexercised(name, said)
      await exercise(as, stage)
    },
  })
  if (Array.isArray(value)) {
    return value.map((one) => test(`${name}: ${one}`, LISTS[name]?.works, one, one))
  }
  if (typeof value === 'boolean') {
    return [test(`${name} is ${value}`, FLAGS[name]?.[value ? 'yes' : 'no'], String(value))]
  }
  if (typeof value === 'string') return [test(name, ENDPOINTS[name], value)]
  return Object.entries(value as object).map(([member, uri]) =>
    test(`${name}: ${member}`, ALIASES[member], String(uri), member),
  )
}

function absent(
  name: string,
  { others = [], refused }: Member,
  document: Record<string, unknown>,
): Test[] {
  const offered = (document[name] ?? []) as string[]
  return others
    .filter((value) => !offered.includes(value))
    .map((value) => ({
      title: `${name}: no ${value}`,
      run: async (stage) => await refused?.(value, stage),
    }))
}

function missing(
  name: string,
  paths: readonly string[],
  document: Record<string, unknown>,
): Test[] {
  if (name in document) return []
  const run = async ({ op }: Stage) => {
    for (const path of paths) {
      for (const method of ['GET', 'POST']) {
        const { status } = await op.newBrowser().request(method, path)
        expect(status, `${method} ${path}`).to.be.oneOf([404, 405])
      }
    }
  }
  return [{ title: `no ${name}`, run }]
}

describe('A value that discovery has and nobody exercises', () => {
  it('fails, and says its name', async () => {
    for (const value of [['a new thing'], true, 'https://a.new.thing']) {
      const [test] = advertised('made_up', value)
      const failure = await test!.run({} as Stage).then(
        () => 'works',
        (error: Error) => error.message,
      )
      expect(failure).to.match(/made_up .*nobody shows that it works/)
    }
  })
})

const seen = new Set<string>()

async function describeServer(how: string, deployment: Deployment): Promise<void> {
  // The document has to be there before its tests can be made.
  const stage = await start(deployment)
  // What another server advertised in the same words has been used there.
  const tests = testsOf(stage.op.metadata).filter(({ title }) => !seen.has(title))
  for (const { title } of tests) seen.add(title)
  describe(`What discovery advertises, ${how}`, function () {
    this.timeout(30_000)
    after(() => stage.stop())
    for (const { title, run } of tests) it(title, () => run(stage))
  })
}

await describeServer('as a server is by default', {})
await describeServer('with everything switched on', {
  mutualTls: true,
  env: EVERYTHING,
})
