// SPDX-License-Identifier: MIT
// theme.js: light or dark before the first paint; therefore a plain script in the head and not a module. Follows the
// system until the person chooses (shell.js stores the choice).
(() => {
  const chosen = localStorage.getItem('pollux.theme');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    const theme = localStorage.getItem('pollux.theme') ?? (dark.matches ? 'dark' : 'light');
    document.documentElement.dataset.theme = theme;
  };
  apply();
  if (!chosen) dark.addEventListener('change', apply);
})();
