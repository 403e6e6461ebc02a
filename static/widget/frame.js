// The chat inside the widget's frame: what is on screen always follows from messages stored on the server,
// plus those of ours that are still on their way. Socket first, polling where there is none.

const config = JSON.parse(document.getElementById("config").textContent);
const words = config.words;
const log = document.getElementById("log");
const state = document.getElementById("state");
const form = document.getElementById("composer");
const field = document.getElementById("text");
const templates = Object.fromEntries(
  [...document.querySelectorAll("template")].map((item) => [item.id, item.content.firstElementChild]),
);

const POLL_MS = 3000;
const STAGGER_MS = 350;
const NEAR_END_PX = 90;
const HELLO_MS = 3000;
const clock = new Intl.DateTimeFormat(config.language, { hour: "numeric", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(config.language, { weekday: "long", day: "numeric", month: "long" });

const framed = window.parent !== window;
let parentOrigin = null;
let greeted = null;
const hello = new Promise((resolve) => {
  greeted = resolve;
});
const store = openStore();
let token = null;
let unsent = [];
let known = new Map(); // id -> message
let oldest = null;
let newest = 0;
let earlier = false;
let socket = null;
let live = false;
let lastNumber = null;
let attempts = 0;
let pollTimer = null;
let fetching = null;
let again = false;
let shown = !framed;
let unread = 0;
const chosen = new Set();
const reveal = [];
let sending = Promise.resolve();
let revealTimer = null;
let begun = false;

start();

async function start() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sendText();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      sendText();
    }
  });
  field.addEventListener("input", grow);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") toParent({ isflow: "close" });
  });
  document.getElementById("close").addEventListener("click", () => toParent({ isflow: "close" }));
  document.getElementById("earlier").addEventListener("click", loadEarlier);
  window.addEventListener("message", fromParent);
  window.addEventListener("online", () => {
    connect();
    flush();
  });
  draw();
  await store.ready;
  token ??= store.get("visitor");
  unsent = [...readUnsent(), ...unsent];
  begun = true;
  saveUnsent();
  draw();
  if (token) {
    await refresh();
    connect();
    flush();
  }
}

// --- The page around us -----------------------------------------------------------------------------------------

function fromParent(event) {
  if (event.source !== window.parent || !event.data || typeof event.data !== "object") return;
  const type = event.data.isflow;
  if (type === "hello") {
    parentOrigin = event.origin;
    greeted(event.data.kept ?? {});
    if (known.size) toParent({ isflow: "wrote" });
  }
  if (type === "opened") {
    shown = true;
    unread = 0;
    field.focus();
    scrollToEnd();
  }
  if (type === "closed") shown = false;
}

function toParent(message) {
  if (parentOrigin && window.parent !== window) window.parent.postMessage(message, parentOrigin);
}

// --- Talking to the server ----------------------------------------------------------------------------------------

async function call(path, body) {
  const headers = { Accept: "application/json" };
  if (token) headers["X-Visitor-Token"] = token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const reply = await fetch(config.base + path, {
    method: body === undefined ? "GET" : "POST",
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "omit",
    signal: AbortSignal.timeout(15000),
  });
  const data = await reply.json().catch(() => ({}));
  if (!reply.ok)
    throw Object.assign(new Error(data.message || words.trouble), { status: reply.status, data });
  return data;
}

async function ensureSession() {
  await store.ready;
  token ??= store.get("visitor");
  if (token) return;
  token = (await call("session", {})).token;
  store.set("visitor", token);
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

function forget() {
  token = null;
  store.remove("visitor");
  known = new Map();
  oldest = null;
  newest = 0;
  lastNumber = null;
  socket?.close();
}

/** Fetch what is newer than what we have; calls made meanwhile are answered by one more fetch. */
function refresh() {
  if (fetching) {
    again = true;
    return fetching;
  }
  fetching = (async () => {
    try {
      do {
        again = false;
        await fetchNewer();
      } while (again);
      if (live || !token) hint("");
    } catch (error) {
      if (error.status === 401) forget();
      else hint(words.reconnecting);
    } finally {
      fetching = null;
    }
  })();
  return fetching;
}

async function fetchNewer() {
  const first = known.size === 0;
  let page;
  do {
    page = await call(first ? "messages" : `messages?after=${newest}`);
    if (first) earlier = page.more;
    take(page.messages, !first);
  } while (!first && page.more);
}

async function loadEarlier() {
  const button = document.getElementById("earlier");
  button.disabled = true;
  try {
    const page = await call(`messages?before=${oldest}`);
    earlier = page.more;
    const height = log.scrollHeight - log.scrollTop;
    for (const message of page.messages) remember(message);
    draw();
    log.scrollTop = log.scrollHeight - height;
  } catch {
    hint(words.trouble);
  } finally {
    button.disabled = false;
  }
}

function connect() {
  if (!token || (socket && socket.readyState <= WebSocket.OPEN)) return;
  let mine;
  try {
    mine = new WebSocket(config.socket);
  } catch {
    poll();
    return;
  }
  socket = mine;
  mine.addEventListener("open", () => mine.send(JSON.stringify({ token })));
  mine.addEventListener("message", (event) => {
    if (socket === mine) heard(JSON.parse(event.data));
  });
  mine.addEventListener("close", (event) => {
    if (socket !== mine) return;
    socket = null;
    live = false;
    lastNumber = null;
    if (event.code === 4404) return poll(); // nobody yet: the first message makes us known
    if (token) poll();
    attempts += 1;
    const wait = Math.min(30000, 800 * 2 ** Math.min(attempts, 6)) * (0.7 + Math.random() * 0.6);
    if (attempts > 1 && known.size) hint(words.reconnecting);
    setTimeout(connect, wait);
  });
}

function heard(data) {
  if (data.ready !== undefined) {
    live = true;
    attempts = 0;
    lastNumber = data.ready;
    stopPolling();
    hint("");
    refresh();
    return;
  }
  for (const frame of data.frames || []) {
    if (frame.n === undefined) continue;
    if (frame.n <= lastNumber) continue;
    const gap = frame.n !== lastNumber + 1;
    lastNumber = frame.n;
    if (gap || !frame.message) refresh();
    else take([frame.message], true);
  }
}

function poll() {
  if (pollTimer || !token) return;
  pollTimer = setInterval(() => {
    if (!document.hidden || !shown) refresh();
  }, POLL_MS);
}

function stopPolling() {
  clearInterval(pollTimer);
  pollTimer = null;
}

// --- Messages -----------------------------------------------------------------------------------------------------

function remember(message) {
  const isNew = !known.has(message.id);
  known.set(message.id, message);
  newest = Math.max(newest, message.id);
  oldest = oldest === null ? message.id : Math.min(oldest, message.id);
  if (message.client_id) {
    const before = unsent.length;
    unsent = unsent.filter((item) => item.client_id !== message.client_id);
    if (unsent.length !== before) saveUnsent();
  }
  return isNew;
}

/** Put messages on screen; several answers at once appear one after the other, as if typed. */
function take(messages, animate) {
  const fresh = messages.filter(
    (message) => !known.has(message.id) && !reveal.some((item) => item.id === message.id),
  );
  const answers = fresh.filter((message) => message.direction === "out");
  const slow = animate && shown && !document.hidden && answers.length + reveal.length > 1;
  if (!slow) {
    for (const message of messages) {
      if (remember(message) && animate) announce(message);
    }
    draw(animate);
    return;
  }
  for (const message of messages) {
    if (message.direction === "in" || known.has(message.id)) remember(message);
    else {
      reveal.push(message);
      newest = Math.max(newest, message.id);
    }
  }
  revealNext();
}

function revealNext() {
  if (revealTimer) return;
  const message = reveal.shift();
  if (!message) {
    draw(true);
    return;
  }
  remember(message);
  announce(message);
  draw(true);
  if (reveal.length) {
    revealTimer = setTimeout(() => {
      revealTimer = null;
      revealNext();
    }, STAGGER_MS);
  }
}

function announce(message) {
  if (message.direction !== "out" || shown) return;
  unread += 1;
  toParent({ isflow: "unread", count: unread });
}

function sendText() {
  const text = field.value.trim();
  if (!text) return;
  if (text.length > config.limit) {
    hint(words.tooLong, true);
    return;
  }
  field.value = "";
  grow();
  put({ text });
}

function put(content) {
  const item = { client_id: newId(), at: new Date().toISOString(), state: "waiting", ...content };
  unsent.push(item);
  saveUnsent();
  hint("");
  draw(true);
  scrollToEnd();
  deliver(item);
}

/** One after the other, so that messages arrive in the order they were written. */
function deliver(item) {
  item.state = "waiting";
  draw();
  sending = sending.then(() => attempt(item));
}

async function attempt(item) {
  if (!unsent.includes(item)) return;
  try {
    const body = { client_id: item.client_id };
    if (item.option) body.option = item.option;
    else body.text = item.text;
    const page = await withSession(() => call("messages", body));
    toParent({ isflow: "wrote" });
    take([page.message], true);
    connect();
  } catch (error) {
    item.state = "failed";
    item.error = error.status ? error.message : words.notSent;
    item.final = error.status === 400 || error.status === 413;
    saveUnsent();
    draw();
  }
}

function flush() {
  for (const item of unsent) if (item.state !== "failed" || !item.final) deliver(item);
}

function retry(item) {
  item.final = false;
  deliver(item);
}

// --- Drawing --------------------------------------------------------------------------------------------------------

function draw(animate = false) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
  document.getElementById("earlier").hidden = !earlier;
  document.getElementById("greeting").hidden = earlier;
  const stored = [...known.values()].sort((a, b) => a.id - b.id);
  const mine = unsent.map((item) => ({ ...item, id: null, direction: "in", source: item }));
  const items = [...stored, ...mine];
  const open = openQuestion(stored, mine);
  let last = null;
  let previous = log.querySelector("#greeting");
  for (const message of items) {
    const day = new Date(message.at).toDateString();
    if (!last || new Date(last.at).toDateString() !== day) {
      previous = place(`day-${day}`, previous, () => dayLine(message.at));
    }
    const key = message.client_id ? `c-${message.client_id}` : `m-${message.id}`;
    previous = place(key, previous, () => bubble(message, animate));
    dress(previous, message, last, open);
    last = message;
  }
  while (previous.nextElementSibling) previous.nextElementSibling.remove();
  if (reveal.length) log.append(templates.typing.cloneNode(true));
  if (atEnd || !animate) scrollToEnd();
}

/** Keep or make the element of a key right behind another one, so that nothing is drawn twice. */
function place(key, previous, make) {
  let node = log.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!node) {
    node = make();
    node.dataset.key = key;
  }
  if (previous.nextElementSibling !== node) previous.after(node);
  return node;
}

function dayLine(at) {
  const line = templates.day.cloneNode(true);
  const isToday = new Date(at).toDateString() === new Date().toDateString();
  line.textContent = isToday ? words.today : calendar.format(new Date(at));
  return line;
}

function bubble(message, animate) {
  const node = templates.bubble.cloneNode(true);
  node.classList.add(message.direction);
  if (animate) node.classList.add("fresh");
  node.querySelector(".who").textContent =
    message.direction === "in" ? words.you : message.sender || config.title;
  const text = node.querySelector(".text");
  text.textContent = message.text || "";
  text.hidden = !message.text;
  const files = node.querySelector(".files");
  for (const file of message.attachments || []) files.append(attachment(file));
  files.hidden = !files.childElementCount;
  return node;
}

function dress(node, message, last, open) {
  node.classList.toggle("turn", !last || last.direction !== message.direction);
  node.classList.toggle("waiting", message.id === null && message.state === "waiting");
  node.classList.toggle("failed", message.id === null && message.state === "failed");
  const meta = node.querySelector(".meta");
  const moment = node.querySelector(".when");
  const button = node.querySelector(".retry");
  button.hidden = !(message.id === null && message.state === "failed");
  button.onclick = () => retry(message.source);
  if (message.id === null) {
    meta.removeAttribute("data-quiet");
    moment.textContent = message.state === "failed" ? message.error || words.notSent : words.sending;
  } else {
    meta.dataset.quiet = "";
    moment.textContent = clock.format(new Date(message.at));
    moment.dateTime = message.at;
  }
  const options = node.querySelector(".options");
  if (open && open.id === message.id) fillOptions(options, message);
  else options.replaceChildren();
  options.hidden = !options.childElementCount;
}

/** The question that waits for a choice: the newest message with options, if nothing of ours came after it. */
function openQuestion(stored, mine) {
  if (mine.length) return null;
  for (const message of stored.toReversed()) {
    if (message.direction === "in") return null;
    if (message.options?.length) return chosen.has(message.id) ? null : message;
  }
  return null;
}

function fillOptions(group, message) {
  if (group.childElementCount) return;
  for (const option of message.options) {
    const button = templates.option.cloneNode(true);
    button.textContent = option.label;
    button.addEventListener("click", () => {
      chosen.add(message.id);
      put({ option: option.id, text: option.label });
      field.focus();
    });
    group.append(button);
  }
}

function attachment(file) {
  const link = document.createElement("a");
  const safe = /^(https?:\/\/|\/)/i.test(file.url || "");
  if (safe) link.href = file.url;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  if (file.kind === "image" && safe) {
    const image = document.createElement("img");
    image.src = file.url;
    image.alt = file.name || words.image;
    image.loading = "lazy";
    link.append(image);
  } else {
    link.textContent = file.name || file.url;
  }
  return link;
}

function hint(text, isError = false) {
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle("error", isError);
  state.hidden = !text;
}

function scrollToEnd() {
  log.scrollTop = log.scrollHeight;
}

function grow() {
  field.style.blockSize = "auto";
  field.style.blockSize = `${Math.min(field.scrollHeight + 2, 120)}px`;
  if (field.value.length <= config.limit) hint("");
}

// --- Small things ---------------------------------------------------------------------------------------------------

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function readUnsent() {
  try {
    const items = JSON.parse(store.get("unsent") || "[]");
    return Array.isArray(items) ? items.filter((item) => item?.client_id && (item.text || item.option)) : [];
  } catch {
    return [];
  }
}

function saveUnsent() {
  if (begun) store.set("unsent", JSON.stringify(unsent.slice(-50)));
}

/** Our own storage; where the browser denies it to frames, the page around us keeps things for us. */
function openStore() {
  const prefix = `isflow:${config.channel}:`;
  try {
    localStorage.setItem(`${prefix}probe`, "1");
    localStorage.removeItem(`${prefix}probe`);
    return {
      ready: Promise.resolve(),
      get: (key) => localStorage.getItem(prefix + key),
      set: (key, value) => localStorage.setItem(prefix + key, value),
      remove: (key) => localStorage.removeItem(prefix + key),
    };
  } catch {
    return borrowedStore();
  }
}

function borrowedStore() {
  const kept = new Map();
  const patience = new Promise((resolve) => setTimeout(resolve, framed ? HELLO_MS : 0, {}));
  return {
    ready: Promise.race([hello, patience]).then((given) => {
      for (const [key, value] of Object.entries(given)) {
        if (typeof value === "string" && !kept.has(key)) kept.set(key, value);
      }
    }),
    get: (key) => kept.get(key) ?? null,
    set(key, value) {
      kept.set(key, value);
      toParent({ isflow: "keep", key, value });
    },
    remove(key) {
      kept.delete(key);
      toParent({ isflow: "keep", key, value: null });
    },
  };
}
