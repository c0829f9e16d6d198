// SPDX-License-Identifier: MIT
// said.js: pages that the server writes itself (the end of a login, fcgi/admin/oauth.c) in the person's language: what
// zh.js knows; the rest stays in the server's words.
import { server } from './i18n.js';

for (const node of document.querySelectorAll('h1, p:not(:has(a)), a')) node.textContent = server(node.textContent);
