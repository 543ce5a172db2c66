/* Goes on once everything is loaded, or after a while. */
function leave() {
  location.replace(document.getElementById('continue').href)
}
addEventListener('load', leave)
setTimeout(leave, 4000)
