// The list of conversations: rows live, counts, "Load more", the open one marked.

import { belongs, hue, initials, readable } from "./inbox_format.js";

const COUNT_DELAY = 250;

export class ConversationList {
  /** `options`: {root, template, view: {tab, status, q, me}, url, pause, dates, words, onCounts} */
  constructor(options) {
    Object.assign(this, options);
    this.rows = this.root.querySelector("[data-rows]");
    this.more = this.root.querySelector("[data-more]");
    this.empty = this.root.querySelector("[data-empty]");
    this.selected = null;
    this.counting = null;
    this.fetching = null;
    this.more.addEventListener("click", (event) => {
      event.preventDefault();
      this.loadMore();
    });
    for (const row of this.rows.children) this.redate(row);
  }

  /** A row came by the socket: show, move or remove it. */
  take(row) {
    const known = this.find(row.contact);
    if (belongs(row, this.view) && (known || !this.view.q)) this.place(row, known);
    else known?.remove();
    this.drawEmpty();
    this.countSoon();
  }

  gone(contact) {
    this.find(contact)?.remove();
    this.drawEmpty();
    this.countSoon();
  }

  find(contact) {
    return this.rows.querySelector(`[data-contact="${Number(contact)}"]`);
  }

  place(row, known) {
    const node = known ?? this.template.content.firstElementChild.cloneNode(true);
    this.fill(node, row);
    const at = Date.parse(row.at);
    const next = [...this.rows.children].find(
      (other) => other !== node && Date.parse(other.dataset.at) <= at,
    );
    // What lies beyond the part that has been loaded comes with "Load more".
    if (!next && !known && !this.more.hidden) return;
    const position = next ?? null;
    if (node.nextElementSibling !== position || !node.isConnected) this.rows.insertBefore(node, position);
  }

  fill(node, row) {
    node.dataset.contact = row.contact;
    node.dataset.at = row.at;
    const link = node.querySelector("a");
    link.href = this.href(row.contact);
    link.classList.toggle("unread", row.unread > 0);
    const name = readable(this.words, row.name);
    this.face(node, "avatar", name);
    this.set(node, "name", name);
    this.set(node, "preview", row.preview || this.words.noMessages);
    node.querySelector("[data-field=you]").hidden = row.incoming || !row.preview;
    this.set(node, "unread", row.unread > 99 ? "99+" : String(row.unread), row.unread > 0);
    node.querySelector("[data-field=unread_words]").hidden = row.unread === 0;
    const icon = node.querySelector("[data-slot=icon] use");
    const sprite = icon.getAttribute("href").split("#")[0];
    icon.setAttribute("href", `${sprite}#${this.words.channelIcons[row.channel] ?? "channel"}`);
    this.set(node, "channel", row.channel_name, Boolean(row.channel_name));
    const slot = this.face(node, "assignee", row.assignee_name || "?", "avatar--sm");
    slot.hidden = row.assignee === null;
    slot.title = row.assignee_name;
    this.set(node, "assignee_name", row.assignee_name ? `${this.words.assignedTo} ${row.assignee_name}` : "");
    this.redate(node);
    this.mark(node);
  }

  face(node, slot, name, size = "") {
    const holder = node.querySelector(`[data-slot=${slot}]`);
    const avatar = holder.querySelector(".avatar");
    avatar.textContent = initials(name);
    avatar.className = `avatar avatar--h${hue(name)} ${size}`.trim();
    return holder;
  }

  set(node, field, text, visible = true) {
    const part = node.querySelector(`[data-field=${field}]`);
    if (part.textContent !== text) part.textContent = text;
    part.hidden = !visible;
    return part;
  }

  redate(node) {
    const time = node.querySelector("time");
    if (!node.dataset.at) return;
    time.dateTime = node.dataset.at;
    time.textContent = this.dates.short(node.dataset.at);
    time.title = this.dates.whole(node.dataset.at);
  }

  href(contact) {
    return `${this.url}${contact}/${location.search}`;
  }

  select(contact) {
    this.selected = contact;
    for (const node of this.rows.children) this.mark(node);
    this.find(contact)?.scrollIntoView({ block: "nearest" });
  }

  mark(node) {
    const link = node.querySelector("a");
    if (Number(node.dataset.contact) === this.selected) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }

  /** The contact above or below the open one; the first if none is open. */
  neighbour(step) {
    const nodes = [...this.rows.children];
    const index = nodes.findIndex((node) => Number(node.dataset.contact) === this.selected);
    const node = index < 0 ? nodes[0] : nodes[index + step];
    return node ? Number(node.dataset.contact) : null;
  }

  /** Fetch the first page anew and make the list equal to it. */
  async refresh() {
    const page = await this.page(null);
    const wanted = new Set(page.rows.map((row) => row.contact));
    for (const node of [...this.rows.children]) if (!wanted.has(Number(node.dataset.contact))) node.remove();
    this.more.hidden = true; // nothing lies beyond while the rows are put in
    for (const row of page.rows) this.place(row, this.find(row.contact));
    this.setCursor(page.cursor);
    this.drawEmpty();
    this.onCounts(page.counts);
  }

  async loadMore() {
    if (this.fetching) return;
    this.more.setAttribute("aria-busy", "true");
    try {
      this.fetching = this.page(this.more.dataset.cursor);
      const page = await this.fetching;
      this.more.hidden = true;
      for (const row of page.rows) this.place(row, this.find(row.contact));
      this.setCursor(page.cursor);
    } catch {
      location.assign(this.more.href);
    } finally {
      this.fetching = null;
      this.more.removeAttribute("aria-busy");
    }
  }

  setCursor(cursor) {
    this.more.hidden = !cursor;
    this.more.dataset.cursor = cursor ?? "";
  }

  drawEmpty() {
    this.empty.hidden = this.rows.childElementCount > 0;
  }

  /** The server says how long to wait; pages that wait differently long do not all ask at once. */
  countSoon() {
    if (this.counting) return;
    this.counting = setTimeout(
      async () => {
        this.counting = null;
        try {
          const reply = await fetch(`${this.url}counts/`, { headers: { Accept: "application/json" } });
          if (!reply.ok) return;
          const counts = await reply.json();
          this.pause = counts.pause;
          this.onCounts(counts);
        } catch {
          // Offline: the next change counts again.
        }
      },
      COUNT_DELAY + 2_000 * Math.random() * this.pause,
    );
  }

  async page(cursor) {
    const query = new URLSearchParams({ tab: this.view.tab, status: this.view.status, q: this.view.q });
    if (cursor) query.set("cursor", cursor);
    const reply = await fetch(`${this.url}rows/?${query}`, { headers: { Accept: "application/json" } });
    if (!reply.ok) throw new Error(`rows: ${reply.status}`);
    return reply.json();
  }
}
