/* Shows what is pushed to this browser, and leads to the page that it is about. */
self.addEventListener('push', (event) => {
  const { title, body, uri, tag } = event.data.json()
  const shown = { body, tag, icon: '/assets/icon.svg', data: { uri } }
  event.waitUntil(self.registration.showNotification(title, shown))
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  const uri = new URL(event.notification.data.uri, self.location.origin)
  if (uri.origin === self.location.origin) event.waitUntil(self.clients.openWindow(uri.href))
})
