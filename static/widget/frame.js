// The chat inside the widget's frame: what is on screen follows from messages stored on the server, plus those
// of ours that are still on their way.

import { Link } from "./frame_link.js";
import { Messages } from "./frame_messages.js";
import { openStore } from "./frame_store.js";
import { View } from "./frame_view.js";

const STAGGER_MS = 350;
const MAX_HEIGHT_PX = 120;
const TIMEOUT_MS = 15_000;

const config = JSON.parse(document.getElementById("config").textContent);
const { words } = config;
const field = document.getElementById("text");
const framed = window.parent !== window;
const messages = new Messages();
const view = new View({ ...config, onRetry: deliver, onChoose: choose });
const link = new Link({
  url: config.socket,
  token: () => token,
  onMessage: (message) => take([message], true),
  onGap: refresh,
  onLive: (isLive) => view.hint(isLive || !messages.known.size ? "" : words.reconnecting),
});

let greeted = () => {};
const hello = new Promise((resolve) => {
  greeted = resolve;
});
const store = openStore({
  channel: config.channel,
  framed,
  hello,
  keep: (key, value) => toParent({ isflow: "keep", key, value }),
});
let parentOrigin = null;
let token = null;
let begun = false;
let shown = !framed;
let unread = 0;
let hasEarlier = false;
let fetching = null;
let again = false;
let sending = Promise.resolve();
const reveal = [];
let revealing = null;

begin();

async function begin() {
  document.getElementById("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    sendText();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    sendText();
  });
  field.addEventListener("input", grow);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") toParent({ isflow: "close" });
  });
  document.getElementById("close").addEventListener("click", () => toParent({ isflow: "close" }));
  view.earlier.addEventListener("click", loadEarlier);
  addEventListener("message", fromParent);
  addEventListener("online", () => {
    link.open();
    flush();
  });
  draw(false);
  await store.ready;
  token ??= store.get("visitor");
  messages.restore(store.get("unsent"));
  begun = true;
  keepUnsent();
  draw(false);
  if (!token) return;
  await refresh();
  link.open();
  flush();
}

// --- The page around us ---------------------------------------------------------------------------------------

function fromParent(event) {
  if (event.source !== window.parent || !event.data || typeof event.data !== "object") return;
  const type = event.data.isflow;
  if (type === "hello") {
    parentOrigin = event.origin;
    greeted(event.data.kept ?? {});
  }
  if (type === "opened") {
    shown = true;
    unread = 0;
    field.focus();
    view.toEnd();
  }
  if (type === "closed") shown = false;
}

function toParent(message) {
  if (parentOrigin && framed) window.parent.postMessage(message, parentOrigin);
}

// --- Talking to the server --------------------------------------------------------------------------------------

async function call(path, body) {
  const headers = { Accept: "application/json" };
  if (token) headers["X-Visitor-Token"] = token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const reply = await fetch(config.base + path, {
    method: body === undefined ? "GET" : "POST",
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "omit",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const data = await reply.json().catch(() => ({}));
  if (!reply.ok) throw Object.assign(new Error(data.message || words.trouble), { status: reply.status });
  return data;
}

async function withSession(action) {
  await ensureSession();
  try {
    return await action();
  } catch (error) {
    if (error.status !== 401) throw error;
    // The token is of no more use (other key, other channel): begin anew, keep what was typed.
    forget();
    await ensureSession();
    return action();
  }
}

async function ensureSession() {
  await store.ready;
  token ??= store.get("visitor");
  if (token) return;
  token = (await call("session", {})).token;
  store.set("visitor", token);
}

function forget() {
  token = null;
  store.remove("visitor");
  messages.clear();
  link.close();
}

/** Fetch what is newer than what we have; calls made meanwhile are answered by one more fetch. */
function refresh() {
  if (fetching) {
    again = true;
    return fetching;
  }
  fetching = fetchUntilCalm().finally(() => {
    fetching = null;
  });
  return fetching;
}

async function fetchUntilCalm() {
  try {
    do {
      again = false;
      await fetchNewer();
    } while (again);
  } catch (error) {
    if (error.status === 401) forget();
    else view.hint(words.reconnecting);
    return;
  }
  if (view.state.textContent === words.reconnecting) view.hint("");
}

async function fetchNewer() {
  const first = messages.known.size === 0;
  let page;
  do {
    page = await call(first ? "messages" : `messages?after=${messages.newest}`);
    if (first) hasEarlier = page.more;
    take(page.messages, !first);
  } while (!first && page.more);
}

async function loadEarlier() {
  view.earlier.disabled = true;
  try {
    const page = await call(`messages?before=${messages.oldest}`);
    hasEarlier = page.more;
    view.keepPlace(() => {
      for (const message of page.messages) messages.store(message);
      draw(false);
    });
  } catch {
    view.hint(words.trouble);
  } finally {
    view.earlier.disabled = false;
  }
}

// --- Hearing ------------------------------------------------------------------------------------------------------

/** Put messages on screen; several answers at once appear one after the other, as if typed. */
function take(news, animate) {
  const isWaiting = (message) => reveal.some((item) => item.id === message.id);
  const fresh = news.filter((message) => !messages.known.has(message.id) && !isWaiting(message));
  const answers = fresh.filter((message) => message.direction === "out");
  const slowly = animate && shown && !document.hidden && answers.length + reveal.length > 1;
  for (const message of news) {
    if (isWaiting(message)) continue;
    if (slowly && answers.includes(message)) {
      messages.reach(message.id);
      reveal.push(message);
    } else if (messages.store(message) && animate) announce(message);
  }
  keepUnsent();
  draw(animate);
  if (!revealing) revealNext();
}

function revealNext() {
  revealing = null;
  const message = reveal.shift();
  if (!message) return;
  messages.store(message);
  announce(message);
  draw(true);
  if (reveal.length) revealing = setTimeout(revealNext, STAGGER_MS);
}

function announce(message) {
  if (message.direction !== "out" || shown) return;
  unread += 1;
  toParent({ isflow: "unread", count: unread });
}

function draw(animate) {
  const question = reveal.length ? null : messages.question();
  view.draw({ items: messages.items(), question, hasEarlier, isTyping: reveal.length > 0, animate });
}

// --- Saying ---------------------------------------------------------------------------------------------------------

function sendText() {
  const text = field.value.trim();
  if (!text) return;
  if (text.length > config.limit) {
    view.hint(words.tooLong, true);
    return;
  }
  field.value = "";
  grow();
  put({ text });
}

function choose(message, option) {
  messages.chosen.add(message.id);
  put({ option: option.id, text: option.label });
  field.focus();
}

function put(content) {
  const item = { client_id: newId(), at: new Date().toISOString(), state: "waiting", ...content };
  messages.unsent.push(item);
  keepUnsent();
  view.hint("");
  draw(true);
  view.toEnd();
  deliver(item);
}

/** One after the other, so that messages arrive in the order they were written. */
function deliver(item) {
  item.state = "waiting";
  draw(true);
  sending = sending.then(() => attempt(item));
}

async function attempt(item) {
  if (!messages.unsent.includes(item)) return;
  const { client_id, option, text } = item;
  const body = option ? { client_id, option } : { client_id, text };
  try {
    const page = await withSession(() => call("messages", body));
    toParent({ isflow: "wrote" });
    take([page.message], true);
    link.open();
  } catch (error) {
    item.state = "failed";
    item.error = error.status ? error.message : words.notSent;
    item.final = error.status === 400 || error.status === 413;
    keepUnsent();
    draw(true);
  }
}

/** Try again what failed for want of a network. */
function flush() {
  for (const item of messages.unsent) if (!item.final) deliver(item);
}

function keepUnsent() {
  if (begun) store.set("unsent", messages.toText());
}

function grow() {
  field.style.blockSize = "auto";
  field.style.blockSize = `${Math.min(field.scrollHeight + 2, MAX_HEIGHT_PX)}px`;
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
