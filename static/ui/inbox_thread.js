// One thread: items in order, each on screen once, under way or stored; no jump while somebody reads up.

import { compareItems, itemKey, itemRank, lineText, senderText } from "./inbox_format.js";

const NEAR_END = 80;
const STATUSES = ["queued", "sending", "sent", "delivered", "read", "failed", "unknown"];

export class Thread {
  /** `options`: {root, templates, url, dates, words, me: {id, name}, onRead, onRetry, announce} */
  constructor(options) {
    Object.assign(this, options);
    this.log = this.root.querySelector("[data-log]");
    this.items = this.root.querySelector("[data-items]");
    this.earlier = this.root.querySelector("[data-earlier]");
    this.jump = this.root.querySelector("[data-jump]");
    this.unseen = 0;
    this.divider = null;
    this.earlier.addEventListener("click", (event) => {
      event.preventDefault();
      this.loadEarlier();
    });
    this.jump.addEventListener("click", () => this.toEnd());
    this.log.addEventListener("scroll", () => this.atEnd() && this.seen(), { passive: true });
    for (const node of this.items.children) this.redate(node);
    this.divideUnread(Number(this.root.dataset.unread || 0));
    this.arrange();
    this.toEnd();
    // Pictures and fonts come later and push the end away.
    requestAnimationFrame(() => this.toEnd());
  }

  /** An item came, new or changed. Returns whether it was new. */
  take(item, { live = true } = {}) {
    const stay = !this.atEnd();
    const known = this.find(itemKey(item)) ?? this.pendingFor(item);
    const node = known ?? this.make(item.type);
    if (known?.dataset.pending) this.settle(known);
    this.fill(node, item);
    if (!known || known.dataset.at !== item.at) this.insert(node);
    this.arrange();
    const isNews = !known && live && item.type === "message" && item.direction === "in";
    if (isNews) this.news(node, item, stay);
    else if (!stay && live) this.toEnd();
    return !known;
  }

  news(node, item, stay) {
    const away = stay || document.hidden;
    if (away) {
      this.unseen += 1;
      if (!this.divider?.isConnected) this.divide(node);
    }
    if (!stay) this.toEnd();
    this.drawJump();
    this.announce(`${this.root.dataset.name}: ${item.text || item.kind}`);
    if (!document.hidden) this.onRead();
  }

  /** Show what is on its way before the server has said a word. */
  pend({ key, mode, text }) {
    const node = this.make(mode === "comment" ? "comment" : "message");
    const now = new Date().toISOString();
    const common = { at: now, text, source: "user" };
    if (mode === "comment") this.fill(node, { ...common, type: "comment", author: this.me.name });
    else {
      const own = { direction: "out", sender: this.me.name, status: "sending", error: "" };
      this.fill(node, { ...common, ...own, type: "message", options: [], attachments: [] });
    }
    node.dataset.pending = key;
    node.dataset.text = text;
    node.dataset.key = `pending-${key}`;
    this.items.append(node);
    this.divider?.remove();
    this.arrange();
    this.toEnd();
  }

  /** The server refused, or cannot be reached: say why and offer another try. */
  fail(key, reason, retry) {
    const node = this.items.querySelector(`[data-pending="${key}"]`);
    if (!node) return;
    this.status(node, "failed", reason);
    const button = node.querySelector("[data-retry]");
    button.hidden = false;
    button.onclick = () => {
      button.hidden = true;
      this.status(node, "sending", "");
      retry();
    };
  }

  /** The stored item of something we sent; it may have come by the socket before. */
  confirm(key, item) {
    const node = this.items.querySelector(`[data-pending="${key}"]`);
    if (node && this.find(itemKey(item))) node.remove();
    else if (node) {
      this.settle(node);
      node.dataset.key = itemKey(item);
    }
    this.take(item);
  }

  settle(node) {
    delete node.dataset.pending;
    const button = node.querySelector("[data-retry]");
    if (button) button.hidden = true;
  }

  /** A frame may overtake the answer to our own request: the oldest equal text under way is the same thing. */
  pendingFor(item) {
    const mine = item.source === "user" && (item.sender ?? item.author) === this.me.name;
    if (!mine || item.type === "line") return null;
    const waiting = [...this.items.querySelectorAll("[data-pending]")];
    return waiting.find((node) => node.dataset.type === item.type && node.dataset.text === item.text) ?? null;
  }

  find(key) {
    return this.items.querySelector(`[data-key="${CSS.escape(key)}"]`);
  }

  make(type) {
    return this.templates[type].content.firstElementChild.cloneNode(true);
  }

  // --- Filling -----------------------------------------------------------------------------------------------------

  fill(node, item) {
    node.dataset.key = item.id === undefined ? node.dataset.key : itemKey(item);
    node.dataset.type = item.type;
    node.dataset.at = item.at;
    node.dataset.rank = itemRank(item);
    if (item.id !== undefined) node.dataset.id = item.id;
    if (item.type === "message") this.fillMessage(node, item);
    else if (item.type === "comment") this.fillComment(node, item);
    else this.fillLine(node, item);
    this.redate(node);
  }

  fillMessage(node, item) {
    node.classList.remove("in", "out", "auto");
    node.classList.add(item.direction);
    if (item.direction === "out" && item.source !== "user") node.classList.add("auto");
    node.dataset.who = item.direction === "in" ? "contact" : `${item.source}:${item.sender}`;
    this.text(
      node,
      "sender",
      item.direction === "in" ? this.root.dataset.name : senderText(this.words, item),
    );
    this.text(node, "subject", item.subject ?? "");
    this.text(node, "text", item.text);
    this.fillList(node, "options", item.options ?? [], (option) => {
      const chip = document.createElement("li");
      chip.textContent = option.label;
      return chip;
    });
    this.fillList(node, "attachments", item.attachments ?? [], attachment);
    if (item.direction === "out") this.status(node, item.status, item.error);
  }

  fillComment(node, item) {
    node.dataset.who = `comment:${item.author}`;
    this.text(node, "author", item.author || this.words.sources[item.source] || "");
    this.text(node, "text", item.text);
  }

  fillLine(node, item) {
    node.dataset.who = "line";
    this.text(node, "words", lineText(this.words, item));
    this.text(node, "category", item.category ?? "");
    this.text(node, "summary", item.summary ?? "");
  }

  text(node, field, text) {
    const part = node.querySelector(`[data-field=${field}]`);
    if (part.textContent !== text) part.textContent = text;
    part.hidden = !text;
  }

  fillList(node, field, entries, make) {
    const list = node.querySelector(`[data-field=${field}]`);
    list.replaceChildren(...entries.map(make));
    list.hidden = !entries.length;
  }

  status(node, status, error) {
    const part = node.querySelector("[data-status]");
    if (!part) return;
    part.hidden = false;
    part.dataset.status = STATUSES.includes(status) ? status : "unknown";
    part.querySelector("[data-field=status]").textContent = this.words.statuses[part.dataset.status];
    this.text(node, "error", status === "failed" || status === "unknown" ? error : "");
    node.classList.toggle("failed", status === "failed");
  }

  redate(node) {
    const time = node.querySelector("time");
    if (!time || !node.dataset.at) return;
    time.dateTime = node.dataset.at;
    time.textContent = this.dates.clock(node.dataset.at);
    time.title = this.dates.whole(node.dataset.at);
  }

  // --- Order and dividers --------------------------------------------------------------------------------------------

  insert(node) {
    const own = order(node);
    let after = this.items.lastElementChild;
    while (after && (after === node || !after.dataset.at || compareItems(order(after), own) > 0)) {
      after = after.previousElementSibling;
    }
    if (after) after.after(node);
    else this.items.prepend(node);
  }

  /** Put a line before each first item of a day and mark where another person begins to speak. */
  arrange() {
    for (const line of this.items.querySelectorAll("[data-day]")) line.remove();
    let day = null;
    let who = null;
    for (const node of [...this.items.children]) {
      if (!node.dataset.at) continue;
      const own = new Date(node.dataset.at).toDateString();
      if (own !== day) {
        const line = this.make("day");
        line.dataset.day = own;
        this.text(line, "day", this.dates.day(node.dataset.at));
        const before = node.previousElementSibling === this.divider && this.divider ? this.divider : node;
        before.before(line);
        who = null;
      }
      node.classList.toggle("turn", node.dataset.who !== who);
      day = own;
      who = node.dataset.who;
    }
  }

  divideUnread(count) {
    const incoming = [...this.items.querySelectorAll(".message.in")];
    if (count > 0 && incoming.length) this.divide(incoming[Math.max(0, incoming.length - count)]);
  }

  divide(node) {
    this.divider?.remove();
    this.divider = this.make("divider");
    node.before(this.divider);
  }

  // --- Scrolling -----------------------------------------------------------------------------------------------------

  atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_END;
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
    this.seen();
  }

  seen() {
    this.unseen = 0;
    this.drawJump();
  }

  drawJump() {
    this.jump.hidden = this.unseen === 0;
    this.jump.querySelector("[data-field=count]").textContent = String(this.unseen);
  }

  async loadEarlier() {
    if (this.earlier.getAttribute("aria-busy")) return;
    this.earlier.setAttribute("aria-busy", "true");
    try {
      const page = await this.page(this.earlier.dataset.before);
      const fromEnd = this.log.scrollHeight - this.log.scrollTop;
      for (const item of page.items) this.take(item, { live: false });
      this.setEarlier(page.before);
      this.log.scrollTop = this.log.scrollHeight - fromEnd;
    } finally {
      this.earlier.removeAttribute("aria-busy");
    }
  }

  setEarlier(before) {
    this.earlier.hidden = !before;
    this.earlier.dataset.before = before ?? "";
  }

  /** Frames were lost: fetch the latest page; if it does not touch what we have, it replaces it. */
  async refresh() {
    const page = await this.page(null);
    const touches = page.items.some((item) => this.find(itemKey(item)));
    if (!touches && page.items.length) {
      for (const node of [...this.items.children]) if (!node.dataset.pending) node.remove();
      this.setEarlier(page.before);
    }
    for (const item of page.items) this.take(item);
    return page;
  }

  async page(before) {
    const query = before ? `?before=${encodeURIComponent(before)}` : "";
    const reply = await fetch(`${this.url}items/${query}`, { headers: { Accept: "application/json" } });
    if (!reply.ok) throw new Error(`items: ${reply.status}`);
    return reply.json();
  }
}

function order(node) {
  const id = node.dataset.pending ? undefined : Number(node.dataset.id);
  return { at: node.dataset.at, rank: Number(node.dataset.rank), id };
}

function attachment(file) {
  const entry = document.createElement("li");
  const link = document.createElement("a");
  const safe = /^(https?:\/\/|\/)/i.test(file.url ?? "");
  if (safe) link.href = file.url;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  if (file.kind === "image" && safe) {
    const image = document.createElement("img");
    image.src = file.url;
    image.alt = file.name || "";
    image.loading = "lazy";
    link.append(image);
  } else {
    link.textContent = file.name || file.url;
  }
  entry.append(link);
  return entry;
}
