// SPDX-License-Identifier: MIT
// snippets.js: ready-made first calls with this server's address, for curl and the official SDKs.
import { el, fill } from './dom.js';
import { copyButton } from './dialog.js';
import { t } from './i18n.js';

// The address of the gateway: where these pages are, without admin/.
export const gateway = () => new URL('..', location.href.replace(/[?#].*$/, '')).href.replace(/\/$/, '');

// Shell and source take the values as they are typed here: what cannot stand in them is left out.
const plain = (text) => String(text).replace(/[^\w.:/@-]/g, '');

const makers = {
  curl: (base, token, model) => `curl ${base}/v1beta/models/${model}:generateContent \\
  -H "x-goog-api-key: ${token}" -H "Content-Type: application/json" \\
  -d '{"contents":[{"parts":[{"text":"Hello"}]}]}'`,
  'Python, google-genai': (base, token, model) => `from google import genai
client = genai.Client(api_key="${token}", http_options={"base_url": "${base}"})
answer = client.models.generate_content(model="${model}", contents="Hello")
print(answer.text)`,
  'Python, openai': (base, token, model) => `from openai import OpenAI
client = OpenAI(api_key="${token}", base_url="${base}/v1")
answer = client.chat.completions.create(model="${model}", messages=[{"role": "user", "content": "Hello"}])
print(answer.choices[0].message.content)`,
  'JS, @google/genai': (base, token, model) => `import { GoogleGenAI } from "@google/genai";
const ai = new GoogleGenAI({ apiKey: "${token}", httpOptions: { baseUrl: "${base}" } });
const answer = await ai.models.generateContent({ model: "${model}", contents: "Hello" });
console.log(answer.text);`,
  'JS, openai': (base, token, model) => `import OpenAI from "openai";
const openai = new OpenAI({ apiKey: "${token}", baseURL: "${base}/v1" });
const answer = await openai.chat.completions.create({ model: "${model}", messages: [{ role: "user", content: "Hello" }] });
console.log(answer.choices[0].message.content);`,
};

// snippets shows them behind tabs. Without a token they say where to put it.
export function snippets({ token, model }) {
  const shownToken = token ?? t('YOUR-CLIENT-TOKEN');
  const names = Object.keys(makers);
  const code = el('pre', { tabindex: 0 });
  const tabs = el('div', { class: 'tabs', role: 'tablist', 'aria-label': t('Language or tool') });
  let chosen = names.includes(localStorage.getItem('pollux.snippet')) ? localStorage.getItem('pollux.snippet') : names[0];
  const text = () => makers[chosen](gateway(), plain(shownToken) || 'TOKEN', plain(model ?? 'gemini-2.5-flash'));
  function show() {
    fill(tabs, names.map((name) => el('button', { type: 'button', role: 'tab', 'aria-selected': String(name === chosen), onclick: () => choose(name) }, name)));
    fill(code, text());
  }
  function choose(name) {
    chosen = name;
    localStorage.setItem('pollux.snippet', name);
    show();
    tabs.querySelector('[aria-selected=true]').focus();
  }
  show();
  return el('div', {}, tabs, el('div', { class: 'code' }, code, el('span', { class: 'copy' }, copyButton(text))));
}
