/* Says how strong a new password is while it is typed. It asks nobody and has no list of common
   passwords, so the last word is the server's. Its words are in the page. */
const field = document.getElementById('password')
const strength = document.getElementById('strength')
const bar = document.getElementById('strength-bar')
const line = document.getElementById('password-strength')
const wanted = document.getElementById('strength-wanted').children
const LEVELS = ['weak', 'fair', 'good', 'strong']
/* How many characters that nobody could foresee each level takes, after the first. */
const BOUNDS = [11, 15, 20]
/* As many as a password may have; a paste can be longer. */
const MOST = 256
/* A screen reader would read a line at each key otherwise. */
const PAUSE_MS = 500
let pause

/* Keyboards and alphabets, which people walk along in both directions. */
const ROWS = [
  'qwertyuiop asdfghjkl zxcvbnm qwertzuiop yxcvbnm azertyuiop qsdfghjklm wxcvbn',
  '01234567890 !@#$%^&*() 1qaz2wsx3edc4rfv5tgb6yhn7ujm abcdefghijklmnopqrstuvwxyz',
  'あいうえおかきくけこさしすせそ ضصثقفغعهخحجد شسيبلاتنمكط ابتثجحخدذرزسشص',
]
  .join(' ')
  .replaceAll(' ', '\n')
const WALKS = `${ROWS}\n${[...ROWS].reverse().join('')}`

const fold = (text) => text.normalize('NFKC').toLowerCase()

/* What is tried first. The server refuses a password that contains one of these. */
function contextOf() {
  const { login, name } = field.form.elements
  const { brand, account } = strength.dataset
  return [login?.value, name?.value, brand, account]
    .filter(Boolean)
    .flatMap((text) => [text, text.split('@')[0]])
    .map((text) => fold(text.trim()))
}

/* How much of the beginning of `rest` stands in `known`; less than three is chance. */
function foreseen(known, rest) {
  let length = 2
  while (length < rest.length && known.includes(rest.slice(0, length + 1))) length++
  return length > 2 ? length : 0
}

/* Characters that nobody could foresee: a walk, a repetition or a known word counts as one. Who draws
   from a few characters only does not get far by mixing them. */
function count(text, context) {
  const known = [WALKS, ...context].join('\n')
  let units = 0
  for (let at = 0; at < text.length; units++) {
    const rest = text.slice(at)
    at += foreseen(`${known}\n${text.slice(0, at)}`, rest) || [...rest][0].length
  }
  return Math.min(units, 2 * new Set(text).size)
}

/* Where the bar stands, from 0 to 4, and what the line says. */
function judge() {
  const typed = [...field.value.normalize('NFC')].slice(0, MOST)
  const missing = wanted.length - typed.length
  if (typed.length === 0) return [0, '']
  if (missing > 0) return [typed.length / wanted.length, wanted[missing - 1].textContent]
  const text = fold(typed.join(''))
  const context = contextOf()
  if (context.some((word) => [...word].length > 3 && text.includes(word))) {
    return [1, line.dataset.context]
  }
  const units = count(text, context)
  const level = BOUNDS.filter((bound) => units >= bound).length
  return [level + 1, line.dataset[LEVELS[level]]]
}

function show() {
  const [value, text] = judge()
  strength.hidden = field.value === ''
  bar.value = value
  clearTimeout(pause)
  pause = setTimeout(() => {
    if (line.textContent !== text) line.textContent = text
  }, PAUSE_MS)
}

/* The address and the name count, too. A browser may have kept what was typed before. */
field.form.addEventListener('input', show)
show()
