// Applies the stored theme before the first paint, so that a dark room stays dark while the application loads.
// It is a file of its own because the content security policy allows no inline script.
try {
  const theme = localStorage.getItem('aftertrace.theme')
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme
} catch {
  // Storage can be forbidden; the system's theme is used then.
}
