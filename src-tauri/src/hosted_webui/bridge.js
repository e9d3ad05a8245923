// Runs first in every page that the WebUI's window shows, and does nothing outside the cluster's own origin.
// It makes the page believe that it runs in its desktop app, and hands the calls to its local proxy to Berth.
(() => {
  "use strict";
  const CONFIG = BERTH_CONFIG;
  if (location.origin !== CONFIG.origin || window.top !== window) return;

  // Tauri's plugin has replaced the page's own with some that it may not use.
  Object.assign(window, window.__berth_dialogs);
  delete window.__berth_dialogs;

  // Of a login that it made itself, the page keeps the id and sends it along, which counts more than the cookie, also
  // when that login has ended and another one is in the cookie (26.9). The cookie alone is right each time.
  window.localStorage.removeItem("backendaiwebui.sessionid");

  // A page may replace these later.
  const { fetch, Request, Response, URL, JSON, Promise, String } = window;
  const PROXY = new URL(CONFIG.proxy).origin;
  const LOGIN = /\/server\/(login|logout|token-login)$/;

  const invoke = (call) => window.__TAURI_INTERNALS__.invoke("local_proxy", { call });

  // Both are asked: 23.09 and 26.9 call `isElectron()`, whose own definition does not parse in WebKit where
  // `window.webkit` exists; in WebView2 theirs comes later and looks at `process.type`. The page overwrites the
  // first with the answer, so it must stay writable.
  window.isElectron = () => true;
  window.process = { type: "renderer" };
  window.__local_proxy = Object.freeze({ url: CONFIG.proxy });

  const answer = async (url, input, init) => {
    const method = String(init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase();
    const body = typeof init?.body === "string" ? init.body : null;
    let told;
    try {
      told = await invoke({ method, path: url.pathname.slice(1), query: url.search.slice(1), body });
    } catch (reason) {
      const msg = String(reason?.message ?? reason);
      told = { status: 502, body: { code: 502, msg, message: msg, title: msg }, say: msg };
    }
    if (told.say) note(told.say);
    const headers = { "Content-Type": "application/json" };
    return new Response(JSON.stringify(told.body), { status: told.status, headers });
  };

  // A webserver behind a TLS proxy that does not know of it names itself with http, which a page under https may not
  // call: such a WebUI works in no browser. It is the same server, so it works here.
  const configuration = async (init) => {
    const told = await fetch.call(window, `${CONFIG.base}config.toml`, init);
    if (location.protocol !== "https:" || !told.ok) return told;
    const text = (await told.text()).replaceAll(`"http://${location.host}`, `"https://${location.host}`);
    return new Response(text, { status: told.status, headers: { "Content-Type": "text/plain" } });
  };

  window.fetch = function (input, init) {
    let url;
    try {
      url = new URL(input instanceof Request ? input.url : String(input), document.baseURI);
    } catch {
      return fetch.call(window, input, init);
    }
    // Where the desktop app of 24.03 and later keeps its configuration; here the cluster's own is the right one.
    if (url.protocol === "es6:" || url.href === `${CONFIG.base}config.toml`) return configuration(init);
    if (url.origin === PROXY) return answer(url, input, init);
    const asked = fetch.call(window, input, init);
    if (url.origin === CONFIG.origin && LOGIN.test(url.pathname)) {
      // Berth asks the server itself what became of the login.
      const tell = () => void invoke({ method: "POST", path: "berth/login" }).catch(() => undefined);
      asked.then(tell, () => undefined);
    }
    return asked;
  };

  // WebKitGTK 2.50 does not come back from resolving these for a tooltip under focus (26.9's launcher, closed).
  const style = new CSSStyleSheet();
  style.replaceSync("[popover]{position-try-fallbacks:none!important}");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, style];

  // What a browser's own window would do.
  const keys = (event) => {
    if (event.defaultPrevented) return;
    const control = event.ctrlKey || event.metaKey;
    const zoom = { "+": "in", "=": "in", "-": "out", "0": "reset" }[event.key];
    if (event.key === "F5" || (control && !event.shiftKey && event.key === "r")) location.reload();
    else if (event.altKey && event.key === "ArrowLeft") history.back();
    else if (event.altKey && event.key === "ArrowRight") history.forward();
    else if (control && event.key === "p") print();
    else if (control && zoom) {
      void invoke({ method: "POST", path: "berth/zoom", query: zoom }).catch(() => undefined);
    } else return;
    event.preventDefault();
  };
  window.addEventListener("keydown", keys);

  // Sentences that the page itself does not show, in a corner of its own.
  let notes;
  function note(sentence) {
    if (!notes?.host.isConnected) {
      const host = document.createElement("div");
      notes = { host, root: host.attachShadow({ mode: "closed" }) };
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(
        ":host{all:initial;position:fixed;inset:auto 16px 16px auto;z-index:2147483647}" +
          "p{all:initial;display:block;box-sizing:border-box;max-width:380px;margin-top:8px;padding:12px 16px;" +
          "border-radius:8px;background:#1f1f1f;color:#fff;font:14px/1.5 system-ui,sans-serif;cursor:pointer;" +
          "box-shadow:0 6px 16px #0005}b{font-weight:600}",
      );
      notes.root.adoptedStyleSheets = [sheet];
      document.documentElement.append(host);
    }
    const line = document.createElement("p");
    const name = document.createElement("b");
    name.textContent = "Berth: ";
    line.append(name, sentence);
    line.setAttribute("role", "alert");
    line.addEventListener("click", () => line.remove());
    notes.root.append(line);
    while (notes.root.childElementCount > 3) notes.root.firstElementChild.remove();
    setTimeout(() => line.remove(), 12_000);
  }

  // The page's side of this contract is not documented. When it has changed, that is said instead of found out.
  window.addEventListener("load", () => {
    setTimeout(() => {
      const known = window.isElectron === true && window.__local_proxy?.url === CONFIG.proxy;
      const query = known ? "known" : "unknown";
      const told = invoke({ method: "POST", path: "berth/loaded", query });
      told.then(({ say }) => say && note(say)).catch(() => undefined);
    }, 3000);
  });
})();
