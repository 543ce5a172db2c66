/* Asks the browser for a passkey and sends its answer with the page's form. Where the browser knows
   none, the form stays away and the rest of the page serves. */
const form = document.getElementById('passkey-form')
const problem = document.getElementById('passkey-problem')
const unavailable = document.getElementById('passkey-unavailable')
const api = window.PublicKeyCredential
const { use } = form.dataset
const options = JSON.parse(form.dataset.options)
let asking

function ask(mediation) {
  asking?.abort()
  asking = new AbortController()
  const { signal } = asking
  if (use === 'create') {
    return navigator.credentials.create({
      publicKey: api.parseCreationOptionsFromJSON(options),
      signal,
    })
  }
  const publicKey = api.parseRequestOptionsFromJSON(options)
  return navigator.credentials.get({ publicKey, mediation, signal })
}

function send(credential) {
  const { elements } = form
  elements.credential.value = JSON.stringify(credential)
  const remember = document.getElementById('remember')
  if (elements.remember && remember) elements.remember.value = remember.checked ? 'yes' : ''
  form.submit()
}

/* Among the names that the browser offers for the first field. */
async function offerInField() {
  if (use !== 'sign_in' || !(await api.isConditionalMediationAvailable?.())) return
  ask('conditional').then(send, () => {})
}

if (api?.parseCreationOptionsFromJSON && api.parseRequestOptionsFromJSON) {
  form.hidden = false
  if (unavailable) unavailable.hidden = true
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    problem.hidden = true
    ask().then(send, () => {
      problem.hidden = false
      void offerInField()
    })
  })
  void offerInField()
}
