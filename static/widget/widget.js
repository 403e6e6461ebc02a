/* The loader: a launcher button and a frame on somebody else's page. It lives in a shadow root, so that neither
   page can style the other. The server puts the settings in place of ISFLOW_CONFIG. */
/* global ISFLOW_CONFIG */
(function isflowWidget(config) {
  const ID = "isflow-widget";
  const FOCUSABLE = "button, iframe";
  const ICONS = {
    open: "M21 11.5a8.4 8.4 0 0 1-8.9 8.4 9 9 0 0 1-3.8-.9L3 21l2-5.1a8.2 8.2 0 0 1-1-4 8.4 8.4 0 0 1 8.5-8.4 8.4 8.4 0 0 1 8.5 8z",
    close: "M6 9l6 6 6-6",
  };
  const CSS = `
    :host { all: initial; }
    .launcher, .panel { position: fixed; z-index: 2147483000; inset-inline-end: 20px; box-sizing: border-box; }
    .launcher {
      inset-block-end: 20px; inline-size: 56px; block-size: 56px; border: 0; border-radius: 50%; padding: 0;
      display: grid; place-items: center; cursor: pointer; color: ${config.ink}; background: ${config.colour};
      box-shadow: 0 6px 20px rgb(15 23 42 / .28); transition: transform .18s ease, box-shadow .18s ease;
    }
    .launcher:hover { transform: translateY(-2px); box-shadow: 0 10px 26px rgb(15 23 42 / .32); }
    .launcher:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #1d4ed8; }
    .launcher svg { inline-size: 26px; block-size: 26px; fill: none; stroke: currentColor; stroke-width: 2;
      stroke-linecap: round; stroke-linejoin: round; }
    .badge {
      position: absolute; inset-block-start: -3px; inset-inline-end: -3px; min-inline-size: 20px; block-size: 20px;
      padding: 0 5px; box-sizing: border-box; border-radius: 10px; border: 2px solid #fff; background: #b91c1c; color: #fff;
      font: 600 11px/16px system-ui, sans-serif; text-align: center;
    }
    .panel {
      inset-block-end: 90px; inline-size: 384px; max-inline-size: calc(100vw - 40px);
      block-size: min(640px, calc(100dvh - 120px)); border-radius: 18px; overflow: hidden; background: #fff;
      box-shadow: 0 18px 60px rgb(15 23 42 / .26), 0 0 0 1px rgb(15 23 42 / .06);
      opacity: 0; transform: translateY(12px) scale(.98); transform-origin: 100% 100%; visibility: hidden;
      transition: opacity .18s ease, transform .18s ease, visibility 0s .18s;
    }
    .panel.open { opacity: 1; transform: none; visibility: visible; transition-delay: 0s; }
    iframe { inline-size: 100%; block-size: 100%; border: 0; display: block; }
    [hidden] { display: none !important; }
    @media (max-width: 480px) {
      .panel { inset: 0; inline-size: 100%; max-inline-size: none; block-size: 100dvh; border-radius: 0; }
      .panel.open ~ .launcher { visibility: hidden; }
    }
    @media (prefers-reduced-motion: reduce) { .launcher, .panel { transition: none; } }
    @media (forced-colors: active) { .launcher { border: 2px solid ButtonText; } .panel { border: 1px solid CanvasText; } }
  `;

  if (document.getElementById(ID)) return;

  const base = new URL(config.frame, config.origin).href;
  const origin = new URL(base).origin;
  const memory = `isflow:${config.channel}:`;
  const KEPT = ["visitor", "unsent"];
  let frame = null;
  let ready = false;
  let isOpen = false;
  let unread = 0;

  const host = document.createElement("div");
  host.id = ID;
  const root = host.attachShadow({ mode: "open" });
  style(root);

  const panel = element("div", "panel");
  panel.id = "panel";
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", config.title);
  const launcher = element("button", "launcher");
  launcher.type = "button";
  launcher.setAttribute("aria-controls", "panel");
  const badge = element("span", "badge");
  badge.hidden = true;
  root.append(panel, launcher);
  draw();

  launcher.addEventListener("click", () => toggle(!isOpen));
  launcher.addEventListener("pointerenter", () => load(), { once: true });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen) toggle(false);
  });
  window.addEventListener("message", receive);
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin, { once: true });

  function begin() {
    document.body.append(host);
    // Who wrote before may have an answer waiting: load quietly, so that the badge can say so.
    if (read("wrote")) load();
  }

  function toggle(open) {
    isOpen = open;
    if (open) load();
    panel.classList.toggle("open", open);
    draw();
    tell(open ? "opened" : "closed");
    if (open) focusInside();
    else if (root.activeElement || document.activeElement === host) launcher.focus();
    else launcher.focus({ preventScroll: true });
  }

  function load() {
    if (frame) return;
    frame = document.createElement("iframe");
    frame.title = config.title;
    frame.allow = "clipboard-write";
    frame.addEventListener("load", () => {
      ready = true;
      tell("hello", { kept: kept() });
      if (isOpen) tell("opened");
      if (isOpen) focusInside();
    });
    frame.src = base;
    panel.append(frame);
  }

  function focusInside() {
    panel.querySelector(FOCUSABLE)?.focus();
  }

  function tell(type, more = {}) {
    if (ready) frame.contentWindow.postMessage({ isflow: type, ...more }, origin);
  }

  function receive(event) {
    if (!frame || event.source !== frame.contentWindow || event.origin !== origin) return;
    const message = event.data;
    if (!message || typeof message !== "object") return;
    if (message.isflow === "close") toggle(false);
    if (message.isflow === "wrote") keep("wrote", "1");
    if (message.isflow === "keep" && KEPT.includes(message.key)) keep(message.key, message.value);
    if (message.isflow === "unread" && Number.isInteger(message.count)) {
      unread = isOpen ? 0 : message.count;
      draw();
    }
  }

  function draw() {
    if (isOpen) unread = 0;
    launcher.setAttribute("aria-expanded", String(isOpen));
    const news = unread ? ` (${unread})` : "";
    launcher.setAttribute("aria-label", isOpen ? config.words.close : config.words.open + news);
    badge.textContent = unread > 9 ? "9+" : String(unread);
    badge.hidden = unread === 0;
    launcher.replaceChildren(icon(isOpen ? ICONS.close : ICONS.open), badge);
  }

  function icon(path) {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(space, "path");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  }

  function element(name, className) {
    const made = document.createElement(name);
    made.className = className;
    return made;
  }

  function style(target) {
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      target.adoptedStyleSheets = [sheet];
    } catch {
      const plain = document.createElement("style");
      plain.textContent = CSS;
      target.append(plain);
    }
  }

  // Browsers that let frames of other sites store nothing make us the keeper of what the frame must know again.

  function kept() {
    return Object.fromEntries(KEPT.map((key) => [key, read(key)]));
  }

  function read(key) {
    try {
      return localStorage.getItem(memory + key);
    } catch {
      return null;
    }
  }

  function keep(key, value) {
    try {
      if (typeof value === "string") localStorage.setItem(memory + key, value);
      else localStorage.removeItem(memory + key);
    } catch {
      // A page that keeps nothing still chats.
    }
  }
})(ISFLOW_CONFIG);
