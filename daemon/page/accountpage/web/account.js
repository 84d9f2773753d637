'use strict';
// The documents work without this script. It keeps them fresh: the server says that
// something has changed, and the document is fetched anew and put in place. It tells
// what a day of a strip was, and lets a code's time run down.
(function () {
  var body = document.body, html = document.documentElement, live = document.getElementById('live'), on = live.textContent;
  var source = null, wanted = false, busy = false, retry = 0, last = 0, timer = 0, fresh = new Date();
  var words = body.dataset.words.split('|'), comma = words[6], tip = document.getElementById('tip');

  function byId(id) { return document.getElementById(id); }

  // ---- fresh ----

  function show(ok) {
    var stale = byId('stale'), text = ok ? on : body.dataset.off;
    live.hidden = false;
    // What is set anew is read out anew.
    if (live.textContent !== text) live.textContent = text;
    live.classList.toggle('off', !ok);
    if (ok) { stale.hidden = true; return; }
    if (!stale.hidden) return;
    stale.textContent = body.dataset.stale.replace('{time}', fresh.toLocaleTimeString(html.lang, { hour: '2-digit', minute: '2-digit' }));
    stale.hidden = false;
  }

  // What somebody is writing, or has the focus on, stays.
  function occupied() {
    var active = document.activeElement;
    return active && /^(INPUT|SELECT|TEXTAREA)$/.test(active.tagName) && active.type !== 'radio';
  }

  // name is what a thing with the focus is known by in the next document.
  function name(at) {
    var form = at.closest('form');
    return [at.tagName, at.id, at.getAttribute('href'), form && form.getAttribute('action'), at.value, at.textContent].join(' ');
  }

  function put(text) {
    var next = new DOMParser().parseFromString(text, 'text/html');
    if (!next.body.dataset.live) { location.reload(); return; }
    document.title = next.title;
    body.dataset.today = next.body.dataset.today;
    fresh = new Date();
    ['nav', 'main'].forEach(function (id) {
      var old = byId(id), made = next.getElementById(id);
      if (old.dataset.was === made.innerHTML) return;
      old.dataset.was = made.innerHTML;
      var focused = old.contains(document.activeElement) && document.activeElement !== old ? name(document.activeElement) : null;
      // What has not changed stays itself: a picture, what is folded out, a place in a strip.
      made.querySelectorAll('[data-keep]').forEach(function (part) {
        var same = old.querySelector('[data-keep="' + CSS.escape(part.dataset.keep) + '"]');
        if (same) part.replaceWith(same);
      });
      made.querySelectorAll('details[data-open]').forEach(function (part) {
        var same = old.querySelector('details[data-open="' + CSS.escape(part.dataset.open) + '"]');
        if (same) { part.open = same.open; part.dataset.seen = ''; }
      });
      old.replaceChildren.apply(old, Array.prototype.slice.call(made.childNodes));
      if (focused) {
        var again = Array.prototype.filter.call(old.querySelectorAll('a, button, input, summary, [tabindex]'), function (at) { return name(at) === focused; })[0];
        if (again) again.focus({ preventScroll: true });
      }
    });
    prepare();
  }

  function refresh() {
    if (document.hidden || busy || occupied()) { wanted = true; return; }
    // Where a lot happens, a look every few seconds is enough; who has a phone in the
    // hand waits for less.
    var pause = last + (document.querySelector('[data-left]') ? 700 : 3000) - Date.now();
    if (pause > 0) {
      if (!timer) timer = setTimeout(function () { timer = 0; refresh(); }, pause);
      return;
    }
    busy = true;
    wanted = false;
    last = Date.now();
    var address = new URL(location.href);
    address.searchParams.delete('said');
    address.hash = '';
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
      wanted = true;
      // A proxy that closes after a minute is no reason to say anything.
      setTimeout(function () { if (source.readyState !== EventSource.OPEN) show(false); }, 5000);
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, Math.min(30000, 1000 << Math.min(retry++, 5)));
    };
  }

  // ---- the strip ----

  // unpack reads days: a letter for each, with the number of those in a row.
  function unpack(text) {
    var list = [];
    text.replace(/([a-l])(\d*)/g, function (all, letter, n) {
      for (n = Number(n) || 1; n > 0; n--) list.push(letter.charCodeAt(0) - 97);
    });
    return list;
  }

  function told(days, i) {
    var day = new Date(body.dataset.today + 'T00:00:00Z'), kind = days[i];
    day.setUTCDate(day.getUTCDate() - days.length + 1 + i);
    return day.toLocaleDateString(html.lang, { day: 'numeric', month: 'short', timeZone: 'UTC' }) + ' · ' +
      words[Math.floor(kind / 3)] + (kind % 3 ? comma + words[3 + kind % 3] : '');
  }

  function place(box, event, n) {
    var r = box.getBoundingClientRect();
    return Math.max(0, Math.min(n - 1, Math.floor((event.clientX - r.left) / r.width * n)));
  }

  // mark chooses a day of an account's own strip.
  function mark(months, i) {
    var days = unpack(months.dataset.days), text = told(days, i), read = byId('read');
    months.setAttribute('aria-valuenow', i);
    months.setAttribute('aria-valuetext', text);
    read.textContent = text;
    read.classList.add('on');
    months.querySelectorAll('.strip').forEach(function (s) {
      var at = i - s.dataset.from, bar = s.querySelector('.at');
      bar.setAttribute('width', at >= 0 && at < 30 ? 8 : 0);
      bar.setAttribute('x', at * 8 - 1);
    });
  }

  function point(event) {
    var s = event.target.closest && event.target.closest('.strip'), months = s && s.closest('.months');
    tip.hidden = !s || !s.dataset.days;
    if (months) { mark(months, Number(s.dataset.from) + place(s, event, 30)); return; }
    if (tip.hidden) return;
    var days = unpack(s.dataset.days), r = s.getBoundingClientRect();
    tip.textContent = told(days, place(s, event, days.length));
    tip.style.transform = 'translate(' + Math.round(Math.max(8, Math.min(innerWidth - tip.offsetWidth - 8, event.clientX - tip.offsetWidth / 2))) + 'px,' + Math.round(r.top - tip.offsetHeight - 6) + 'px)';
  }

  document.addEventListener('pointermove', point);
  document.addEventListener('pointerdown', point);
  document.addEventListener('scroll', function () { tip.hidden = true; }, { passive: true });
  document.addEventListener('keydown', function (event) {
    var months = event.target.id === 'months' && event.target;
    var by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 7, PageDown: -7, Home: -99, End: 99 }[event.key];
    if (!months || !by) return;
    event.preventDefault();
    mark(months, Math.max(0, Math.min(Number(months.getAttribute('aria-valuemax')), Number(months.getAttribute('aria-valuenow')) + by)));
  });

  // ---- a code's time ----

  function tick() {
    document.querySelectorAll('[data-left]').forEach(function (at) {
      if (!at.dataset.ends) at.dataset.ends = Date.now() + at.dataset.left * 1000;
      var left = Math.max(0, (at.dataset.ends - Date.now()) / 1000), whole = Math.ceil(left);
      at.textContent = at.dataset.text.replace('{t}', Math.floor(whole / 60) + ':' + String(whole % 60).padStart(2, '0'));
      var bar = at.parentNode.querySelector('.count i');
      if (bar) bar.style.transform = 'scaleX(' + Math.min(1, left / at.dataset.life) + ')';
      if (!left && !at.dataset.over) { at.dataset.over = '1'; refresh(); }
    });
  }

  // prepare gives what is new in the document what only a script can do.
  function prepare() {
    html.classList.add('scripted');
    var months = byId('months'), read = byId('read');
    if (months) {
      var n = unpack(months.dataset.days).length;
      if (read.hidden) { read.hidden = false; read.textContent = read.dataset.text; }
      if (!months.hasAttribute('tabindex')) {
        months.tabIndex = 0;
        months.setAttribute('role', 'slider');
        months.setAttribute('aria-valuemin', 0);
        months.setAttribute('aria-valuemax', n - 1);
        months.setAttribute('aria-valuenow', n - 1);
        months.setAttribute('aria-valuetext', told(unpack(months.dataset.days), n - 1));
      } else if (read.textContent === read.dataset.text && months.getAttribute('aria-valuenow') !== String(n - 1)) {
        mark(months, Number(months.getAttribute('aria-valuenow')));
      }
    }
    document.querySelectorAll('details[data-coarse]:not([data-seen])').forEach(function (part) { part.open = matchMedia('(pointer: coarse)').matches; });
    document.querySelectorAll('.copy').forEach(function (b) { b.hidden = !navigator.clipboard; });
    tick();
  }

  // The filters work at once; the button is for who has no script.
  document.addEventListener('change', function (event) {
    var find = event.target.closest('#find');
    if (find && event.target.type !== 'search') find.requestSubmit();
  });
  document.addEventListener('click', function (event) {
    var copy = event.target.closest('.copy');
    if (!copy) return;
    navigator.clipboard.writeText(copy.parentNode.querySelector('code').textContent);
    copy.firstChild.textContent = body.dataset.copied;
  });
  // A second press of a button that waits for the site would ask it twice.
  document.addEventListener('submit', function (event) {
    if (event.target.method !== 'post') return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = '1';
  });

  prepare();
  listen();
  setInterval(tick, 250);
  document.addEventListener('visibilitychange', function () { if (!document.hidden && wanted) refresh(); });
  document.addEventListener('focusout', function () { setTimeout(function () { if (wanted) refresh(); }, 300); });
  window.addEventListener('pageshow', function (event) {
    if (!event.persisted) return;
    document.querySelectorAll('[data-sent]').forEach(function (form) { delete form.dataset.sent; });
    refresh();
  });
  setInterval(refresh, 60000);
  // A reload does not tell again what came of a button.
  if (/[?&](said|signed-in)/.test(location.search)) {
    var address = new URL(location.href);
    address.searchParams.delete('said');
    address.searchParams.delete('signed-in');
    history.replaceState(null, '', address);
  }
})();
