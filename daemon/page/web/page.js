// The login page. It starts the login when a person looks at it, shows what the
// keeper tells, and asks for nothing from anywhere else, but for the captcha's
// script in the document of the SMS form, once a number is to be sent.
(function () {
  'use strict';

  var T = JSON.parse(document.body.dataset.texts);
  var form = document.body.dataset.form === 'true';
  // Relative to the document, so that a proxy may put a path before the page.
  var root = new URL(document.body.dataset.base, location.href).pathname;
  var app = byId('app');
  var reader = '';

  function byId(id) { return document.getElementById(id); }

  function fill(key, name, value) {
    return T[key].replace('{' + name + '}', function () { return value; });
  }

  function text(id, words) {
    var at = byId(id);
    if (!at) return;
    at.hidden = !words;
    // A live region that is set to what it says would be read out again.
    if (at.textContent !== words) at.textContent = words;
  }

  // show makes the parts of one view visible and hides the others.
  function show(view) {
    var ends = ['succeeded', 'failed', 'gone', 'elsewhere', 'trouble'];
    app.hidden = false;
    app.dataset.view = view;
    if (ends.indexOf(view) >= 0) app.dataset.end = ''; else delete app.dataset.end;
    document.querySelectorAll('[data-show]').forEach(function (part) {
      // Not the property: an svg has none.
      part.toggleAttribute('hidden', part.dataset.show.split(' ').indexOf(view) < 0);
    });
  }

  function end(view, words) {
    var before = app.dataset.view;
    show(view);
    text('error', '');
    text('end-title', T[view]);
    text('end-text', words);
    document.title = T[view];
    if (before !== view) byId('end-title').focus({ preventScroll: true });
  }

  function who(name) {
    text('who', name ? fill('as', 'who', name) : '');
    text('end-who', name || '');
  }

  function explain(key) { return T['error_' + key] || T.error_internal; }

  // ask returns the keeper's answer or throws the key of what went wrong.
  async function ask(path, body) {
    var options = { cache: 'no-store', credentials: 'omit', redirect: 'error' };
    if (body) {
      options.method = 'POST';
      options.headers = { 'Content-Type': 'application/json', 'X-Bilikeeper-Page': '1' };
      options.body = JSON.stringify(body);
    }
    var answer;
    try { answer = await fetch(root + '/' + path, options); } catch (e) { throw 'offline'; }
    if (answer.status === 404) throw 'gone';
    var data;
    try { data = await answer.json(); } catch (e) { throw answer.ok ? 'internal' : 'offline'; }
    if (!answer.ok) throw data.error || 'internal';
    if (data.view) reader = data.view;
    return data;
  }

  function key(e) { return typeof e === 'string' ? e : 'internal'; }

  // follow keeps up with the keeper: by a stream of events, and by asking where
  // a stream does not get through or breaks.
  function follow(apply, gone) {
    var source = null, timer = 0, stopped = false, heard = 0;

    function stop() {
      stopped = true;
      clearTimeout(timer);
      if (source) source.close();
    }

    function open() {
      if (stopped) return;
      if (source) source.close();
      source = new EventSource(root + '/events?view=' + encodeURIComponent(reader));
      source.addEventListener('state', function (e) {
        heard = Date.now();
        text('error', '');
        apply(JSON.parse(e.data));
      });
      again(4000);
    }

    function again(wait) {
      clearTimeout(timer);
      if (!stopped) timer = setTimeout(check, wait);
    }

    // check asks once. While the stream works it is only looked at.
    async function check() {
      if (stopped) return;
      var open_ = source && source.readyState === EventSource.OPEN;
      if (open_ && heard) return again(5000);
      try {
        var s = await ask('state?view=' + encodeURIComponent(reader));
        if (stopped) return;
        text('error', '');
        apply(s);
        if (!stopped && source && source.readyState === EventSource.CLOSED) { open(); }
      } catch (e) {
        if (stopped) return;
        if (e === 'gone') { stop(); gone(); return; }
        text('error', explain(key(e)));
      }
      again(2500);
    }

    // A phone that comes back from the app has lost its stream without a word.
    function back() {
      if (stopped || document.visibilityState !== 'visible') return;
      heard = 0;
      open();
      again(0);
    }

    document.addEventListener('visibilitychange', back);
    window.addEventListener('pageshow', function (e) { if (e.persisted) back(); });
    window.addEventListener('online', back);
    open();
    return { stop: function () { document.removeEventListener('visibilitychange', back); stop(); }, check: function () { heard = 0; again(0); } };
  }

  // looked calls back when a person sees the page: a browser may load pages
  // ahead, and a code must not age unseen.
  function looked(then) {
    function now() {
      if (document.visibilityState !== 'visible' || document.prerendering) return;
      document.removeEventListener('visibilitychange', now);
      document.removeEventListener('prerenderingchange', now);
      then();
    }
    document.addEventListener('visibilitychange', now);
    document.addEventListener('prerenderingchange', now);
    now();
  }

  // ---- the document with the code ----

  function codePage() {
    var link = null, deadline = 0, life = 180, busy = false;
    var image = byId('code');

    function finish() {
      if (link) { link.stop(); link = null; }
      deadline = 0;
    }

    function apply(s) {
      who(s.who);
      document.title = T.title;
      deadline = s.picture ? Date.now() + s.left * 1000 : 0;
      life = Math.max(s.picture ? s.left : 0, 180);
      if (s.method === 'sms' && (s.state === 'captcha' || s.state === 'sms_sent')) {
        end('elsewhere', T.elsewhere_text);
        return;
      }
      switch (s.state) {
        case 'waiting':
        case 'scanned':
          picture(s);
          step(s.state);
          break;
        case 'renewing':
        case 'verifying':
          step(s.state);
          break;
        case 'succeeded':
          finish();
          end('succeeded', T.succeeded_text);
          break;
        case 'failed':
        case 'cancelled':
          finish();
          end('failed', T['reason_' + s.reason] || T.reason_other);
          byId('renew').hidden = s.codes_left < 1;
          break;
        case 'gone':
          lost();
          break;
        default:
          step('loading');
      }
    }

    function step(view) {
      show(view);
      text('status', T[view]);
      if (view === 'loading' || view === 'renewing') image.hidden = true;
      tick();
    }

    function picture(s) {
      var at = root + '/' + s.picture;
      byId('save').href = at;
      byId('open').hidden = !/^https?:/.test(s.url || '');
      if (s.url) byId('open').href = s.url;
      byId('app').hidden = !/^bilibili:/.test(s.app || '');
      if (s.app) byId('app').href = s.app;
      if (image.dataset.at === at) { image.hidden = !image.complete || !image.naturalWidth; return; }
      image.dataset.at = at;
      image.hidden = true;
      image.onload = function () { if (image.dataset.at === at) image.hidden = false; };
      image.onerror = function () {
        image.dataset.at = '';
        if (link) setTimeout(link.check, 1000);
      };
      image.src = at;
    }

    function tick() {
      var left = deadline ? (deadline - Date.now()) / 1000 : 0;
      var whole = Math.max(0, Math.ceil(left));
      var bar = byId('bar');
      bar.style.transform = 'scaleX(' + Math.max(0, Math.min(1, left / life)) + ')';
      bar.className = left < 20 ? 'late' : '';
      byId('time').textContent = left > 0
        ? fill('left', 'time', Math.floor(whole / 60) + ':' + String(whole % 60).padStart(2, '0')) : '\u00a0';
      if (deadline && left <= 0) {
        deadline = 0;
        if (app.dataset.view === 'waiting') step('renewing');
      }
    }

    function lost() {
      finish();
      end('gone', T.gone_text);
    }

    function failed(e) {
      var k = key(e);
      if (k === 'gone') { lost(); return; }
      if (app.dataset.view === 'loading' || app.dataset.view === 'trouble') {
        finish();
        end('trouble', explain(k));
      } else if (k === 'used_up' || k === 'slow_down' || k === 'busy') {
        text('error', explain(k));
      } else {
        finish();
        end('trouble', explain(k));
      }
    }

    async function act(path) {
      if (busy) return;
      busy = true;
      document.querySelectorAll('nav button').forEach(function (b) { b.disabled = true; });
      try {
        var s = await ask(path, {});
        text('error', '');
        apply(s);
        if (!link && ['succeeded', 'failed', 'cancelled', 'gone'].indexOf(s.state) < 0) link = follow(apply, lost);
      } catch (e) {
        failed(e);
      }
      busy = false;
      document.querySelectorAll('nav button').forEach(function (b) { b.disabled = false; });
    }

    byId('renew').addEventListener('click', function () {
      image.hidden = true;
      // On a phone the button is far below the code.
      window.scrollTo(0, 0);
      act('renew');
    });
    byId('cancel').addEventListener('click', function () { act('cancel'); });
    byId('again').addEventListener('click', function () { step('loading'); act('start'); });
    byId('phone').open = matchMedia('(pointer: coarse)').matches;
    setInterval(tick, 250);
    step('loading');
    looked(function () { act('start'); });
  }

  // ---- the document with the SMS form ----

  function smsPage() {
    // over is true once the matter has ended: the stream may tell of that before the
    // answer to a step is there, which is older than it then.
    var captcha = null, link = null, phone = '', over = false;
    var here = location.href;

    function view(name, words) {
      show(name);
      text('status', words || '');
      byId('send').disabled = name !== 'number';
      byId('submit').disabled = name !== 'answer';
    }

    function finish() {
      if (link) { link.stop(); link = null; }
    }

    function lost() {
      over = true;
      finish();
      end('gone', T.gone_text);
    }

    function apply(s) {
      if (over) return;
      who(s.who);
      switch (s.state) {
        case 'sms_sent':
          if (app.dataset.view !== 'answer') {
            view('answer', phone ? fill('sms_sent', 'phone', phone) : '');
            byId('digits').focus();
          }
          break;
        case 'verifying':
          view('verifying', T.verifying);
          break;
        case 'succeeded':
          over = true;
          finish();
          end('succeeded', T.succeeded_text);
          break;
        case 'failed':
        case 'cancelled':
          over = true;
          finish();
          end('failed', T['reason_' + s.reason] || T.reason_other);
          break;
        case 'gone':
          lost();
          break;
      }
    }

    function failed(e, step) {
      var k = key(e);
      if (k === 'gone') { lost(); return; }
      if (step === 'start' && k !== 'slow_down') { finish(); end('trouble', explain(k)); return; }
      text('error', (k === 'refused' && T['sms_' + step + '_refused']) || explain(k));
    }

    function countries(list) {
      if (!list || !list.length) return;
      var select = byId('country');
      select.textContent = '';
      list.forEach(function (c) {
        var o = document.createElement('option');
        o.value = c.id;
        o.textContent = c.name + ' +' + c.code;
        select.appendChild(o);
      });
    }

    // prepare gets a captcha. One is good for one number.
    async function prepare() {
      captcha = await ask('sms/captcha', {});
      if (byId('country').options.length < 2) countries(captcha.countries);
    }

    async function begin() {
      over = false;
      text('error', '');
      view('loading', '');
      try {
        var s = await ask('state?view=' + encodeURIComponent(reader));
        who(s.who);
        if (s.state === 'sms_sent') {
          apply(s);
        } else {
          await prepare();
          view('number', '');
        }
        if (!link) link = follow(apply, lost);
      } catch (e) {
        failed(e, 'start');
        if (app.dataset.view === 'loading') view('number', '');
      }
    }

    // solve shows the widget and returns what it says, or nothing where the
    // person has closed it. While its script is at work the address bar does
    // not hold the link.
    async function solve() {
      history.replaceState(null, '', new URL('../../puzzle', here).pathname);
      try {
        if (!window.initGeetest) await load(captcha.script);
        return await new Promise(function (done, fail) {
          window.initGeetest({
            gt: captcha.gt, challenge: captcha.challenge, offline: false, new_captcha: true,
            product: 'bind', https: location.protocol === 'https:' || /^https:/.test(captcha.script),
            lang: document.documentElement.lang === 'zh-CN' ? 'zh-cn' : 'en'
          }, function (widget) {
            widget.onReady(function () { widget.verify(); })
              .onSuccess(function () { done(widget.getValidate()); })
              .onError(function () { fail('puzzle'); });
            if (widget.onClose) widget.onClose(function () { done(null); });
          });
        });
      } finally {
        history.replaceState(null, '', here);
      }
    }

    function load(address) {
      return new Promise(function (done, fail) {
        var s = document.createElement('script');
        s.src = address;
        s.referrerPolicy = 'no-referrer';
        s.onload = function () { if (window.initGeetest) done(); else fail('puzzle'); };
        s.onerror = function () { s.remove(); fail('puzzle'); };
        document.head.appendChild(s);
      });
    }

    async function send() {
      var number = byId('tel').value.replace(/[\s-]/g, '');
      text('error', '');
      if (!/^\d{4,15}$/.test(number)) { text('error', explain('phone')); byId('tel').focus(); return; }
      view('puzzle', T.sms_puzzle);
      try {
        if (!captcha) await prepare();
        var solved = await solve();
        if (!solved) { view('number', ''); return; }
        view('sending', T.sms_sending);
        var token = captcha.token;
        captcha = null;
        phone = number.slice(0, 3) + '****' + number.slice(-2);
        var s = await ask('sms/send', {
          phone: number, country: Number(byId('country').value), token: token,
          challenge: solved.geetest_challenge, validate: solved.geetest_validate, seccode: solved.geetest_seccode
        });
        apply(s);
        if (!link) link = follow(apply, lost);
      } catch (e) {
        if (e === 'puzzle') captcha = null;
        view('number', '');
        failed(e, 'send');
      }
    }

    async function submit() {
      text('error', '');
      view('verifying', T.verifying);
      try {
        apply(await ask('sms/code', { code: byId('digits').value.replace(/\s/g, '') }));
      } catch (e) {
        if (over) return;
        view('answer', phone ? fill('sms_sent', 'phone', phone) : '');
        failed(e, 'code');
      }
    }

    byId('number').addEventListener('submit', function (e) { e.preventDefault(); send(); });
    byId('answer').addEventListener('submit', function (e) { e.preventDefault(); submit(); });
    byId('resend').addEventListener('click', async function () {
      over = false;
      finish();
      text('error', '');
      byId('digits').value = '';
      view('number', '');
      try { await prepare(); } catch (e) { failed(e, 'send'); }
    });
    byId('again').addEventListener('click', begin);
    looked(begin);
  }

  if (form) smsPage(); else codePage();
})();
