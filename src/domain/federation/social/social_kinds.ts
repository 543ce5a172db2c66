import type { ConnectorKind } from '../connector.ts'
import { appleKind } from './apple.ts'
import { discordKind } from './discord.ts'
import { facebookKind } from './facebook.ts'
import { githubKind } from './github.ts'
import { gitlabKind } from './gitlab.ts'
import { googleKind } from './google.ts'
import { linkedinKind } from './linkedin.ts'
import { microsoftKind } from './microsoft.ts'
import { slackKind } from './slack.ts'
import { xKind } from './x.ts'

/**
 * Providers that everybody knows. Each is one file here and one line below: a declaration for
 * `oidc_preset.ts` where the provider gives ID tokens, for `oauth2_connector.ts` where it does not.
 */
export const SOCIAL_KINDS = {
  google: googleKind,
  microsoft: microsoftKind,
  apple: appleKind,
  github: githubKind,
  gitlab: gitlabKind,
  facebook: facebookKind,
  linkedin: linkedinKind,
  discord: discordKind,
  slack: slackKind,
  x: xKind,
} as const satisfies Readonly<Record<string, ConnectorKind>>
