'use strict';
const local = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const names = new Intl.Collator(undefined, { numeric: true });
const filter = document.createElement('input');

// What a row has in a column.
const KEYS = {
  name: row => row.cells[0].textContent,
  size: row => parseInt(row.cells[1].title) || 0,
  changed: row => row.cells[2].firstChild?.dateTime ?? '',
};

const rows = () => [...document.querySelector('tbody').rows];

// Folders first, as the server has it.
function sort(by, descending) {
  const key = KEYS[by], sign = descending ? -1 : 1;
  const compare = by === 'size' ? (a, b) => a - b : by === 'name' ? names.compare : (a, b) => (a > b) - (a < b);
  const keyed = rows().map(row => ({ row, file: !row.className, key: key(row), name: KEYS.name(row) }));
  keyed.sort((a, b) => a.file - b.file || sign * compare(a.key, b.key) || names.compare(a.name, b.name));
  document.querySelector('tbody').replaceChildren(...keyed.map(({ row }) => row));
}

function choose(event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const link = event.currentTarget, query = new URLSearchParams(link.search);
  const descending = query.get('order') === 'desc';
  sort(query.get('sort'), descending);
  history.replaceState(null, '', link.search);
  document.querySelector('[aria-sort]').removeAttribute('aria-sort');
  link.parentNode.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
  query.set('order', descending ? 'asc' : 'desc');
  link.search = query;
}

function select() {
  const wanted = filter.value.toLowerCase();
  for (const row of rows()) row.hidden = !KEYS.name(row).toLowerCase().includes(wanted);
}

// Once more after each refresh.
function enhance() {
  for (const link of document.querySelectorAll('thead a')) link.onclick = choose;
  for (const time of document.querySelectorAll('time')) {
    time.title = time.textContent;
    time.textContent = local.format(new Date(time.dateTime));
  }
  select();
}

filter.type = 'search';
filter.placeholder = 'Filter  ( / )';
filter.setAttribute('aria-label', 'Filter by name');
filter.oninput = select;
filter.onkeydown = event => {
  if (event.key === 'Enter') document.querySelector('tbody tr:not([hidden]) a')?.click();
  if (event.key === 'Escape') filter.value = '', select(), filter.blur();
};
document.querySelector('header').append(filter);
document.addEventListener('keydown', event => {
  if (event.key !== '/' || event.target === filter || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  filter.focus();
});
enhance();
