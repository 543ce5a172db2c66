/** Names that nobody chooses for themselves, because they speak for the house. An operator may give them. */
const RESERVED_USERNAMES: ReadonlySet<string> = new Set([
  'abuse',
  'account',
  'admin',
  'administrator',
  'anonymous',
  'authcore',
  'billing',
  'help',
  'helpdesk',
  'hostmaster',
  'info',
  'login',
  'mailer-daemon',
  'moderator',
  'no-reply',
  'nobody',
  'noreply',
  'official',
  'operator',
  'postmaster',
  'privacy',
  'root',
  'security',
  'staff',
  'superuser',
  'support',
  'sysadmin',
  'system',
  'team',
  'webmaster',
])

/** Letters and digits that pass for a Latin letter, for `isReservedUsername` only. */
const LOOKS_LIKE: Readonly<Record<string, string>> = {
  а: 'a',
  е: 'e',
  о: 'o',
  р: 'p',
  с: 'c',
  у: 'y',
  х: 'x',
  і: 'i',
  ѕ: 's',
  ј: 'j',
  ԁ: 'd',
  һ: 'h',
  т: 't',
  м: 'm',
  п: 'n',
  ո: 'n',
  к: 'k',
  в: 'b',
  ԛ: 'q',
  ԝ: 'w',
  г: 'r',
  α: 'a',
  ε: 'e',
  ο: 'o',
  ρ: 'p',
  ν: 'v',
  ι: 'i',
  κ: 'k',
  τ: 't',
  υ: 'u',
  χ: 'x',
  η: 'n',
  ω: 'w',
  ı: 'i',
  ℓ: 'l',
  ɑ: 'a',
  ɡ: 'g',
  '0': 'o',
  '1': 'l',
  '3': 'e',
  '5': 's',
}

/** True where the name is reserved or would be read as one that is. Expects the canonical form. */
export function isReservedUsername(canonical: string): boolean {
  return RESERVED_SKELETONS.has(skeleton(canonical))
}

function skeleton(canonical: string): string {
  const letters = Array.from(canonical.normalize('NFD').replace(/\p{M}/gu, ''))
  return letters
    .map((letter) => LOOKS_LIKE[letter] ?? letter)
    .join('')
    .replace(/[._-]/g, '')
    .replaceAll('l', 'i')
}

const RESERVED_SKELETONS: ReadonlySet<string> = new Set(Array.from(RESERVED_USERNAMES, skeleton))
