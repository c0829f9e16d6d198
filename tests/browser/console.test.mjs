// SPDX-License-Identifier: MIT
// The console as people use it: Chromium, the whole stack below a path prefix, the simulated Google. Pictures of every
// page land in tests/browser/out.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { startPollux } from '../lib/pollux.mjs';
import { keyOf, projects } from '../lib/sim.mjs';
import { waitFor } from '../lib/wait.mjs';
import { axeFindings, openWindow, scrollsSideways, settled, shoot, startBrowser, visit } from './browser.mjs';

const KIB_OWN = 300_000; // bytes of our own code that one page may transfer
const hostile = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">\u202egnp.exe"\'&';
const google = { id: '123-test.apps.googleusercontent.com', secret: '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' };
let pollux;
let chrome;
let admin; // the address of the console
let door; // {password}
let signedIn; // cookies of the owner

before(async () => {
  pollux = await startPollux({
    sim: { any_key: false, projects: projects(9, (i) => (i === 3 ? { state: 'suspended' } : i === 4 ? { behaviour: [{ match: { model: '*' }, do: '429-day' }] } : {})), limits: { 'gemini-2.5-flash': { rpm: 500, rpd: 1000 } },
      oauth: { clients: [google], accounts: ['ann', 'bob', 'carl'].map((name) => ({ email: `${name}@example.org`, projects: ['cloud-a'], state: 'ok' })) } },
    keys: false, settings: { POLLUX_PREFIX: '/gate' },
  });
  admin = `${pollux.url}/admin/`;
  door = { password: /password (\S+)\)/.exec(pollux.said)[1] };
  chrome = await startBrowser();
  signedIn = await cookiesOf('admin', door.password);
});

after(async () => {
  await chrome?.stop();
  await pollux?.stop();
});

// The cookies of somebody who has signed in.
async function cookiesOf(name, password) {
  const window = await openWindow(chrome.browser, pollux.origin);
  const { tab } = window;
  await tab.goto(`${admin}login.html`);
  await tab.fill('[name=name]', name);
  await tab.fill('[name=password]', password);
  await tab.keyboard.press('Enter');
  await tab.waitForURL((url) => !url.pathname.endsWith('login.html'));
  const storage = await window.context.storageState();
  await window.context.close();
  return { ...storage, origins: [] };
}

const open = (options) => openWindow(chrome.browser, pollux.origin, { storage: signedIn, ...options });

// Closes a window after its page has said nothing that it should not.
async function close(window) {
  const forbidden = await window.tab.evaluate(() => window.hacked);
  await window.context.close();
  assert.equal(forbidden, undefined, 'a text was run as a script');
  assert.deepEqual(window.complaints, []);
}

// What was just done is the newest row of its kind on the audit page: who did it, and these words of what and of the change.
async function inAudit(action, ...words) {
  const window = await open();
  await visit(window, `${admin}audit.html?action=${action}`);
  const row = await window.tab.locator('tbody tr').first().textContent();
  for (const word of ['admin', '127.0.0.1', action, ...words]) assert.ok(row.includes(word), `${action}: ${word} is not in: ${row}`);
  await close(window);
}

test('a newcomer comes from the first login to an answered request', async () => {
  const began = performance.now();
  const window = await openWindow(chrome.browser, pollux.origin);
  const { tab } = window;
  window.expected.push(/status of 401/);
  await tab.goto(admin);
  await tab.waitForURL(/login\.html/);
  await tab.fill('[name=password]', 'not the password');
  await tab.click('button[type=submit]');
  await tab.getByText('name or password is wrong').waitFor();
  await tab.fill('[name=password]', door.password);
  await tab.keyboard.press('Enter');
  await tab.getByText('Four steps to the first answer').waitFor();
  await shoot(tab, 'start-1-welcome');

  await tab.fill('[name=keys]', `# from the studio\n${keyOf(1)}, ${keyOf(2)}\n"${keyOf(3)}" rubbish`);
  await tab.getByText('3 new').waitFor();
  await tab.getByText('1 not a key').waitFor();
  await tab.getByRole('button', { name: 'Add keys' }).click();
  await tab.getByText('3 keys were added.').waitFor();
  assert.equal((await pollux.sql('select count(*)::int as n from pollux.credential'))[0].n, 3);

  await tab.getByRole('button', { name: 'Make a client token' }).click();
  const token = await tab.locator('.secret code').textContent();
  assert.match(token, /^plx_/);
  assert.ok((await tab.locator('pre').first().textContent()).includes(`${pollux.url}/v1beta`), 'the snippet has the address of this server');
  await shoot(tab, 'start-2-token');
  await tab.getByRole('button', { name: 'Send it from here' }).click();
  await tab.getByText('Say hello in one short sentence.').waitFor();
  await shoot(tab, 'start-3-answer');
  assert.ok(performance.now() - began < 120_000, 'in under two minutes');

  await tab.getByRole('link', { name: 'See what Pollux wrote down about it' }).click();
  await settled(tab);
  await tab.getByText('Attempts').first().waitFor();
  const id = new URL(tab.url()).searchParams.get('id');
  await pollux.settled();
  assert.equal((await pollux.sql(`select outcome from pollux.request where id = '${id}'`))[0].outcome, 'ok');
  assert.ok((await pollux.sql("select count(*)::int as n from pollux.audit where actor = 'admin' and action = 'credential.add'"))[0].n >= 1);
  await close(window);
});

// The rest of what pages show: sick credentials, hostile names, failures, a conversation or two.
test('something to look at comes into being', async () => {
  await pollux.addProjects(projects(9).slice(3));
  await pollux.setting('capture_share', 1);
  await pollux.setting('capture_until', '1d');
  await pollux.sql(`update pollux.credential set label = e'${hostile.replaceAll("'", "''")}' where id = 1`);
  await pollux.sql(`update pollux.credential set label = repeat('long ', 2000) where id = 2`);
  await pollux.cli('model', 'set', 'gemini-2.5-pro', '--rpm', '5', '--rpd', '100');
  await pollux.addClient(hostile, '--rpm', '60');
  for (let i = 0; i < 30; i++) {
    await pollux.send('/v1beta/models/gemini-2.5-flash:generateContent', { body: { contents: [{ role: 'user', parts: [{ text: `Hello ${i}` }] }] } });
  }
  await pollux.send(`/v1beta/models/${encodeURIComponent(hostile.slice(0, 60))}:generateContent`, { body: { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] } });
  await pollux.send('/v1/chat/completions', { body: { model: 'gemini-2.5-pro', messages: [{ role: 'nobody', content: hostile }] } });
  await pollux.settled();
  await pollux.sql(`update pollux.request set error = repeat('${hostile.replaceAll("'", "''")}', 100) where outcome <> 'ok'`);
  const dead = await pollux.sql('select count(*)::int as n from pollux.credential where dead_reason is not null');
  assert.equal(dead[0].n, 1, 'the suspended key is out');
});

async function pages() {
  const [request] = await pollux.sql("select id from pollux.request where attempts > 1 and model <> '' union all select id from pollux.request limit 1");
  const [refused] = await pollux.sql("select id from pollux.request where outcome <> 'ok' and error is not null limit 1");
  const [client] = await pollux.sql(`select id from pollux.client where name like '<script>%'`);
  const [dead] = await pollux.sql('select id from pollux.credential where dead_reason is not null limit 1');
  return [
    ['login', 'login.html'], ['overview', ''], ['overview-week', '?hours=168'], ['credentials', 'credentials.html'], ['credential-hostile', 'credential.html?id=1'], ['credential-dead', `credential.html?id=${dead.id}`],
    ['accounts', 'accounts.html'], ['models', 'models.html'], ['model', 'model.html?name=gemini-2.5-flash'], ['clients', 'clients.html'], ['client', `client.html?id=${client.id}`],
    ['requests', 'requests.html'], ['usage', 'usage.html'], ['request', `request.html?id=${request.id}`], ['request-hostile', `request.html?id=${refused.id}`], ['playground', 'playground.html'], ['jobs', 'jobs.html'],
    ['settings', 'settings.html'], ['system', 'system.html'], ['bans', 'bans.html'], ['audit', 'audit.html'], ['administrators', 'administrators.html'], ['me', 'me.html'], ['docs', 'docs.html'],
  ];
}

// All rules of axe once; another theme has other colours, a phone another layout.
for (const [name, options, rules] of [['light', {}], ['dark', { theme: 'dark' }, ['color-contrast', 'link-in-text-block']], ['phone', { width: 360 }, ['label', 'button-name', 'target-size', 'scrollable-region-focusable', 'aria-hidden-focus']]]) {
  test(`every page, ${name}: no complaint, nothing serious for axe, no scrolling sideways, small`, async () => {
    const window = await open(options);
    const problems = [];
    for (const [page, address] of await pages()) {
      await visit(window, admin + address);
      await shoot(window.tab, `${page}-${name}`);
      problems.push(...(await axeFindings(window.tab, rules)).map((finding) => `${page}: ${finding}`));
      if (await scrollsSideways(window.tab) > 0) problems.push(`${page} scrolls sideways`);
      const own = [...window.sizes].filter(([path]) => !path.includes('/vendor/') && !path.includes('/api/') && !path.endsWith('openapi.json')).reduce((sum, [, size]) => sum + size, 0);
      if (own > KIB_OWN) problems.push(`${page} transfers ${own} bytes`);
    }
    assert.deepEqual(problems, []);
    await close(window);
  });
}

test('every page in Chinese: no sentence is missing', async () => {
  const window = await open({ language: 'zh' });
  const lacking = [];
  for (const [page, address] of await pages()) {
    await visit(window, admin + address);
    await shoot(window.tab, `${page}-zh`);
    assert.equal(await window.tab.getAttribute('html', 'lang'), 'zh-Hans');
    lacking.push(...(await window.tab.evaluate(async () => [...(await import(new URL('i18n.js', document.baseURI).href)).missing])).map((sentence) => `${page}: ${sentence}`));
  }
  assert.deepEqual(lacking, []);
  await close(window);
});

// Every answer of the console's API becomes this one, until it is let go.
async function silence(tab) {
  await tab.route('**/admin/api/**', (route) => route.fulfill({ status: 503, json: { error: { code: 503, message: 'the database is not available; try again shortly' } } }));
  return () => tab.unroute('**/admin/api/**');
}

test('a server that does not answer: the page says since when it is old, a fresh one waits, both go on by themselves', async () => {
  const window = await open();
  const { tab } = window;
  window.expected.push(/status of 503/);
  await visit(window, admin);
  let end = await silence(tab);
  await tab.getByRole('alert').getByText(/^Not up to date since \d\d:\d\d:\d\d: the database is not available/).waitFor();
  await tab.getByText('How it is now cannot be seen: these figures are old.').waitFor();
  await shoot(tab, 'overview-old');
  await end();
  await tab.getByText(/^Not up to date since/).waitFor({ state: 'detached' });
  await tab.getByText('Everything is served.').waitFor();
  end = await silence(tab);
  await tab.goto(`${admin}jobs.html`);
  await tab.getByRole('alert').getByText('the database is not available').waitFor();
  await shoot(tab, 'waiting-for-the-server');
  await end();
  await tab.getByRole('heading', { name: 'Schedule' }).waitFor();
  await close(window);
});

test('a database that is away for a while: the overview tells, and is itself again afterwards', async () => {
  const window = await open();
  const { tab } = window;
  window.expected.push(/status of 5\d\d/);
  await visit(window, admin);
  await pollux.database('restart', '-m', 'immediate');
  await visit(window, `${admin}credentials.html`);
  await visit(window, admin);
  await tab.getByText('Everything is served.').waitFor();
  await close(window);
});

test('addresses that nobody made: a page says what is wrong with them', async () => {
  const window = await open();
  const { tab } = window;
  window.expected.push(/status of 4\d\d/);
  for (const [address, words] of [['requests.html?from=nonsense', /"from"/], ['usage.html?from=never', /"from"/], ['credentials.html?state=nonsense', /"state" must be one of/], ['credential.html?id=abc', /no such thing/]]) {
    await tab.goto(admin + address);
    await tab.locator('main').getByText(words).waitFor();
  }
  await close(window);
});

test('dialogs fit a phone: nothing is cut off, nothing scrolls sideways', async () => {
  const window = await open({ width: 360 });
  const { tab } = window;
  const problems = [];
  const measure = async (name) => {
    await tab.locator('dialog').waitFor();
    const over = await tab.locator('dialog').evaluate((node) => node.scrollWidth - node.clientWidth);
    if (over > 0) problems.push(`${name}: ${over} pixels`);
    await shoot(tab, `dialog-${name.replace(/\W+/g, '-').toLowerCase()}-phone`);
    await tab.keyboard.press('Escape');
  };
  for (const [page, button] of [['', 'Copy client snippet'], ['credentials.html', 'Add keys'], ['credential.html?id=1', 'Edit'], ['settings.html', 'Dry run'], ['settings.html', 'Add a rule'], ['accounts.html', 'Configure the OAuth client']]) {
    await visit(window, admin + page);
    await tab.getByRole('button', { name: button }).first().click();
    await measure(button);
  }
  await visit(window, `${admin}clients.html`);
  await tab.getByRole('button', { name: 'Add a client' }).click();
  await tab.fill('dialog [name=name]', 'on a phone');
  await tab.click('dialog button[type=submit]');
  await tab.locator('.secret').waitFor();
  await measure('The token');
  assert.deepEqual(problems, []);
  await pollux.cli('client', 'revoke', 'on a phone');
  await close(window);
});

test('credentials: search, disable and undo, edit, test, remove and bring back', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}credentials.html`);
  assert.ok((await tab.textContent('main')).includes('<script>window.hacked=1</script>'), 'a hostile label is text');
  await tab.keyboard.press('/');
  await tab.keyboard.type('p5');
  const rows = tab.getByRole('region', { name: 'Credentials', exact: true }).locator('tbody tr');
  await waitFor('one row', async () => await rows.count() === 1);
  assert.equal(new URL(tab.url()).searchParams.get('q'), 'p5', 'the address holds the filter');
  await rows.locator('.pick input').check();
  await tab.getByRole('button', { name: 'Disable', exact: true }).click();
  await tab.getByText('1 credential was disabled.').waitFor();
  const enabled = async () => (await pollux.sql("select enabled from pollux.credential c join pollux.project p on p.id = c.project_id where p.name = 'p5'"))[0].enabled;
  assert.equal(await enabled(), false);
  await inAudit('credential.disable', '1 credential', 'ids');
  await tab.getByRole('button', { name: 'Undo' }).click();
  await waitFor('it to be enabled again', enabled);

  await rows.locator('td.title a').click();
  await settled(tab);
  await tab.getByRole('button', { name: 'Edit' }).click();
  await tab.fill('dialog [name=label]', 'the fifth');
  await tab.fill('dialog [name=tags]', 'eu, paid');
  await tab.fill('dialog [name=priority]', '7');
  await tab.click('dialog button[type=submit]');
  await tab.getByRole('heading', { name: 'the fifth' }).waitFor();
  const [row] = await pollux.sql("select label, priority, tags from pollux.credential where label = 'the fifth'");
  assert.deepEqual(row, { label: 'the fifth', priority: 7, tags: ['eu', 'paid'] });
  await inAudit('credential.set', 'label: the fifth', 'priority: 100 → 7', 'eu');
  await tab.getByRole('button', { name: 'Remove' }).click();
  await tab.locator('dialog').getByRole('button', { name: 'Remove' }).click();
  await tab.getByText('It was removed.').waitFor();
  await tab.getByRole('button', { name: 'Undo' }).click();
  await waitFor('it to be back', async () => (await pollux.sql("select removed_at is null as back from pollux.credential where label = 'the fifth'"))[0].back);
  await inAudit('credential.remove', 'removed_at');
  await inAudit('credential.restore', 'removed_at', '→ nothing');
  assert.ok(await tab.locator('.survival i').count() >= 2, 'its life has a turn');
  await tab.getByRole('button', { name: 'Remove' }).click();
  await tab.locator('dialog').getByRole('button', { name: 'Remove' }).click();
  await tab.getByRole('button', { name: 'Delete for good' }).click();
  await tab.locator('dialog').getByRole('button', { name: 'Delete for good' }).click();
  await tab.waitForURL(/credentials\.html\?state=removed/);
  assert.deepEqual(await pollux.sql("select sealed is null as gone from pollux.credential where label = 'the fifth'"), [{ gone: true }]);
  await inAudit('credential.purge', 'archived_at', '→ nothing');

  await visit(window, `${admin}credentials.html`);
  await tab.getByText('How long credentials live').waitFor();
  await tab.getByRole('button', { name: 'Add keys' }).click();
  await tab.fill('dialog [name=keys]', 'AIzaSyBehindAProxy-0123456789aaaaaaaaaa');
  await tab.getByText('Project, label, priority, proxy').click();
  await tab.fill('dialog [name=proxy]', 'socks5h://me:hidden-word@127.0.0.1:1080');
  await tab.locator('dialog').getByRole('button', { name: 'Add keys' }).click();
  await tab.getByText('1 key was added.').waitFor();
  assert.match((await pollux.sql('select proxy_hint from pollux.credential order by id desc limit 1'))[0].proxy_hint, /^socks5h:\/\/(?!.*hidden-word).*127\.0\.0\.1:1080$/);
  await inAudit('credential.add', '1 key');
  await close(window);
});

test('keys: what is none stays to be mended, a long list goes in in portions, an interrupted one keeps its rest, thousands of broken ones go and come back', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}credentials.html#add`);
  const keys = tab.locator('dialog [name=keys]');
  const paste = (text) => keys.evaluate((node, value) => { node.value = value; node.dispatchEvent(new Event('input', { bubbles: true })); }, text);
  const add = () => tab.locator('dialog').getByRole('button', { name: 'Add keys' }).click();
  await paste('\u202esyek on era eseht');
  await add();
  await tab.locator('dialog').getByText('Nothing of it is a key.').waitFor();
  assert.equal(await keys.inputValue(), '\u202esyek on era eseht');
  const many = Array.from({ length: 2500 }, (_, i) => `AIzaSyMANY${String(i).padStart(5, '0')}abcdefghijklmnopqrstuvwx`);
  await paste(many.join('\n'));
  await tab.getByText('2,500 new').waitFor();
  assert.equal(await tab.locator('dialog').getByText('Nothing of it is a key.').isVisible(), false, 'an old complaint is gone');
  let portions = 0;
  await tab.route('**/admin/api/credentials', async (route) => {
    portions++;
    if (portions === 1) await tab.getByRole('button', { name: 'Stop' }).click();
    await route.continue();
  });
  await add();
  await tab.locator('dialog').getByText('Stopped. 500 keys were added; what is left stands above.').waitFor();
  assert.equal((await keys.inputValue()).split('\n').length, 2000);
  await add();
  await tab.getByText('2,000 keys were added.').waitFor();
  assert.equal(portions, 5);
  assert.equal((await pollux.sql("select count(*)::int as n from pollux.credential where hint = 'uvwx' and removed_at is null"))[0].n, 2500);

  await pollux.sql("update pollux.credential set dead_reason = 'API_KEY_INVALID', dead_at = pollux.now() where hint = 'uvwx'");
  await pollux.sql("update pollux.credential set removed_at = pollux.now(), archived_at = pollux.now() where hint = 'uvwx' and id % 5 = 0");
  const kept = async () => (await pollux.sql("select count(*)::int as n from pollux.credential where hint = 'uvwx' and removed_at is null"))[0].n;
  assert.equal(await kept(), 2000);
  await tab.getByRole('button', { name: 'Remove broken' }).click();
  await tab.locator('dialog').getByText(/^and 1,9\d\d more$/).waitFor();
  await tab.locator('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
  await tab.getByText(/^2,00\d credentials were removed\.$/).waitFor({ timeout: 60_000 });
  assert.equal(await kept(), 0);
  await tab.getByRole('button', { name: 'Undo' }).click();
  await waitFor('those to be back, and no other', async () => await kept() === 2000, { timeout: 60_000 });
  await tab.locator('dialog').waitFor({ state: 'detached' });
  await pollux.sql("delete from pollux.credential where hint = 'uvwx'");
  await close(window);
});

test('a session that ends while something is typed: it stays, and is saved after a sign-in elsewhere', async () => {
  const window = await open({ storage: await cookiesOf('admin', door.password) });
  const { tab } = window;
  window.expected.push(/status of 401/, /status of 403/);
  await visit(window, `${admin}credential.html?id=1`);
  await tab.getByRole('button', { name: 'Edit' }).click();
  await tab.fill('dialog [name=notes]', 'typed for minutes');
  await pollux.sql('delete from pollux.session where id = (select max(id) from pollux.session)');
  await tab.click('dialog button[type=submit]');
  await tab.locator('dialog').getByText(/Your session has ended/).waitFor();
  const other = await window.context.newPage();
  await other.goto(`${admin}login.html`);
  await other.fill('[name=password]', door.password);
  await other.keyboard.press('Enter');
  await other.waitForURL((url) => !url.pathname.endsWith('login.html'));
  await other.close();
  await tab.click('dialog button[type=submit]');
  await waitFor('the notes', async () => (await pollux.sql('select notes from pollux.credential where id = 1'))[0].notes === 'typed for minutes');
  await close(window);
});

test('two tabs change the same client: each changes what was changed in it; what is no number is not taken for none', async () => {
  await pollux.addClient('shared', '--rpm', '10');
  const [{ id }] = await pollux.sql("select id from pollux.client where name = 'shared'");
  const [one, two] = [await open(), await open()];
  for (const { tab } of [one, two]) {
    await tab.goto(`${admin}client.html?id=${id}`);
    await settled(tab);
    await tab.getByRole('button', { name: 'Edit' }).click();
  }
  await one.tab.fill('dialog [name=rpm]', '20');
  await one.tab.click('dialog button[type=submit]');
  await one.tab.locator('dialog').waitFor({ state: 'detached' });
  await two.tab.locator('dialog [name=tpm]').focus();
  await two.tab.keyboard.type('1e+');
  await two.tab.click('dialog button[type=submit]');
  await two.tab.locator('dialog').getByText('This is not a number.').waitFor();
  await two.tab.fill('dialog [name=tpm]', '5000');
  two.expected.push(/status of 400/);
  await two.tab.fill('dialog [name=name]', '');
  await two.tab.click('dialog button[type=submit]');
  await two.tab.locator('dialog').getByText('"name" is missing').waitFor();
  await two.tab.fill('dialog [name=name]', 'shared');
  await two.tab.click('dialog button[type=submit]');
  await two.tab.locator('dialog').waitFor({ state: 'detached' });
  assert.deepEqual(await pollux.sql("select rpm, tpm::int from pollux.client where name = 'shared'"), [{ rpm: 20, tpm: 5000 }]);
  await close(one);
  await close(two);
});

test('a client without limits: what it has used today is told all the same', async () => {
  const window = await open();
  await visit(window, `${admin}clients.html`);
  const used = await window.tab.getByRole('row').filter({ hasText: 'default' }).locator('td[data-label="Tokens today"]').textContent();
  assert.match(used, /^[\d.,]+( k)?$/);
  assert.notEqual(used, '0');
  await window.tab.getByRole('link', { name: 'default', exact: true }).click();
  await settled(window.tab);
  await window.tab.locator('dd').filter({ hasText: `${used} · no limit` }).waitFor();
  await close(window);
});

test('models: what Google told of limits is shown as learned, and what is not known is not counted', async () => {
  await pollux.sql("update pollux.quota set learned_rpd = 250, learned_at = pollux.now() where model = 'gemini-2.5-flash' and project_id = 1");
  await pollux.sql('delete from pollux.console_cache');
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}models.html`);
  const row = tab.getByRole('row').filter({ hasText: 'gemini-2.5-flash' });
  await row.getByText(/250 \/day/).waitFor();
  assert.match(await row.textContent(), /\/day learned.*at least \d+/);
  await visit(window, admin);
  await tab.getByText(/Google counts anew: 00:00 in Los Angeles \(\d\d:00 here\)|Google counts anew: in/).waitFor();
  await close(window);
});

test('clients: a token is shown once, works, and is refused after it was revoked', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}clients.html`);
  await tab.getByRole('button', { name: 'Add a client' }).click();
  await tab.fill('dialog [name=name]', 'shop');
  await tab.fill('dialog [name=rpm]', '30');
  await tab.click('dialog button[type=submit]');
  const token = await tab.locator('.secret code').textContent();
  assert.equal((await pollux.send('/v1/models', { token })).status, 200);
  await tab.getByRole('button', { name: 'Done' }).click();
  await inAudit('client.add', 'shop', 'rpm: 30');
  assert.ok(!(await tab.content()).includes(token), 'it is not shown again');
  await tab.getByRole('link', { name: 'shop' }).click();
  await settled(tab);
  await tab.getByRole('button', { name: 'Edit' }).click();
  await tab.fill('dialog [name=daily_tokens]', '1000000');
  await tab.click('dialog button[type=submit]');
  await waitFor('the limit', async () => (await pollux.sql("select daily_tokens from pollux.client where name = 'shop'"))[0].daily_tokens === 1000000);
  await inAudit('client.set', 'shop', 'daily_tokens: 1000000');
  await tab.getByRole('button', { name: 'Revoke' }).click();
  await tab.locator('dialog').getByRole('button', { name: 'Revoke' }).click();
  await tab.getByText('Revoked.').waitFor();
  assert.equal((await pollux.send('/v1/models', { token })).status, 401);
  await inAudit('client.revoke', 'shop', 'revoked_at');
  await close(window);
});

test('models: limits, aliases and prices are saved, and a mistake is said at its place', async () => {
  const window = await open();
  const { tab } = window;
  window.expected.push(/status of 4\d\d/);
  await visit(window, `${admin}model.html?name=gemini-2.5-flash`);
  await tab.fill('[name=rpm]', '400');
  await tab.fill('[name=aliases]', 'fast, quick');
  await tab.fill('[name=price_input]', '0.3');
  await tab.fill('[name=price_output]', '2.5');
  await tab.getByRole('button', { name: 'Save' }).click();
  await tab.getByText('Saved.').waitFor();
  const [model] = await pollux.sql("select rpm, price_input::float, array(select alias from pollux.model_alias where model = name order by 1) as aliases from pollux.model where name = 'gemini-2.5-flash'");
  assert.deepEqual(model, { rpm: 400, price_input: 0.3, aliases: ['fast', 'quick'] });
  await inAudit('model.set', 'gemini-2.5-flash', 'rpm: 400', 'price_input: 0.3');
  await inAudit('alias.add', 'quick', 'gemini-2.5-flash');
  const answer = await pollux.send('/v1beta/models/quick:generateContent', { body: { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] } });
  assert.equal(answer.status, 200);
  await tab.fill('[name=aliases]', 'gemini-2.5-pro');
  await tab.getByRole('button', { name: 'Save' }).click();
  await tab.getByText(/already the name or alias/).waitFor();
  await close(window);
});

test('settings: a change is announced, saved, undone; a wrong value is refused in place', async () => {
  const window = await open();
  const { tab } = window;
  window.expected.push(/status of 4\d\d/);
  await visit(window, `${admin}settings.html`);
  const value = async () => (await pollux.sql("select value from pollux.setting where name = 'retention_days'"))[0].value;
  await tab.fill('#set-retention_days', '45');
  await tab.locator('.save-bar').getByText('retention_days').waitFor();
  await tab.getByRole('button', { name: 'Save' }).click();
  await tab.getByText('1 setting was changed.').waitFor();
  assert.equal(await value(), '45');
  const [audit] = await pollux.sql("select actor, before, after from pollux.audit where subject = 'retention_days' order by id desc limit 1");
  assert.equal(audit.actor, 'admin');
  await inAudit('setting.set', 'retention_days', 'value: 30 → 45');
  await tab.getByRole('button', { name: 'Undo' }).click();
  await waitFor('the old value', async () => await value() === '30');
  await tab.fill('#set-retention_days', '0');
  await tab.getByRole('button', { name: 'Save' }).click();
  await tab.locator('[data-field=retention_days] .error:not([hidden])').waitFor();
  assert.equal(await value(), '30');
  await close(window);
});

test('the error policy: a rule is made, a dry run says that it decides, it goes and comes back', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}settings.html`);
  await tab.getByRole('button', { name: 'Add a rule' }).click();
  await tab.fill('dialog [name=status]', '400-499');
  await tab.fill('dialog [name=text]', 'image quota');
  await tab.selectOption('dialog [name=scope]', 'quota');
  await tab.fill('dialog [name=seconds]', '90');
  await tab.click('dialog button[type=submit]');
  await tab.getByRole('cell', { name: 'image quota' }).waitFor();
  const [rule] = await pollux.sql('select id, status_from, status_to, text, action, scope, rest_ms from pollux.error_rule');
  assert.deepEqual({ ...rule, id: 0 }, { id: 0, status_from: 400, status_to: 499, text: 'image quota', action: 'another', scope: 'quota', rest_ms: 90_000 });
  assert.equal((await pollux.sql("select actor from pollux.audit where action = 'policy.add' order by id desc limit 1"))[0].actor, 'admin');
  await inAudit('policy.add', 'text: image quota', 'scope: quota');
  await tab.getByRole('button', { name: 'Dry run' }).click();
  await tab.fill('dialog [name=body]', JSON.stringify({ error: { code: 429, message: 'Image quota is spent.' } }));
  await waitFor('the workers to know the rule', async () => {
    await tab.getByRole('button', { name: 'Try', exact: true }).click();
    return tab.locator('dialog').getByText(`rule ${rule.id}`).isVisible();
  }, { every: 200 });
  await tab.getByRole('button', { name: 'Cancel' }).click();
  await tab.locator('#policy').getByRole('button', { name: 'Remove' }).click();
  await tab.getByText('The rule was removed.').waitFor();
  await tab.getByRole('button', { name: 'Undo' }).click();
  await waitFor('the rule to be back', async () => (await pollux.sql('select count(*)::int as n from pollux.error_rule'))[0].n === 1);
  await inAudit('policy.remove', 'text: image quota → nothing');
  await close(window);
});

test('bans: an address is banned and the ban lifted', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}bans.html`);
  await tab.getByRole('button', { name: 'Ban an address' }).first().click();
  await tab.fill('dialog [name=net]', '203.0.113.7');
  await tab.fill('dialog [name=reason]', hostile);
  await tab.click('dialog button[type=submit]');
  await tab.getByText(/^203\.0\.113\.7(\/32)? is banned\.$/).waitFor();
  assert.deepEqual(await pollux.sql('select host(net) as net, reason from report.bans'), [{ net: '203.0.113.7', reason: hostile }]);
  await inAudit('ban.add', '203.0.113.7', '<script>');
  await tab.locator('tbody .pick input').check();
  await tab.getByRole('button', { name: 'Lift' }).click();
  await tab.getByText('1 ban was lifted.').waitFor();
  assert.equal((await pollux.sql('select count(*)::int as n from pollux.ban'))[0].n, 0);
  await inAudit('ban.lift', '203.0.113.7');
  await close(window);
});

test('what the server refuses is said in Chinese, too; also on the page that a login ends on, which follows the theme', async () => {
  const window = await open({ language: 'zh', theme: 'dark' });
  const { tab } = window;
  window.expected.push(/status of 4\d\d/);
  const refused = async (page, button, fields, words) => {
    await visit(window, admin + page);
    await tab.getByRole('button', { name: button }).first().click();
    for (const [name, value] of Object.entries(fields)) await tab.fill(`dialog [name=${name}]`, value);
    await tab.click('dialog button[type=submit]');
    await tab.locator('dialog').getByText(words).first().waitFor();
  };
  await refused('bans.html', '封禁地址', { net: 'nowhere' }, '“nowhere”不是地址或网段。请写成');
  await shoot(tab, 'refused-zh-dark');
  await refused('clients.html', '添加客户端', { name: 'default' }, '已有名为“default”的客户端');
  await tab.goto(`${admin}cli-auth/callback?error=access_denied`);
  await tab.getByRole('heading', { name: '账号未登录' }).waitFor();
  await tab.getByText('答复没有指明登录：缺少 state').waitFor();
  assert.equal(await tab.getAttribute('html', 'data-theme'), 'dark');
  assert.deepEqual(await axeFindings(tab, ['color-contrast']), []);
  await shoot(tab, 'callback-zh-dark');
  await close(window);
});

test('requests: filters stand in the address, one request shows every attempt, CSV comes', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}requests.html?outcome=caller`);
  const rows = await tab.locator('tbody tr').count();
  assert.equal(rows, (await pollux.sql("select count(*)::int as n from pollux.request where outcome = 'caller'"))[0].n);
  const [download] = await Promise.all([tab.waitForEvent('download'), tab.getByRole('link', { name: 'Export CSV' }).click()]);
  const csv = (await (await download.createReadStream()).toArray()).join('');
  assert.match(csv, /^id,/);
  assert.equal(csv.trim().split('\r\n').length, rows + 1);
  const [tried] = await pollux.sql("select id, attempts from pollux.request where attempts > 1 and model <> '' limit 1");
  await visit(window, `${admin}request.html?id=${tried.id}`);
  assert.equal(await tab.locator('.timeline > li').count(), tried.attempts);
  await tab.getByText(/Therefore another credential was tried/).first().waitFor();
  await close(window);
});

test('a client that has spent its day: the overview tells, the log says why it was refused, in both languages', async () => {
  const { token } = await pollux.addClient('spent', '--daily-tokens', '1');
  const ask = () => pollux.send('/v1beta/models/gemini-2.5-flash:generateContent', { token, body: { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] } });
  await ask();
  await pollux.settled();
  assert.equal((await ask()).status, 429);
  await pollux.settled();
  for (const [language, warned, refused] of [['en', /Clients that have used up their tokens of the day: spent\. They count anew: .*Los Angeles|anew: in/, 'Refused: the client has used up its tokens of the day.'], ['zh', /已用完当日 Token 额度的客户端：spent/, '已拒绝：该客户端已用完当日的 Token。']]) {
    const window = await open({ language });
    await visit(window, admin);
    await window.tab.locator('.note').getByText(warned).waitFor();
    await visit(window, `${admin}requests.html?client=spent`);
    await window.tab.getByText(refused).waitFor();
    await close(window);
  }
  await pollux.cli('client', 'revoke', 'spent');
});

test('captured exchanges: a notice while they are, a request shows its own, settings start, stop and delete', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}requests.html`);
  await tab.getByText(/Whole exchanges, prompts and answers, are being captured until/).waitFor();
  const [tried] = await pollux.sql("select c.request_id as id, r.attempts from pollux.capture c join pollux.request r on r.id = c.request_id where r.attempts > 1 or r.outcome = 'ok' order by r.attempts desc limit 1");
  await visit(window, `${admin}request.html?id=${tried.id}`);
  await tab.getByRole('button', { name: 'Show what was captured' }).click();
  const section = tab.getByRole('region', { name: 'Captured exchange' });
  await section.getByText('What the client was answered').waitFor();
  assert.equal(await section.getByText(/^Attempt \d+: sent to Google$/).count(), tried.attempts);
  await section.getByRole('region', { name: 'What the client sent: body' }).getByText(/"Hello \d+"/).waitFor();
  await shoot(tab, 'captured');
  assert.deepEqual(await pollux.sql(`select actor from pollux.audit where action = 'capture.look' and subject = '${tried.id}'`), [{ actor: 'admin' }]);
  await visit(window, `${admin}settings.html`);
  const card = tab.getByRole('region', { name: 'Debug capture' }).filter({ has: tab.getByRole('button') }).last();
  await card.getByRole('button', { name: 'Turn it off' }).click();
  await card.getByRole('button', { name: 'Capture exchanges…' }).click();
  await tab.getByLabel('Share of the requests').fill('12.5');
  await tab.getByLabel('Only what did not end well').check();
  await tab.getByRole('button', { name: 'Start' }).click();
  await card.getByText(/12.5 % of the requests, only those that did not end well/).waitFor();
  await shoot(tab, 'capture-settings');
  assert.deepEqual(await pollux.sql("select name, value from pollux.setting where name in ('capture_share', 'capture_failures') order by name"), [{ name: 'capture_failures', value: 'on' }, { name: 'capture_share', value: '0.125' }]);
  await inAudit('setting.set', 'capture_until', 'value: off →');
  await card.getByRole('button', { name: 'Delete all captures' }).click();
  await tab.getByRole('dialog').getByRole('button', { name: 'Delete all captures' }).click();
  await waitFor('none to be left', async () => (await pollux.sql('select count(*)::int as n from pollux.capture'))[0].n === 0);
  await inAudit('capture.clear', 'captures');
  await card.getByRole('button', { name: 'Turn it off' }).click();
  await card.getByText('off', { exact: true }).waitFor();
  await close(window);
});

test('playground: both dialects, streamed, with the raw exchange', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}playground.html`);
  await tab.getByRole('button', { name: 'Make a token for an hour' }).click();
  await tab.getByText(/works for an hour/).waitFor();
  for (const dialect of ['native', 'openai']) {
    await tab.selectOption('[name=dialect]', dialect);
    await tab.fill('[name=prompt]', 'count to 5');
    await tab.getByRole('button', { name: 'Send' }).click();
    await tab.locator('.answer', { hasText: '1, 2, 3, 4, 5' }).waitFor();
    await tab.getByRole('link', { name: 'in the log' }).waitFor();
    await shoot(tab, `playground-${dialect}-answered`);
    assert.match(await tab.getByLabel('Answer, raw').textContent(), /data: /);
  }
  await close(window);
});

test('jobs run when they are told to; the system says how it is', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}jobs.html`);
  const before_ = (await pollux.sql("select done_at from pollux.chore where name = 'partitions'"))[0].done_at;
  await tab.getByRole('row', { name: /partitions/ }).getByRole('button', { name: 'Run now' }).click();
  await waitFor('the job to have run', async () => (await pollux.sql("select done_at from pollux.chore where name = 'partitions'"))[0].done_at !== before_);
  await inAudit('job.run', 'partitions');
  await visit(window, `${admin}system.html`);
  await tab.getByText('PostgreSQL 15').waitFor();
  const workers = tab.getByRole('region', { name: 'Workers' });
  await waitFor('what the workers use', async () => /\d %.*MB/.test(await workers.textContent()));
  assert.match(await tab.getByRole('region', { name: 'Hosts' }).textContent(), /GB/);
  await close(window);
});

test('`pollux check` in the browser: what is wrong comes first, with what to do; the same lines as on the server', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}system.html`);
  const check = tab.getByRole('region', { name: 'Check', exact: true });
  await pollux.sql("update pollux.setting set value = '1000' where name = 'credentials_minimum'");
  await check.getByRole('button', { name: 'Check now' }).click();
  await check.getByText('at least 1000 should').waitFor();
  assert.match(await check.locator('.checks > li').first().textContent(), /^(warning|failed)/);
  const names = async () => (await check.locator('.checks .strong').allTextContents()).sort();
  const told = (await pollux.cli('check')).map((line) => line.check);
  assert.deepEqual([...new Set(await names())], [...new Set(told)].sort());
  await pollux.sql("update pollux.setting set value = '0' where name = 'credentials_minimum'");
  await shoot(tab, 'system-check');
  assert.ok(!(await check.textContent()).includes('AIza'));
  await close(window);
  const chinese = await open({ language: 'zh' });
  await chinese.tab.goto(`${admin}system.html#check`);
  await chinese.tab.getByText('不消耗配额').waitFor({ state: 'detached' });
  await chinese.tab.locator('.checks').waitFor();
  const lines = await chinese.tab.locator('.checks > li').allTextContents();
  assert.deepEqual(lines.filter((line) => !/[\u4e00-\u9fff]/.test(line)), [], 'every line is in Chinese');
  await shoot(chinese.tab, 'system-check-zh');
  await close(chinese);
});

test('usage: by client and model, by day; as CSV', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}usage.html`);
  const row = tab.getByRole('row').filter({ hasText: 'default' }).filter({ hasText: 'gemini-2.5-flash' });
  await row.waitFor();
  await tab.getByRole('button', { name: 'by day' }).click();
  await tab.getByRole('columnheader', { name: 'Day in Los Angeles' }).waitFor();
  assert.equal(new URL(tab.url()).searchParams.get('per'), 'day');
  const [download] = await Promise.all([tab.waitForEvent('download'), tab.getByRole('link', { name: 'Export CSV' }).click()]);
  const csv = (await (await download.createReadStream()).toArray()).join('');
  assert.match(csv, /^day,client,model,requests,/);
  assert.ok(csv.includes(',default,gemini-2.5-flash,'));
  await close(window);
});

test('accounts: the OAuth client, one click, a pasted address, a refusal, a file, Google’s words and its link', async () => {
  const window = await open();
  const { tab } = window;
  window.expected.push(/status of 400/);
  await visit(window, `${admin}accounts.html`);
  await tab.getByRole('button', { name: 'Configure the OAuth client' }).click();
  await tab.fill('dialog [name=client_id]', google.id);
  await tab.fill('dialog [name=secret]', google.secret);
  await tab.click('dialog button[type=submit]');
  await tab.getByText('The OAuth client is configured.').waitFor();
  await inAudit('oauth_client.set', google.id);
  assert.ok(!JSON.stringify(await pollux.sql('select * from pollux.audit')).includes('GOCSPX'));

  const begin = async (redirect) => {
    await tab.getByRole('button', { name: 'Log in with Google' }).first().click();
    await tab.selectOption('dialog [name=redirect]', redirect);
    await tab.getByRole('button', { name: 'Continue' }).click();
    return tab.getByRole('link', { name: 'Open Google’s page' });
  };
  await pollux.sim.configure({ oauth: { consent: 'ann@example.org' } });
  const link = await begin('web');
  const [page] = await Promise.all([window.context.waitForEvent('page'), link.click()]);
  await page.getByText('ann@example.org is logged in.').waitFor();
  await shoot(page, 'accounts-callback');
  await page.close();
  await tab.getByText('ann@example.org is logged in.').waitFor();
  await tab.getByRole('row').filter({ hasText: 'ann@example.org' }).filter({ hasText: 'ready' }).waitFor();

  const sentTo = async (answered) => (await fetch(await answered.getAttribute('href'), { redirect: 'manual' })).headers.get('location');
  await pollux.sim.configure({ oauth: { consent: 'bob@example.org' } });
  await tab.fill('dialog [name=url]', await sentTo(await begin('loopback')));
  await tab.getByRole('button', { name: 'Finish' }).click();
  await tab.getByText('bob@example.org is logged in.').waitFor();

  await pollux.sim.configure({ oauth: { consent: 'deny' } });
  await tab.fill('dialog [name=url]', await sentTo(await begin('loopback')));
  await tab.getByRole('button', { name: 'Finish' }).click();
  await tab.locator('dialog').getByText(/not granted/).first().waitFor();
  await shoot(tab, 'accounts-refused');
  await tab.keyboard.press('Escape');

  await pollux.sim.configure({ oauth: { accounts: [{ email: 'carl@example.org', refresh_token: '1//0carls-refresh-token', code_assist: { state: 'setup_validation' } }] } });
  await tab.getByRole('button', { name: 'Import files' }).click();
  await tab.setInputFiles('dialog [name=files]', { name: 'oauth_creds.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify({ refresh_token: '1//0carls-refresh-token', token_type: 'Bearer', expiry_date: 1 })) });
  await tab.selectOption('dialog [name=upstream]', 'code_assist');
  await tab.getByRole('button', { name: 'Import', exact: true }).click();
  await tab.getByText('1 account was imported.').waitFor();
  const carl = tab.getByRole('row').filter({ hasText: 'carl@example.org' });
  assert.match(await carl.getByRole('link', { name: 'Mend it at Google' }).getAttribute('href'), /^https:\/\/accounts\.google\.com\/verify/);
  await shoot(tab, 'accounts-logged-in');
  const rows = await pollux.sql("select subject, count(*)::int as n from pollux.audit where action = 'account.add' group by 1 order by 1");
  assert.deepEqual(rows, ['ann', 'bob', 'carl'].map((name) => ({ subject: `${name}@example.org`, n: 1 })));
  await inAudit('account.add', 'carl@example.org', 'code_assist');

  const version = async () => (await pollux.sql("select version::int from pollux.account where email = 'ann@example.org'"))[0].version;
  const before_ = await version();
  await tab.getByRole('row').filter({ hasText: 'ann@example.org' }).getByRole('button', { name: 'Refresh' }).click();
  await waitFor('a new access token', async () => await version() > before_);
  await inAudit('account.refresh');
  await close(window);
});

test('a token for a program: made, shown once, good for what it is, revoked', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, `${admin}administrators.html`);
  await tab.getByRole('button', { name: 'Make a token' }).click();
  await tab.fill('dialog [name=name]', 'prometheus');
  await tab.selectOption('dialog [name=role]', 'metrics');
  await tab.click('dialog button[type=submit]');
  const token = await tab.locator('.secret code').textContent();
  assert.match(token, /^plxa_/);
  assert.equal((await pollux.send('/metrics', { token })).status, 200);
  await inAudit('token.add', 'prometheus', 'role: metrics');
  await tab.getByRole('button', { name: 'Done' }).click();
  await tab.getByRole('row').filter({ hasText: 'prometheus' }).getByRole('button', { name: 'Revoke' }).click();
  await tab.locator('dialog').getByRole('button', { name: 'Revoke' }).click();
  await tab.getByText('Revoked.').waitFor();
  assert.equal((await pollux.send('/metrics', { token })).status, 401);
  assert.equal((await pollux.sql("select revoked_at is not null as gone from report.admin_tokens where name = 'prometheus'"))[0].gone, true);
  await inAudit('token.revoke', 'prometheus', 'revoked_at');
  await close(window);
});

test('administrators: a viewer is made, sees everything, and is shown no button that changes anything', async () => {
  const window = await open();
  await visit(window, `${admin}administrators.html`);
  const { tab } = window;
  await tab.getByRole('button', { name: 'Add an administrator' }).click();
  await tab.fill('dialog [name=name]', 'guest');
  await tab.selectOption('dialog [name=role]', 'viewer');
  await tab.fill('dialog [name=password]', 'only to look at it');
  await tab.click('dialog button[type=submit]');
  await tab.getByText('guest may enter now.').waitFor();
  assert.deepEqual(await pollux.sql("select role from pollux.admin where name = 'guest'"), [{ role: 'viewer' }]);
  await inAudit('admin.add', 'guest', 'role: viewer');
  await close(window);

  const guest = await openWindow(chrome.browser, pollux.origin);
  guest.expected.push(/status of 401/);
  await guest.tab.goto(`${admin}login.html`);
  await guest.tab.fill('[name=name]', 'guest');
  await guest.tab.fill('[name=password]', 'only to look at it');
  await guest.tab.keyboard.press('Enter');
  await guest.tab.getByRole('heading', { name: 'Overview' }).waitFor();
  for (const [page, address] of await pages()) {
    if (['login', 'me', 'playground'].includes(page)) continue;
    await visit(guest, admin + address);
    const names = await guest.tab.getByRole('button', { name: /^(Add|Edit|Remove|Revoke|Disable|Enable|Run now|Test|Save|Reset|Make|Import|Configure|Forget|Log in)\b/ }).allTextContents();
    assert.deepEqual(names, [], page);
  }
  await close(guest);
});

test('a changed password ends the other sessions and not this one', async () => {
  const password = 'only to look at it';
  const other = await cookiesOf('guest', password);
  const window = await open({ storage: await cookiesOf('guest', password) });
  const { tab } = window;
  await visit(window, `${admin}me.html`);
  assert.ok(await tab.locator('tbody tr').count() >= 2);
  await tab.fill('[name=current]', password);
  await tab.fill('[name=password]', 'something quite different');
  await tab.fill('[name=again]', 'something quite different');
  await tab.getByRole('button', { name: 'Change password' }).click();
  await tab.getByText('The password was changed.').waitFor();
  await waitFor('one session', async () => await tab.locator('tbody tr').count() === 1);
  await close(window);
  const gone = await open({ storage: other });
  gone.expected.push(/status of 401/);
  await gone.tab.goto(`${admin}me.html`);
  await gone.tab.waitForURL(/login\.html/);
  await close(gone);
});

test('a sign-out ends it, and a deep link leads back after the door', async () => {
  const window = await open({ storage: await cookiesOf('admin', door.password) });
  const { tab } = window;
  await visit(window, `${admin}me.html`);
  await tab.getByRole('button', { name: 'Sign out', exact: true }).click();
  await tab.waitForURL(/login\.html/);
  window.expected.push(/status of 401/);
  await tab.goto(`${admin}settings.html?q=retention`);
  await tab.waitForURL(/login\.html\?next=/);
  await tab.fill('[name=password]', door.password);
  await tab.keyboard.press('Enter');
  await tab.waitForURL(/settings\.html\?q=retention/);
  await settled(tab);
  assert.equal(await tab.locator('.setting:visible').count(), 1);
  await close(window);
});

test('a page that nobody is at says so when it asks by itself, so that it keeps nobody signed in', async () => {
  const window = await open();
  const { tab } = window;
  await tab.clock.install();
  await visit(window, admin);
  const alone = async (later) => {
    const next = tab.waitForRequest(/api\/overview/);
    await tab.clock.fastForward(later);
    return (await next).headers()['x-pollux-idle'];
  };
  assert.equal(await alone('00:06'), undefined);
  assert.equal(await alone('02:00'), '1');
  await tab.mouse.move(300, 300);
  assert.equal(await alone('00:06'), undefined);
  await close(window);
});

test('the keyboard goes everywhere', async () => {
  const window = await open();
  const { tab } = window;
  await visit(window, admin);
  await tab.keyboard.press('g');
  await tab.keyboard.press('c');
  await tab.waitForURL(/credentials\.html/);
  await settled(tab);
  await tab.keyboard.press('?');
  await tab.getByRole('dialog').waitFor();
  await tab.keyboard.press('Escape');
  assert.equal(await tab.getByRole('dialog').count(), 0);
  await tab.keyboard.press('Tab');
  assert.equal(await tab.evaluate(() => document.activeElement.textContent), 'Skip to content');
  await close(window);
});
