// SPDX-License-Identifier: MIT
// table.js: a list that the server pages, sorts and filters. Its state (filters, order) stands in the page's address, so
// that a link shows the same. On a phone its rows are cards; a selection brings up a bar with what can be done to it.
import { el, fill, morph } from './dom.js';
import { number, when } from './format.js';
import { plural, t } from './i18n.js';
import { trouble } from './dialog.js';

// table makes one. Options:
//   columns    [{key, label, sort (name of the order; or absent), align: 'r', wrap, narrow: 'title' | 'hide', show(row)}]
//   load       async ({filters, sort, descending, cursor, limit}) => {rows, next, total, estimated, more}
//   href       row => address of the thing that the row names
//   filters    [{name, label, type: 'search' | 'select', options}]; names are also those in the address
//   sort       {by, descending} to begin with
//   actions    [{label, danger, run(selection), when(filters)}]; selection is {ids, all, filters}: some rows, or all that match
//   empty      () => node for a list that has nothing at all; noMatch for filters that leave nothing
//   id         row => its id (row.id)
export function table(options) {
  const { columns, load, filters = [], actions = [], size = 50, live = 0 } = options;
  const idOf = options.id ?? ((row) => row.id);
  const address = new URLSearchParams(location.search);
  const state = {
    filters: Object.fromEntries(filters.map((filter) => [filter.name, address.get(filter.name) ?? filter.value ?? ''])),
    sort: address.get('sort') ?? options.sort?.by ?? null,
    descending: address.has('sort') ? address.get('order') === 'desc' : options.sort?.descending ?? false,
    cursors: [null], page: null, rows: [], selected: new Set(), all: false, asked: 0,
  };
  const body = el('div', { class: 'card flush' });
  const bar = el('div', { class: 'selection', role: 'region', 'aria-label': t('Selection'), hidden: true });
  const node = el('div', {}, filters.length > 0 && filterBar(), body, bar);
  const label = options.label ?? document.title;

  function filterBar() {
    return el('div', { class: 'filters', role: 'search' }, filters.map((filter) => {
      const change = (event) => {
        state.filters[filter.name] = event.target.value.trim();
        restart();
      };
      if (filter.type === 'select') {
        return el('select', { 'aria-label': filter.label, name: filter.name, onchange: change },
          [['', filter.label], ...filter.options].map(([value, text]) => el('option', { value, selected: value === state.filters[filter.name] }, text)));
      }
      let timer;
      return el('input', {
        class: filter.type === 'search' ? 'search' : '', type: filter.type === 'search' ? 'search' : filter.type ?? 'text', name: filter.name, placeholder: filter.label, 'aria-label': filter.label,
        value: state.filters[filter.name], 'data-focus': filter.type === 'search',
        oninput(event) { clearTimeout(timer); timer = setTimeout(() => change(event), 250); },
      });
    }), options.tools);
  }

  // A change of filter or order begins at the first page and forgets the selection.
  function restart() {
    Object.assign(state, { cursors: [null], all: false });
    state.selected.clear();
    writeAddress();
    return refresh();
  }

  function writeAddress() {
    const next = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(state.filters)) value ? next.set(name, value) : next.delete(name);
    if (state.sort && (state.sort !== options.sort?.by || state.descending !== (options.sort?.descending ?? false))) {
      next.set('sort', state.sort);
      next.set('order', state.descending ? 'desc' : 'asc');
    } else {
      next.delete('sort');
      next.delete('order');
    }
    const query = next.toString();
    history.replaceState(null, '', query ? `?${query}` : location.pathname);
  }

  const activeFilters = () => Object.fromEntries(Object.entries(state.filters).filter(([, value]) => value !== ''));

  async function refresh() {
    const mine = ++state.asked;
    body.classList.add('loading');
    body.setAttribute('aria-busy', 'true');
    try {
      const page = await load({ filters: activeFilters(), sort: state.sort, descending: state.descending, cursor: state.cursors.at(-1), limit: size });
      if (mine !== state.asked) return;
      state.page = page;
      state.rows = page.rows;
      show();
    } catch (error) {
      if (mine !== state.asked || error.name === 'AbortError') return;
      fill(body, el('div', { class: 'empty' }, el('p', {}, trouble(error)), el('button', { class: 'btn', type: 'button', onclick: refresh }, t('Try again'))));
    } finally {
      if (mine === state.asked) {
        body.classList.remove('loading');
        body.removeAttribute('aria-busy');
      }
    }
  }

  function show() {
    const filtered = Object.keys(activeFilters()).length > 0;
    if (state.rows.length === 0 && state.cursors.length === 1 && !state.page.next) {
      fill(body, filtered ? noMatch() : options.empty?.() ?? el('div', { class: 'empty' }, el('p', {}, t('There is nothing here yet.'))));
    } else {
      if (!body.querySelector('table')) fill(body);
      morph(body, el('div', { class: 'table-wrap', role: 'region', tabindex: 0, 'aria-label': label }, sheet()), pager());
    }
    showBar();
  }

  const noMatch = () => el('div', { class: 'empty' }, el('p', {}, t('Nothing matches these filters.')),
    el('button', { class: 'btn', type: 'button', onclick: clearFilters }, t('Clear filters')));

  function clearFilters() {
    for (const filter of filters) state.filters[filter.name] = '';
    for (const input of node.querySelectorAll('.filters [name]')) input.value = '';
    restart();
  }

  function sheet() {
    return el('table', { class: 'cards', role: 'table' },
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, actions.length > 0 && el('th', { class: 'pick', role: 'columnheader' }, pickAll()), columns.map(head))),
      el('tbody', { role: 'rowgroup' }, state.rows.map(line)));
  }

  function head(column) {
    const mine = column.sort && state.sort === column.sort;
    const order = { role: 'columnheader', class: column.align ?? '', 'aria-sort': mine ? (state.descending ? 'descending' : 'ascending') : undefined };
    if (!column.sort) return el('th', order, column.label);
    return el('th', order, el('button', { class: 'sort', type: 'button', onclick: () => sortBy(column) },
      column.label, el('span', { class: 'arrow', 'aria-hidden': 'true' }, mine ? (state.descending ? '↓' : '↑') : '')));
  }

  function sortBy(column) {
    if (state.sort === column.sort) state.descending = !state.descending;
    else Object.assign(state, { sort: column.sort, descending: column.align === 'r' || column.descending === true });
    restart();
  }

  function line(row) {
    const id = idOf(row);
    const picked = state.all || state.selected.has(id);
    const href = options.href?.(row);
    return el('tr', { role: 'row', 'data-key': `row-${id}`, class: href ? 'opens' : '', 'aria-selected': actions.length > 0 ? String(picked) : undefined, onclick: href && ((event) => open(event, href)) },
      actions.length > 0 && el('td', { class: 'pick', role: 'cell', 'data-label': '' }, pickOne(row, id, picked)),
      columns.map((column) => {
        const shown = column.show ? column.show(row) : row[column.key];
        const first = column.narrow === 'title';
        const classes = [column.align, column.wrap && 'wrap', column.nowrap && 'nowrap', first && 'title', column.narrow === 'hide' && 'hide-narrow'].filter(Boolean).join(' ');
        return el('td', { class: classes, role: 'cell', 'data-label': column.label }, first && href ? el('a', { href }, shown) : shown ?? '–');
      }));
  }

  // Anywhere in the row that is not itself something to click; a text that is being selected is no click.
  function open(event, href) {
    if (event.target.closest('a, button, input, label, summary') || String(getSelection()) !== '') return;
    if (event.metaKey || event.ctrlKey) window.open(href, '_blank', 'noopener');
    else location.href = href;
  }

  function pickOne(row, id, picked) {
    const box = el('input', { type: 'checkbox', 'aria-label': t('Select {name}', { name: options.nameOf?.(row) ?? id }), onchange(event) {
      if (state.all) { state.all = false; for (const other of state.rows) state.selected.add(idOf(other)); }
      event.target.checked ? state.selected.add(id) : state.selected.delete(id);
      show();
    } });
    return keepChecked(box, picked);
  }

  function pickAll() {
    const whole = state.rows.length > 0 && state.rows.every((row) => state.all || state.selected.has(idOf(row)));
    const box = el('input', { type: 'checkbox', 'aria-label': t('Select all rows of this page'), onchange(event) {
      state.all = false;
      for (const row of state.rows) event.target.checked ? state.selected.add(idOf(row)) : state.selected.delete(idOf(row));
      show();
    } });
    return keepChecked(box, whole);
  }

  // morph copies attributes; whether a box is checked is none. The label carries it over.
  function keepChecked(box, checked) {
    box.checked = checked;
    box.setAttribute('data-checked', String(checked));
    queueMicrotask(() => {
      for (const other of node.querySelectorAll('[data-checked]')) other.checked = other.dataset.checked === 'true';
    });
    return box;
  }

  function pager() {
    const { next, total, estimated, more, searchedTo } = state.page;
    const back = state.cursors.length > 1;
    // An estimate says nothing where all there is can be seen.
    if (!back && !next) return el('div', { class: 'pager' }, el('span', { role: 'status' }, plural(state.rows.length, '{n} row', '{n} rows')));
    const count = total === undefined || total === null ? '' : more ? t('at least {n}', { n: number(total) }) : estimated ? t('about {n}', { n: number(total) }) : plural(total, '{n} row', '{n} rows');
    if (!back && !next && !count) return null;
    return el('div', { class: 'pager' }, el('span', { role: 'status' }, count, next && searchedTo && state.rows.length < size && [' ', t('Searched back to'), ' ', when(searchedTo), '. ', t('Next goes on.')]),
      (back || next) && el('div', { class: 'tools' },
        el('button', { class: 'btn small', type: 'button', disabled: !back, onclick: () => { state.cursors.pop(); refresh(); } }, t('Back')),
        el('span', {}, t('Page {n}', { n: number(state.cursors.length) })),
        el('button', { class: 'btn small', type: 'button', disabled: !next, onclick: () => { state.cursors.push(next); refresh(); scrollTo({ top: 0 }); } }, t('Next'))));
  }

  function showBar() {
    const n = state.all ? state.page?.total ?? 0 : state.selected.size;
    bar.hidden = n === 0;
    if (n === 0) return;
    const selection = () => ({ ids: [...state.selected], all: state.all, filters: activeFilters(), count: n, done: clear });
    const more = !state.all && state.page?.next && state.rows.every((row) => state.selected.has(idOf(row)));
    morph(bar, el('span', { class: 'count', role: 'status' }, plural(n, '{n} selected', '{n} selected')),
      more && options.selectAll && el('button', { class: 'plain', type: 'button', onclick: () => { state.all = true; show(); } }, t('Select all that match')),
      actions.filter((action) => action.when?.(activeFilters()) ?? true).map((action) => el('button', { class: `btn small ${action.danger ? 'danger' : ''}`, type: 'button', onclick: (event) => action.run(selection(), event.currentTarget) }, action.label)),
      el('button', { class: 'btn small', type: 'button', onclick: () => clear() }, t('Cancel')));
  }

  function clear() {
    state.selected.clear();
    state.all = false;
    return refresh();
  }

  refresh();
  if (live) setInterval(() => { if (!document.hidden && state.cursors.length === 1) refresh(); }, live);
  return { node, refresh, state, clear, filters: activeFilters };
}

// plainTable is a small table of rows that are all there: columns as above, without paging.
export function plainTable({ columns, rows, label, empty, href, key }) {
  if (rows.length === 0) return el('div', { class: 'empty' }, el('p', {}, empty ?? t('There is nothing here yet.')));
  return el('div', { class: 'table-wrap', role: 'region', tabindex: 0, 'aria-label': label }, el('table', { class: 'cards', role: 'table' },
    el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, columns.map((column) => el('th', { role: 'columnheader', class: column.align ?? '' }, column.label)))),
    el('tbody', { role: 'rowgroup' }, rows.map((row, i) => el('tr', { role: 'row', 'data-key': `row-${key ? key(row) : row.id ?? i}` }, columns.map((column) => {
      const shown = column.show ? column.show(row) : row[column.key];
      const classes = [column.align, column.wrap && 'wrap', column.nowrap && 'nowrap', column.narrow === 'title' && 'title', column.narrow === 'hide' && 'hide-narrow'].filter(Boolean).join(' ');
      const link = column.narrow === 'title' && href?.(row);
      return el('td', { class: classes, role: 'cell', 'data-label': column.label }, link ? el('a', { href: link }, shown) : shown ?? '–');
    }))))));
}
