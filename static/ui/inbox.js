// The inbox page: list, conversation, contact panel, kept up to date by the socket.

import { Dates } from "./inbox_format.js";
import { ConversationList } from "./inbox_list.js";
import { ConversationPane } from "./inbox_pane.js";
import { pageLive } from "./live.js";

const root = document.getElementById("inbox");
const config = JSON.parse(document.getElementById("inbox-config").textContent);
const { words } = config;
const dates = new Dates(config.language, words);
const live = pageLive();
const announcer = document.getElementById("inbox-announcer");
const main = document.getElementById("conversation");
const templates = {};
for (const name of ["row", "message", "comment", "line", "day", "divider"]) {
  templates[name] = document.getElementById(`${name}-template`);
}

const context = { config, words, dates, live, templates, root, post, toast, announce, onRow };
const list = new ConversationList({
  root: document.getElementById("inbox-list"),
  template: templates.row,
  view: config.view,
  url: config.url,
  pause: config.pause,
  dates,
  words,
  onCounts: drawCounts,
});
let pane = null;
let unread = 0;

root.classList.add("js");
unread = Number(document.title.match(/^\((\d+)\)/)?.[1] ?? 0);
begin();

live?.subscribe("inbox", {
  number: config.number,
  onFrame(kind, data) {
    if (kind === "conversation") onRow(data);
    if (kind === "gone") list.gone(data.contact);
  },
  onGap: () => list.refresh(),
});
live?.subscribe("presence", {
  onFrame(kind, data) {
    if (kind === "presence.changed") pane?.presence(data);
  },
});

list.rows.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  show(Number(link.closest("[data-contact]").dataset.contact), { push: true });
});
addEventListener("popstate", () => {
  const found = location.pathname.slice(config.url.length).match(/^(\d+)\//);
  if (found) show(Number(found[1]), { push: false });
  else leave();
});
document.addEventListener("keydown", shortcuts);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) pane?.wasSeen();
});

/** Bring the conversation that stands in the page to life, if there is one. */
function begin() {
  pane?.stop();
  pane = null;
  const section = document.getElementById("thread");
  if (!section) return;
  pane = new ConversationPane(section, context);
  list.select(pane.contact);
  const back = section.querySelector("[data-back]");
  back.addEventListener("click", (event) => {
    event.preventDefault();
    history.pushState(null, "", back.href);
    leave();
  });
  drawTitle();
}

async function show(contact, { push }) {
  if (pane?.contact === contact) {
    root.dataset.pane = "thread";
    return;
  }
  const address = list.href(contact);
  list.select(contact);
  main.setAttribute("aria-busy", "true");
  try {
    const reply = await fetch(address, { headers: { "X-Inbox-Part": "conversation", Accept: "text/html" } });
    if (!reply.ok) throw new Error(String(reply.status));
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    if (list.selected !== contact) return;
    main.replaceChildren(...page.body.children);
  } catch {
    location.assign(address);
    return;
  } finally {
    main.removeAttribute("aria-busy");
  }
  if (push) history.pushState(null, "", address);
  root.dataset.pane = "thread";
  begin();
  if (matchMedia("(width > 760px)").matches) pane.focusComposer();
  else document.getElementById("thread-name").scrollIntoView({ block: "nearest" });
}

/** On a phone: back to the list. */
function leave() {
  root.dataset.pane = "list";
  root.classList.remove("with-panel");
  list.find(list.selected)?.querySelector("a").focus();
  pane?.stop();
  pane = null;
  list.select(null);
  const nothing = document.createElement("section");
  nothing.className = "inbox__nothing";
  main.replaceChildren(nothing);
  drawTitle();
}

function onRow(row) {
  if (!row) return;
  list.take(row);
  if (pane?.contact === row.contact) pane.takeRow(row);
}

function drawCounts(counts) {
  for (const tab of list.root.querySelectorAll("[data-tab]")) {
    const count = tab.querySelector("[data-count]");
    const number = counts[tab.dataset.tab] ?? 0;
    count.textContent = number >= 1000 ? "999+" : String(number);
    count.hidden = number === 0;
  }
  unread = counts.unread;
  drawTitle();
}

function drawTitle() {
  const title = pane?.name || config.title;
  document.title = `${unread ? `(${unread}) ` : ""}${title}`;
}

function shortcuts(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape" && root.classList.contains("with-panel")) return pane?.togglePanel(false);
  if (event.target.closest("input, textarea, select, [contenteditable], dialog[open]")) {
    if (event.key === "Escape" && event.target.closest("[data-composer]")) event.target.blur();
    return;
  }
  const key = event.key.toLowerCase();
  if (key === "j" || key === "k") {
    const next = list.neighbour(key === "j" ? 1 : -1);
    if (next !== null) show(next, { push: true });
  } else if (key === "r" && pane) pane.focusComposer("reply");
  else if (key === "n" && pane) pane.focusComposer("comment");
  else return;
  event.preventDefault();
}

/** Post a form's data and return the answer; an Error carries words for people. */
async function post(url, data) {
  let reply;
  try {
    reply = await fetch(url, {
      method: "POST",
      body: new URLSearchParams(data instanceof FormData ? [...data] : data),
      headers: { Accept: "application/json", "X-CSRFToken": csrf() },
      signal: AbortSignal.timeout(20_000),
    });
  } catch {
    throw Object.assign(new Error(words.notSent), { offline: true });
  }
  const answer = await reply.json().catch(() => ({}));
  if (!reply.ok) throw Object.assign(new Error(answer.message || words.trouble), { status: reply.status });
  return answer;
}

function csrf() {
  // The cookie is newer than the page where somebody has signed in again meanwhile.
  const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  return cookie ?? document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
}

function announce(text) {
  announcer.textContent = text;
}

function toast(text, kind = "error") {
  const box = document.createElement("div");
  box.className = `toast toast--${kind}`;
  box.textContent = text;
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), 6000);
}
