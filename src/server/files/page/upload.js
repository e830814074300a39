'use strict';
{
  const area = document.createElement('section');
  area.id = 'upload';
  area.innerHTML =
    '<label><input type="file" multiple>Upload files</label> <span>or drop them here</span><ul aria-live="polite"></ul>';
  document.querySelector('header').after(area);
  const [button, list] = [area.querySelector('input'), area.querySelector('ul')];
  let last = Promise.resolve();
  let waiting = 0;

  // Takes the files of the folder as they are now.
  async function refresh() {
    const response = await fetch(location.href, { cache: 'no-store' });
    if (!response.ok) throw new Error(response.statusText);
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    document.querySelector('main').replaceWith(page.querySelector('main'));
    enhance();
  }

  // Never in place of another one, unless that is wanted. Resolves to null, or to why it failed.
  function put(file, line, fields) {
    return new Promise(resolve => {
      const request = new XMLHttpRequest();
      request.open('PUT', './' + encodeURIComponent(file.name));
      for (const name in fields) request.setRequestHeader(name, fields[name]);
      request.upload.onprogress = event => {
        line.bar.max = event.total || 1;
        line.bar.value = event.loaded;
      };
      request.onload = () => resolve(request.status < 300 ? null : request);
      request.onerror = () => resolve({ statusText: 'The connection failed, or the file cannot be read.' });
      request.onabort = () => resolve({ statusText: 'Canceled.' });
      line.stop.onclick = () => request.abort();
      request.send(file);
    });
  }

  function show(file) {
    const item = document.createElement('li');
    const line = { item };
    for (const [part, tag] of [['name', 'bdi'], ['bar', 'progress'], ['said', 'span'], ['stop', 'button']]) {
      line[part] = item.appendChild(document.createElement(tag));
    }
    line.name.textContent = file.name;
    line.bar.value = 0;
    line.bar.setAttribute('aria-label', file.name);
    line.stop.textContent = 'Cancel';
    list.append(item);
    return line;
  }

  async function send(file, line) {
    let failure = line.canceled ?? (await put(file, line, { 'If-None-Match': '*' }));
    if (failure?.status === 412 && confirm(`${file.name} is there already. Replace it?`)) {
      failure = await put(file, line, {});
    }
    line.stop.remove();
    line.bar.remove();
    line.item.className = failure ? 'failed' : 'done';
    line.said.textContent = failure ? `${failure.status || ''} ${failure.statusText}`.trim() : 'Uploaded.';
  }

  // One after the other.
  function upload(files) {
    for (const file of files) {
      const line = show(file);
      line.stop.onclick = () => (line.canceled = { statusText: 'Canceled.' });
      waiting += 1;
      last = last
        .then(() => send(file, line))
        .catch(error => (line.said.textContent = error.message))
        .then(() => --waiting || refresh())
        .catch(console.error);
    }
  }

  button.onchange = () => {
    upload([...button.files]);
    button.value = '';
  };
  const isFiles = event => event.dataTransfer?.types.includes('Files');
  document.addEventListener('dragover', event => {
    if (!isFiles(event)) return;
    event.preventDefault();
    area.classList.add('over');
  });
  document.addEventListener('dragleave', event => event.relatedTarget ?? area.classList.remove('over'));
  document.addEventListener('drop', event => {
    if (!isFiles(event)) return;
    event.preventDefault();
    area.classList.remove('over');
    upload([...event.dataTransfer.files]);
  });
  window.addEventListener('beforeunload', event => waiting && event.preventDefault());
}
