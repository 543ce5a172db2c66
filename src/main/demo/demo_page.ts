/** The demonstration's one page, for whoever wants to see what a relying party gets to know. */
export type DemoPage = {
  issuer: string
  /** Whom to sign in as. */
  email: string
  notice?: string | undefined
  problem?: string | undefined
  claims?: object | undefined
  userInfo?: object | undefined
  apiToken?: object | undefined
  tokens?:
    | { expiresInS: number | undefined; scope: string | undefined; refreshable: boolean }
    | undefined
}

export function renderDemoPage(page: DemoPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.claims ? 'Signed in' : 'Signed out'} – Demo application</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="/demo.css">
</head>
<body>
<header><p><span class="mark" aria-hidden="true">D</span> Demo application</p></header>
<main>
${notice(page)}
${page.claims ? signedIn(page) : signedOut(page)}
</main>
</body>
</html>`
}

const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#3046b8"/><path d="M11 9h5a7 7 0 0 1 0 14h-5z" fill="none" stroke="#fff" stroke-width="3"/></svg>',
)}`

function notice({ notice: text, problem }: DemoPage): string {
  if (problem) return `<p class="problem" role="alert">${escapeHtml(problem)}</p>`
  return text ? `<p class="notice" role="status">${escapeHtml(text)}</p>` : ''
}

function signedOut({ issuer, email }: DemoPage): string {
  return `<h1>You are not signed in</h1>
<p class="lead">This small application knows nothing about you. It asks the sign-in service at
<a href="${escapeHtml(issuer)}">${escapeHtml(issuer)}</a> who you are.</p>
<div class="actions">${button('/sign-in', 'sign-in', 'Sign in', true)}</div>
<p>Sign in as <strong>${escapeHtml(email)}</strong>; the server has printed the password when it started.</p>
<h2>What will happen</h2>
<ol>
<li>Your browser goes to the sign-in service and comes back with a code. Your password stays there.</li>
<li>This application exchanges the code for tokens, with PKCE, and verifies them.</li>
<li>You see here all that it got to know.</li>
</ol>`
}

function signedIn({ claims, userInfo, apiToken, tokens }: DemoPage): string {
  const { name, email } = (userInfo ?? {}) as { name?: string; email?: string }
  const refreshable = tokens?.refreshable === true
  return `<h1>Hello${name ? `, ${escapeHtml(name)}` : ''}</h1>
<p class="lead">${email ? `Signed in as ${escapeHtml(email)}. ` : ''}${lifetime(tokens)}</p>
<div class="actions">
${refreshable ? button('/refresh', 'refresh', 'Refresh tokens') : ''}
${refreshable ? button('/api-token', 'api-token', 'Get an API token') : ''}
${button('/step-up', 'step-up', 'Step up: sign in again')}
${button('/logout', 'logout', 'Log out')}
</div>
${facts('Access token for the API', 'api-token-claims', apiToken)}
${facts('ID token', 'id-token', claims)}
${facts('UserInfo', 'userinfo', userInfo)}`
}

function lifetime(tokens: DemoPage['tokens']): string {
  if (tokens?.expiresInS === undefined) return ''
  const scopes = (tokens.scope ?? '').split(' ').map((scope) => `<code>${escapeHtml(scope)}</code>`)
  return `The access token lasts for ${tokens.expiresInS} more seconds and covers ${scopes.join(' ')}.`
}

function button(action: string, id: string, label: string, primary = false): string {
  return `<form method="post" action="${action}"><button id="${id}"${primary ? ' class="primary"' : ''}>${label}</button></form>`
}

function facts(title: string, id: string, claims: object | undefined): string {
  if (!claims) return ''
  const rows = Object.entries(claims).map(
    ([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${show(name, value)}</dd></div>`,
  )
  return `<section><h2>${title}</h2><dl id="${id}">${rows.join('')}</dl></section>`
}

const TIMES = new Set(['iat', 'exp', 'auth_time', 'updated_at'])

function show(name: string, value: unknown): string {
  const text = escapeHtml(typeof value === 'string' ? value : JSON.stringify(value))
  if (!TIMES.has(name) || typeof value !== 'number') return text
  const at = new Date(value * 1000).toISOString().replace('.000', '')
  return `${text} <span class="aside">${at.replace('T', ' ').replace('Z', ' UTC')}</span>`
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return text.replace(/[&<>"']/g, (character) => entities[character]!)
}

export const STYLESHEET = `
:root { color-scheme: light dark; --text: #1a2033; --soft: #576078; --line: #e0e4ee; --edge: #858fa8; --card: #fff; --page: #f4f5fa; --accent: #3046b8; --on-accent: #fff; --problem: #a8201f; }
@media (prefers-color-scheme: dark) { :root { --text: #e7e9f3; --soft: #a3abc2; --line: #2b3145; --edge: #747e99; --card: #181c29; --page: #0f121b; --accent: #a8b6ff; --on-accent: #131a3d; --problem: #ffb0a6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; overflow-wrap: anywhere; }
header { border-block-end: 1px solid var(--line); background: var(--card); padding: 0.75rem 1.25rem; font-weight: 600; }
header p { display: flex; align-items: center; gap: 0.625rem; margin: 0; max-inline-size: 44rem; margin-inline: auto; }
.mark { display: grid; place-items: center; inline-size: 1.75rem; block-size: 1.75rem; border-radius: 0.5rem; background: var(--accent); color: var(--on-accent); font-size: 0.9375rem; }
main { max-inline-size: 46.5rem; margin-inline: auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.875rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 0.5rem; }
h2 { font-size: 1.0625rem; margin: 2.25rem 0 0.625rem; }
p { margin: 0; }
.lead { color: var(--soft); font-size: 1.0625rem; }
a { color: var(--accent); }
ol { margin: 0; padding-inline-start: 1.25rem; display: grid; gap: 0.375rem; }
code { font: 0.875em ui-monospace, "SF Mono", "Noto Sans Mono", monospace; color: var(--text); }
.actions { display: flex; flex-wrap: wrap; gap: 0.75rem; margin-block: 1.5rem; }
button { font: inherit; font-weight: 600; min-block-size: 2.75rem; padding: 0.5rem 1.125rem; border-radius: 0.625rem; border: 1px solid var(--edge); background: var(--card); color: var(--text); cursor: pointer; }
button:hover { background: var(--page); }
button.primary, button.primary:hover { background: var(--accent); border-color: var(--accent); color: var(--on-accent); padding-inline: 2rem; }
button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.notice, .problem { margin-block-end: 1.75rem; border: 1px solid var(--line); border-inline-start: 4px solid var(--accent); background: var(--card); padding: 0.75rem 1rem; border-radius: 0.625rem; }
.problem { border-inline-start-color: var(--problem); color: var(--problem); }
dl { margin: 0; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--card); font-size: 0.9375rem; }
dl div { display: grid; grid-template-columns: 11.5rem 1fr; gap: 0 1rem; padding: 0.5rem 1rem; border-block-start: 1px solid var(--line); }
dl div:first-child { border-block-start: 0; }
dt { color: var(--soft); font-weight: 500; }
dd { margin: 0; }
.aside { color: var(--soft); white-space: nowrap; margin-inline-start: 0.375rem; }
@media (max-width: 36rem) {
  main { padding-block-start: 1.75rem; }
  dl div { grid-template-columns: 1fr; }
  .actions form { flex: 1 1 100%; }
  button { inline-size: 100%; }
}
`
