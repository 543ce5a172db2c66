/* Sends the page's one form as soon as it is there. */
document.getElementById('submit-form').submit()
