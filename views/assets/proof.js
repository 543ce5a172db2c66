/* Finds the number that the challenge of the page asks for (ALTCHA) while its form is filled in. */
{
  const field = document.getElementById('proof')
  const status = document.getElementById('proof-status')
  const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16))
  const hexOf = (buffer) =>
    Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('')

  const solve = async ({ parameters: { nonce, salt, cost, keyLength, keyPrefix } }) => {
    const password = new Uint8Array([...bytes(nonce), 0, 0, 0, 0])
    const view = new DataView(password.buffer)
    for (let counter = 0; ; counter += 1) {
      view.setUint32(password.length - 4, counter)
      const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits'])
      const work = { name: 'PBKDF2', salt: bytes(salt), iterations: cost, hash: 'SHA-256' }
      const derivedKey = hexOf(await crypto.subtle.deriveBits(work, key, keyLength * 8))
      if (derivedKey.startsWith(keyPrefix)) return { counter, derivedKey }
    }
  }

  const challenge = JSON.parse(field.dataset.challenge)
  const solved = solve(challenge).then(
    (solution) => {
      field.value = JSON.stringify({ challenge, solution })
    },
    () => {},
  )

  field.form.addEventListener('submit', (event) => {
    if (field.value !== '') return
    event.preventDefault()
    status.hidden = false
    // Where the browser cannot do it, the server says so, and nothing waits for ever.
    void solved.then(() => {
      if (field.value === '') field.form.submit()
      else field.form.requestSubmit()
    })
  })
}
