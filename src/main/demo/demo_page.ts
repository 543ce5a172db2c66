/** The demonstration's one page, for whoever wants to see what a relying party gets to know. */
export type DemoPage = {
  issuer: string
  notice?: string | undefined
  problem?: string | undefined
  claims?: object | undefined
  userInfo?: object | undefined
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
<title>Demo application</title>
<link rel="stylesheet" href="/demo.css">
</head>
<body>
<header><p>Demo application</p></header>
<main>
${notice(page)}
${page.claims ? signedIn(page) : signedOut(page)}
</main>
</body>
</html>`
}

function notice({ notice: text, problem }: DemoPage): string {
  if (problem) return `<p class="problem" role="alert">${escapeHtml(problem)}</p>`
  return text ? `<p class="notice" role="status">${escapeHtml(text)}</p>` : ''
}

function signedOut({ issuer }: DemoPage): string {
  return `<h1>You are not signed in</h1>
<p>This small application knows nothing about you. It asks the sign-in service at
<a href="${escapeHtml(issuer)}">${escapeHtml(issuer)}</a> who you are: authorization code with PKCE,
and every token verified.</p>
${button('/sign-in', 'sign-in', 'Sign in', true)}`
}

function signedIn({ claims, userInfo, tokens }: DemoPage): string {
  const { name, email } = (userInfo ?? {}) as { name?: string; email?: string }
  return `<h1>Hello${name ? `, ${escapeHtml(name)}` : ''}</h1>
<p>${email ? `Signed in as ${escapeHtml(email)}. ` : ''}${lifetime(tokens)}</p>
<div class="actions">
${tokens?.refreshable ? button('/refresh', 'refresh', 'Refresh tokens') : ''}
${button('/step-up', 'step-up', 'Step up: sign in again')}
${button('/logout', 'logout', 'Log out')}
</div>
${table('ID token', 'id-token', claims)}
${table('UserInfo', 'userinfo', userInfo)}`
}

function lifetime(tokens: DemoPage['tokens']): string {
  if (tokens?.expiresInS === undefined) return ''
  return `The access token is good for ${tokens.expiresInS} more seconds and for: ${escapeHtml(tokens.scope ?? '')}.`
}

function button(action: string, id: string, label: string, primary = false): string {
  return `<form method="post" action="${action}"><button id="${id}"${primary ? ' class="primary"' : ''}>${label}</button></form>`
}

function table(title: string, id: string, claims: object | undefined): string {
  if (!claims) return ''
  const rows = Object.entries(claims).map(
    ([name, value]) =>
      `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(show(name, value))}</td></tr>`,
  )
  return `<section><h2>${title}</h2><div class="scroll"><table id="${id}"><tbody>${rows.join('')}</tbody></table></div></section>`
}

const TIMES = new Set(['iat', 'exp', 'auth_time', 'updated_at'])

function show(name: string, value: unknown): string {
  if (TIMES.has(name) && typeof value === 'number') {
    return `${value} (${new Date(value * 1000).toISOString().replace('.000', '')})`
  }
  return typeof value === 'string' ? value : JSON.stringify(value)
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
:root { color-scheme: light dark; --text: #1b2230; --soft: #5a6475; --line: #dfe3ea; --card: #fff; --page: #f4f6f9; --accent: #2f5bd7; }
@media (prefers-color-scheme: dark) { :root { --text: #e8ebf2; --soft: #a3adbf; --line: #313947; --card: #1b212c; --page: #12161d; --accent: #8aa9ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
header { border-block-end: 1px solid var(--line); background: var(--card); padding: 0.75rem 1.5rem; font-weight: 600; }
header p { margin: 0; max-inline-size: 46rem; margin-inline: auto; }
main { max-inline-size: 46rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 0.75rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 0.5rem; }
a { color: var(--accent); }
.actions { display: flex; flex-wrap: wrap; gap: 0.75rem; margin-block: 1.25rem; }
button { font: inherit; font-weight: 600; min-block-size: 44px; padding: 0.5rem 1.1rem; border-radius: 8px; border: 1px solid var(--line); background: var(--card); color: var(--text); cursor: pointer; }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--card); }
button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.notice, .problem { border: 1px solid var(--line); border-inline-start: 4px solid var(--accent); background: var(--card); padding: 0.75rem 1rem; border-radius: 8px; }
.problem { border-inline-start-color: #c4314b; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; inline-size: 100%; font-size: 0.92rem; }
th, td { text-align: start; padding: 0.5rem 0.9rem; border-block-end: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
tr:last-child > * { border-block-end: 0; }
th { font-weight: 600; color: var(--soft); white-space: nowrap; inline-size: 12rem; }
`
