/* Asks the browser to take notices for this site, and sends what it says with the page's form. Where it
   cannot, the form stays away and the page says so. */
{
  const form = document.getElementById('push-form')
  const problem = document.getElementById('push-problem')
  const key = Uint8Array.from(
    atob(form.dataset.key.replace(/-/g, '+').replace(/_/g, '/')),
    (letter) => letter.charCodeAt(0),
  )
  const isOurs = (subscription) => {
    const theirs = new Uint8Array(subscription.options.applicationServerKey ?? [])
    return theirs.length === key.length && theirs.every((octet, index) => octet === key[index])
  }

  /* The worker does not serve this page, so `serviceWorker.ready` would never come. */
  const isActive = ({ installing, waiting, active }) =>
    new Promise((resolve, reject) => {
      if (active) return resolve()
      const worker = installing ?? waiting
      worker.addEventListener('statechange', () => {
        if (worker.state === 'activated') resolve()
        if (worker.state === 'redundant') reject(new Error('no worker'))
      })
    })

  const subscribe = async () => {
    if ((await Notification.requestPermission()) !== 'granted') throw new Error('not allowed')
    const registration = await navigator.serviceWorker.register('/assets/push_worker.js')
    await isActive(registration)
    const { pushManager } = registration
    const before = await pushManager.getSubscription()
    if (before && isOurs(before)) return before
    // One for another key: the server has changed its own since.
    await before?.unsubscribe()
    return await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  }

  if ('serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window) {
    form.hidden = false
    document.getElementById('push-unavailable').hidden = true
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      problem.hidden = true
      subscribe().then(
        (subscription) => {
          form.elements.subscription.value = JSON.stringify(subscription)
          form.submit()
        },
        () => {
          problem.hidden = false
        },
      )
    })
  }
}
