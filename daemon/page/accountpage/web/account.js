'use strict';
// The documents work without this script. It keeps them fresh: the server says that
// something has changed, and the document is fetched anew and put in place.
(function () {
  var body = document.body, live = document.getElementById('live'), on = live.textContent;
  var source = null, wanted = false, busy = false, retry = 0, last = 0, timer = 0;

  function show(fresh) {
    live.hidden = false;
    live.textContent = fresh ? on : body.dataset.off;
    live.classList.toggle('off', !fresh);
  }

  // What somebody is writing, or has the focus on, stays.
  function occupied() {
    var active = document.activeElement;
    return active && /^(INPUT|SELECT|TEXTAREA)$/.test(active.tagName) && active.type !== 'radio';
  }

  function put(text) {
    var next = new DOMParser().parseFromString(text, 'text/html');
    if (!next.body.dataset.live) { location.reload(); return; }
    document.title = next.title;
    ['nav', 'main'].forEach(function (id) {
      var old = document.getElementById(id), fresh = next.getElementById(id);
      if (old.innerHTML === fresh.innerHTML) return;
      var all = Array.prototype.slice.call(old.querySelectorAll('a, button'));
      var at = all.indexOf(document.activeElement);
      old.replaceChildren.apply(old, Array.prototype.slice.call(fresh.childNodes));
      var same = at < 0 ? null : old.querySelectorAll('a, button')[at];
      if (same) same.focus();
    });
    prepare();
  }

  function refresh() {
    if (document.hidden || busy || occupied()) { wanted = true; return; }
    // Where a lot happens, a look every few seconds is enough.
    var pause = last + 3000 - Date.now();
    if (pause > 0) {
      if (!timer) timer = setTimeout(function () { timer = 0; refresh(); }, pause);
      return;
    }
    busy = true;
    wanted = false;
    last = Date.now();
    var address = new URL(location.href);
    address.searchParams.delete('said');
    fetch(address, { credentials: 'same-origin', redirect: 'manual' }).then(function (answer) {
      if (answer.type === 'opaqueredirect' || answer.status === 404) { location.reload(); return null; }
      return answer.ok ? answer.text() : null;
    }).then(function (text) {
      if (text) put(text);
    }).catch(function () { wanted = true; }).then(function () { busy = false; });
  }

  function listen() {
    source = new EventSource(body.dataset.live);
    source.onopen = function () { show(true); retry = 0; if (wanted) refresh(); };
    source.addEventListener('changed', refresh);
    source.addEventListener('gone', function () { source.close(); location.reload(); });
    source.onerror = function () {
      show(false);
      wanted = true;
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, Math.min(30000, 1000 << Math.min(retry++, 5)));
    };
  }

  // The filters work at once; the button is for who has no script.
  function prepare() {
    var find = document.getElementById('find');
    if (!find) return;
    find.querySelectorAll('input[type=radio], select').forEach(function (field) {
      field.addEventListener('change', function () { find.submit(); });
    });
  }

  prepare();
  listen();
  document.addEventListener('visibilitychange', function () { if (!document.hidden && wanted) refresh(); });
  document.addEventListener('focusout', function () { setTimeout(function () { if (wanted) refresh(); }, 300); });
  setInterval(refresh, 60000);
  // A reload does not tell again what came of a button.
  if (/[?&](said|signed-in)/.test(location.search)) {
    var address = new URL(location.href);
    address.searchParams.delete('said');
    address.searchParams.delete('signed-in');
    history.replaceState(null, '', address);
  }
})();
