import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import session from 'express-session'
import { Passport } from 'passport'
import { type Profile, Strategy, type StrategyOptions } from 'passport-openidconnect'
import { sha256 } from '../../src/core/secrets.ts'

/**
 * An application on passport with the strategy passport-openidconnect and sessions of express-session:
 * how Node-RED signs people in to its editor (`adminAuth` of type `strategy`), without the editor. `/`
 * tells who is signed in, `/auth/strategy` signs in.
 */
export type PassportApp = { url: string; stop(): void }

export type PassportOptions = {
  /** From `freePort()`, so that the client can be registered before the application starts. */
  port: number
  issuer: string
  clientID: string
  clientSecret: string
  /** The package's own, or the one below. */
  strategy: new (
    ...args: ConstructorParameters<typeof Strategy>
  ) => Strategy
}

const SIGN_IN = '/auth/strategy'

export const callbackOf = (port: number) => `http://127.0.0.1:${port}${SIGN_IN}/callback`

type EngineRequest = Parameters<Strategy['authenticate']>[0]

/**
 * The strategy knows nothing of PKCE (RFC 7636). It needs a verifier in the session, its challenge in
 * the request and itself at the token endpoint. passport makes an object of its own for each request.
 */
export class PkceStrategy extends Strategy {
  override authenticate(req: EngineRequest, options?: object): void {
    const kept = req.session as { verifier?: string }
    if (!req.query['code']) kept.verifier = randomBytes(32).toString('base64url')
    const code_verifier = kept.verifier ?? ''
    const code_challenge = sha256(code_verifier).toString('base64url')
    this.authorizationParams = () => ({ code_challenge, code_challenge_method: 'S256' })
    const shared = this._oauth2
    this._oauth2 = Object.assign(Object.create(shared), {
      getOAuthAccessToken: (code: string, params: object, done: never) =>
        shared.getOAuthAccessToken(code, { ...params, code_verifier }, done),
    })
    super.authenticate(req, options)
  }
}

export async function startPassportApp(options: PassportOptions): Promise<PassportApp> {
  const { port } = options
  const passport = new Passport()
  passport.use('oidc', strategyFor(options))
  passport.serializeUser((user, done) => done(null, user))
  passport.deserializeUser((user: Express.User, done) => done(null, user))
  const steps = [
    session({ secret: 'only for tests', resave: false, saveUninitialized: false }),
    passport.session(),
    onlyBelow(SIGN_IN, passport.authenticate('oidc') as Step),
  ] as unknown as Step[]
  const server = createServer((req, res) => answer(req, res, steps))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${port}`,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const onlyBelow =
  (path: string, step: Step): Step =>
  (req, res, next) =>
    req.path.startsWith(path) ? step(req, res, next) : next()

function strategyFor({ strategy, ...options }: PassportOptions) {
  return new strategy(strategyOptions(options), (_issuer: string, profile: Profile, done: Done) =>
    done(null, profile),
  )
}

/** What the strategy has to be told about us and its client. */
export function strategyOptions(options: Omit<PassportOptions, 'strategy'>): StrategyOptions {
  const { issuer, port, clientID, clientSecret } = options
  return {
    issuer,
    clientID,
    clientSecret,
    authorizationURL: `${issuer}/authorize`,
    tokenURL: `${issuer}/token`,
    userInfoURL: `${issuer}/userinfo`,
    callbackURL: callbackOf(port),
    scope: ['profile', 'email'],
    nonce: 'please',
    skipUserProfile: false,
  }
}

type Done = (error: Error | null, user: Profile) => void
type AppRequest = IncomingMessage & { path: string; query: object; user?: Profile }
type Step = (req: AppRequest, res: ServerResponse, next: (error?: Error) => void) => void

/** What express would do: one step after the other, and words for who is there or what went wrong. */
function answer(incoming: IncomingMessage, res: ServerResponse, steps: Step[]): void {
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://here')
  const req = Object.assign(incoming, { path: pathname, query: Object.fromEntries(searchParams) })
  const say = (status: number, body: unknown) => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const go = (left: Step[]) => (error?: Error) => {
    if (error) return say(500, { error: error.name, ...error, message: error.message })
    const [next, ...others] = left
    if (next) return next(req, res, go(others))
    if (pathname !== '/') return res.writeHead(303, { location: '/' }).end()
    const { user } = req as AppRequest
    return user ? say(200, user) : say(401, {})
  }
  go(steps)()
}
