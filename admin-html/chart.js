// SPDX-License-Identifier: MIT
// chart.js: lines over time by Chart.js, which the installation puts at vendor/chart.js; where it is missing, and one
// click away where it is not, the same numbers stand in a table. A refresh changes the data and nothing else.
import { el, fill } from './dom.js';
import { dayTime, hourMinute, number, day } from './format.js';
import { t } from './i18n.js';

let library;

// The library sets styles by script only, which the policy of these pages allows.
function load() {
  library ??= new Promise((resolve) => {
    const script = el('script', { src: 'vendor/chart.js' });
    script.onload = () => resolve(window.Chart ?? null);
    script.onerror = () => resolve(null);
    document.head.append(script);
  });
  return library;
}

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// chart makes one: {label, series: [{name, color: token, area, format}], height, days: one point a day, steps: no curve
// between two points, most: of the scale, x: {name, say(at)} where the points are no moments}. Answers {node, show(times,
// lists)}: times in ms, a list of numbers (or nulls) for each series.
export function chart({ label, series, height = 200, days = false, steps = false, most, x }) {
  const canvas = el('canvas', { role: 'img', 'aria-label': label });
  const nothing = el('p', { class: 'chart-nothing muted', hidden: true }, t('Nothing to draw yet.'));
  const drawing = el('div', { class: 'chart', style: { height: `${height}px` } }, canvas, nothing);
  const sheet = el('div', { class: 'chart-table', hidden: true, tabindex: 0, role: 'region', 'aria-label': label });
  const toggle = el('button', { class: 'plain small', type: 'button', 'aria-pressed': 'false', onclick: flip }, t('Table'));
  const node = el('div', { 'data-keep': true }, drawing, sheet, el('div', { class: 'right' }, toggle));
  let drawn = null;
  let last = null;
  // A date without a time is read as midnight UTC: its noon is that date in every zone.
  const noon = days ? 12 * 3600_000 : 0;
  const moment = (at) => (x ? x.say(at) : days ? day(at + noon) : dayTime(at));

  function flip() {
    const table = sheet.hidden;
    sheet.hidden = !table;
    drawing.hidden = table;
    toggle.setAttribute('aria-pressed', String(table));
    fill(toggle, table ? t('Chart') : t('Table'));
    if (table && last) showTable();
  }

  async function show(times, lists) {
    last = { times, lists };
    nothing.hidden = times.length > 0;
    canvas.hidden = times.length === 0;
    toggle.hidden = times.length === 0;
    if (!sheet.hidden) showTable();
    const Chart = await load();
    if (!Chart) {
      if (sheet.hidden) flip();
      toggle.hidden = true;
      return;
    }
    if (drawn) update();
    else drawn = new Chart(canvas, configuration());
  }

  function update() {
    drawn.data.labels = last.times;
    drawn.data.datasets.forEach((set, i) => { set.data = last.lists[i]; });
    drawn.options.scales.x.ticks.callback = tick;
    drawn.update('none');
  }

  const far = () => days || last.times.length > 1 && last.times.at(-1) - last.times[0] > 2 * 86400_000;
  function tick(value) {
    const at = last.times[value];
    return at === undefined ? '' : x ? x.say(at) : far() ? day(at + noon) : hourMinute(at);
  }

  // A point without neighbours has no line: then it is a dot.
  function alone({ dataset, dataIndex }) {
    const empty = (at) => (dataset.data[at] ?? null) === null;
    return !empty(dataIndex) && empty(dataIndex - 1) && empty(dataIndex + 1) ? 2.5 : 0;
  }

  function configuration() {
    const faint = token('faint');
    const font = { family: getComputedStyle(document.body).fontFamily, size: 11 };
    return {
      type: 'line',
      data: { labels: last.times, datasets: series.map((one, i) => ({
        label: one.name, data: last.lists[i], borderColor: token(one.color), backgroundColor: one.area ? soft(token(one.color)) : 'transparent',
        fill: one.area ? 'origin' : false, borderWidth: one.area ? 2 : 1.5, pointRadius: alone, pointHitRadius: 12, pointBackgroundColor: token(one.color), stepped: steps ? 'after' : false, tension: steps ? 0 : 0.3, cubicInterpolationMode: 'monotone', spanGaps: false,
      })) },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: 'index', intersect: false },
        plugins: { legend: { display: false }, tooltip: {
          displayColors: false, callbacks: {
            title: (items) => moment(last.times[items[0].dataIndex]),
            label: (item) => `${item.dataset.label}: ${write(series[item.datasetIndex], item.raw)}`,
          } } },
        scales: {
          x: { grid: { display: false }, border: { display: false }, ticks: { callback: tick, color: faint, font, maxRotation: 0, autoSkip: true, maxTicksLimit: 7 } },
          y: { beginAtZero: true, max: most, grid: { color: token('line'), drawBorder: false }, ticks: { color: faint, font, maxTicksLimit: 4, callback: (value) => write(series[0], value) } },
        },
      },
    };
  }

  const write = (one, value) => (value === null || value === undefined ? '–' : one.format ? one.format(value) : number(value, 1));

  function showTable() {
    fill(sheet, el('table', {},
      el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, x ? x.name : t('Time')), series.map((one) => el('th', { class: 'r', scope: 'col' }, one.name)))),
      el('tbody', {}, last.times.map((at, i) => el('tr', {}, el('td', {}, moment(at)), last.lists.map((list, k) => el('td', { class: 'r' }, write(series[k], list[i]))))).reverse())));
  }

  // Another theme means other colours.
  new MutationObserver(() => {
    if (!drawn) return;
    drawn.destroy();
    drawn = null;
    show(last.times, last.lists);
  }).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });

  return { node, show };
}

// Tokens are #rrggbb; the area below a line is the same colour, faint.
const soft = (color) => (/^#[0-9a-f]{6}$/i.test(color) ? `${color}22` : color);
