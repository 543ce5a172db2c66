import { hearPage } from './answers.ts'
import {
  type Caller,
  exchange,
  introspect,
  PATIENCE_MS,
  refresh,
  userinfo,
  written,
} from './asking.ts'
import type { History } from './history.ts'
import type { Left } from './load.ts'
import { codeAt, patiently } from './sign_in.ts'
import type { Stand } from './stand.ts'

/**
 * When everything is over, what is left is tried once more: what lives has to work, and what was used
 * up or taken back must not. It is written into the same history and judged with it.
 */
export async function audit(stand: Stand, history: History, left: readonly Left[]): Promise<void> {
  const caller = { actor: 'audit', stand, history, ip: '10.2.0.1' }
  for (const each of left) await tryLiving(caller, each)
  // A second use may end a whole family, so that it comes last.
  for (const each of left) await tryUsedUp(caller, each)
}

const once = () => true

async function tryLiving(caller: Caller, { signedIn, person, last, state }: Left): Promise<void> {
  const { family, access: value } = last
  await userinfo(caller, last, person.id)
  await introspect(caller, { kind: 'access_token', value, family })
  await goBack(caller, signedIn)
  if (state === 'live') {
    const next = (await patiently(once, () => refresh(caller, last)))?.chain
    if (next) await userinfo(caller, next, person.id)
  } else {
    await refresh(caller, last)
  }
}

/** The browser is still signed in: an application that asks without a page gets a code. */
async function goBack(caller: Caller, { family, alice }: Left['signedIn']): Promise<void> {
  const { issuer, clients } = caller.stand
  const session = caller.history.label('session', family, `session of ${family}`)
  const parameters = {
    client_id: clients.app.clientId,
    response_type: 'code',
    redirect_uri: 'https://rp.example.test/callback',
    scope: 'openid',
    prompt: 'none',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  }
  const url = `${issuer}/authorize?${new URLSearchParams(parameters)}`
  await written(caller, { op: 'go back', shows: [session] }, () =>
    hearPage(() => alice.get(url, { timeoutMs: PATIENCE_MS })),
  )
}

async function tryUsedUp(caller: Caller, { signedIn, used }: Left): Promise<void> {
  const { alice, pushedUrl, family } = signedIn
  if (pushedUrl !== undefined) await pushAgain(caller, alice, pushedUrl, family)
  for (const chain of used) await refresh(caller, chain)
  await exchange(caller, signedIn)
}

async function pushAgain(
  caller: Caller,
  alice: Left['signedIn']['alice'],
  url: string,
  family: string,
): Promise<void> {
  const { history } = caller
  const uri = new URL(url).searchParams.get('request_uri')!
  const shows = [history.label('request_uri', uri, family)]
  await written(caller, { op: 'authorize', shows }, async () => {
    const heard = await hearPage(() => alice.get(url, { timeoutMs: PATIENCE_MS }))
    const code = heard.reply && codeAt(heard.reply)
    return { ...heard, brings: code ? [history.label('code', code, family)] : [] }
  })
}
