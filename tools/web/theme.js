// Runs before the page is drawn, so that a remembered theme does not flash.
{
  let theme = null;
  // A browser that keeps nothing throws: the theme is then that of the system.
  try { theme = localStorage.getItem('cnn-course/theme'); } catch { theme = null; }
  if (theme) document.documentElement.dataset.theme = theme;
}
