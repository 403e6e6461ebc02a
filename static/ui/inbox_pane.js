// The open conversation: header, thread, composer and contact panel.

import { Composer } from "./composer.js";
import { fill, hue, initials, readable } from "./inbox_format.js";
import { Thread } from "./inbox_thread.js";
import { showWorkflows } from "./inbox_workflows.js";

const READ_DELAY = 400;
const PANEL_DELAY = 400;
const TYPING_MS = 4000;

export class ConversationPane {
  constructor(section, context) {
    Object.assign(this, context);
    this.section = section;
    this.contact = Number(section.dataset.contact);
    this.url = section.dataset.url;
    this.name = section.dataset.name;
    this.reading = null;
    this.refreshing = null;
    this.thread = new Thread({
      root: section,
      templates: this.templates,
      url: this.url,
      dates: this.dates,
      words: this.words,
      me: this.config.me,
      announce: this.announce,
      onRead: () => this.readSoon(),
    });
    this.composer = new Composer({
      form: section.querySelector("[data-composer]"),
      draftKey: `isflow:draft:${this.config.workspace}:${this.contact}`,
      onSend: (item) => this.send(item),
      onTyping: () => this.live?.whisper(this.stream, "typing"),
    });
    this.leaveStream = this.live?.subscribe(this.stream, {
      number: Number(section.dataset.number),
      onFrame: (kind, data) => this.heard(kind, data),
      onGap: () => this.refresh(),
    });
    this.wire();
    if (Number(section.dataset.unread) && !document.hidden) this.readSoon();
  }

  get stream() {
    return `thread:${this.contact}`;
  }

  stop() {
    this.leaveStream?.();
    this.stopped = true;
  }

  focusComposer(mode) {
    this.composer.focus(mode);
  }

  wasSeen() {
    if (this.thread.atEnd()) this.thread.seen();
    this.readSoon();
  }

  // --- News ----------------------------------------------------------------------------------------------------------

  heard(kind, data) {
    if (kind === "typing") return this.typing(data);
    if (!["message", "comment", "line"].includes(kind)) return;
    if (data.sender === this.typist || data.author === this.typist) this.typing(null);
    this.thread.take(data);
    this.drawEmpty();
    this.panelSoon();
  }

  async refresh() {
    const page = await this.thread.refresh();
    if (this.stopped) return;
    this.onRow(page.row);
    this.drawEmpty();
    this.panelSoon();
  }

  /** The contact's row: status, assignee and name may have changed. */
  takeRow(row) {
    const { section } = this;
    section.dataset.status = row.status;
    for (const part of section.querySelectorAll("[data-when]")) {
      part.hidden = part.dataset.when !== (row.status === "open" ? "open" : "closed");
    }
    section.querySelector("[data-status-badge]").textContent = this.words.conversation[row.status] ?? "";
    this.rename(readable(this.words, row.name));
    this.drawAssignee(row);
    this.panelSoon();
  }

  rename(name) {
    if (name === this.name) return;
    this.name = name;
    this.section.dataset.name = name;
    document.getElementById("thread-name").textContent = name;
    draw(this.section.querySelector(".thread__face > .avatar"), name);
  }

  drawAssignee(row) {
    const menu = this.section.querySelector("[data-menu]");
    const slot = menu.querySelector("[data-slot=assignee]");
    slot.hidden = row.assignee === null;
    draw(slot.querySelector(".avatar"), row.assignee_name || "?", "avatar--sm");
    menu.querySelector("[data-field=assignee_name]").textContent = row.assignee_name || this.words.assign;
    menu.querySelector("[data-me]").hidden = row.assignee === this.config.me.id;
    menu.querySelector("[data-nobody]").hidden = row.assignee === null;
    for (const button of menu.querySelectorAll("button[name=user]:not([data-me], [data-nobody])")) {
      if (Number(button.value) === row.assignee) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  presence({ user_id, presence }) {
    for (const dot of this.section.querySelectorAll(`[data-presence="${Number(user_id)}"]`)) {
      dot.className = `dot dot--${presence}`;
    }
    for (const text of this.section.querySelectorAll(`[data-presence-words="${Number(user_id)}"]`)) {
      text.textContent = this.words.presence[presence] ?? "";
    }
  }

  typing(who) {
    if (who && who.user_id === this.config.me.id) return;
    const line = this.section.querySelector("[data-typing]");
    this.typist = who?.name;
    line.textContent = who ? fill(this.words.typing, { name: who.name }) : "";
    line.hidden = !who;
    clearTimeout(this.typingTimer);
    if (who) this.typingTimer = setTimeout(() => this.typing(null), TYPING_MS);
  }

  // --- Doing -----------------------------------------------------------------------------------------------------------

  async send(item) {
    this.thread.pend(item);
    this.drawEmpty();
    const data = { ...item };
    const identity = this.section.querySelector("[name=identity]");
    if (identity) data.identity = identity.value;
    const attempt = async () => {
      try {
        const answer = await this.post(`${this.url}send/`, data);
        this.thread.confirm(item.key, answer.item);
      } catch (error) {
        this.thread.fail(item.key, error.message, attempt);
      }
    };
    await attempt();
  }

  wire() {
    const { section } = this;
    const assign = section.querySelector("[data-assign]");
    assign.addEventListener("submit", (event) => {
      halt(event);
      const menu = section.querySelector("[data-menu]");
      menu.open = false;
      menu.querySelector("summary").focus();
      this.act(`${this.url}assign/`, { user: event.submitter.value });
    });
    section.querySelector("[data-open]").addEventListener("submit", (event) => this.plain(event));
    section.querySelector("[data-close-now]")?.addEventListener("submit", (event) => this.plain(event));
    this.wireDialog(section.querySelector("#close-dialog"));
    section.querySelector("[data-panel]").addEventListener("click", () => this.togglePanel());
    this.wirePanel();
  }

  plain(event) {
    halt(event);
    this.act(event.target.action, {});
  }

  async act(url, data) {
    try {
      const answer = await this.post(url, data);
      if (answer.row) this.onRow(answer.row);
    } catch (error) {
      this.toast(error.message);
    }
  }

  wireDialog(dialog) {
    for (const link of this.section.querySelectorAll("[data-dialog]")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        dialog.showModal();
        dialog.querySelector("select").focus();
      });
    }
    if (!dialog) return;
    const error = dialog.querySelector("[data-error]");
    for (const button of dialog.querySelectorAll("[data-cancel]"))
      button.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.querySelector("form").addEventListener("submit", async (event) => {
      halt(event);
      error.hidden = true;
      try {
        const answer = await this.post(event.target.action, new FormData(event.target));
        dialog.close();
        event.target.reset();
        if (answer.row) this.onRow(answer.row);
      } catch (failure) {
        error.textContent = failure.message;
        error.hidden = false;
      }
    });
  }

  /** Tell the server once that everything here has been seen, however much came at a time. */
  readSoon() {
    if (this.reading) return;
    this.reading = setTimeout(async () => {
      this.reading = null;
      if (this.stopped || document.hidden) return;
      try {
        await this.post(`${this.url}read/`, {});
      } catch {
        // It stays unread; the next look at it tries again.
      }
    }, READ_DELAY);
  }

  drawEmpty() {
    this.section.querySelector("[data-no-items]").hidden = this.thread.items.childElementCount > 0;
  }

  // --- Contact panel -----------------------------------------------------------------------------------------------------

  get panel() {
    return document.getElementById("contact-panel");
  }

  togglePanel(open = !this.root.classList.contains("with-panel")) {
    this.root.classList.toggle("with-panel", open);
    const button = this.section.querySelector("[data-panel]");
    button.setAttribute("aria-expanded", String(open));
    if (open) this.panel.querySelector("[data-panel-close]").focus();
    else button.focus();
  }

  wirePanel() {
    showWorkflows(this.panel, this);
    this.panel.querySelector("[data-panel-close]").addEventListener("click", () => this.togglePanel(false));
    const form = this.panel.querySelector("[data-contact-form]");
    form.addEventListener("change", (event) => this.saveField(event.target));
    form.addEventListener("submit", (event) => {
      halt(event);
      document.activeElement.blur();
    });
  }

  async saveField(input) {
    const error = this.panel.querySelector(`[data-error="${input.name}"]`);
    try {
      const answer = await this.post(`${this.url}contact/`, { [input.name]: input.value });
      input.value = answer.values[input.name];
      input.removeAttribute("aria-invalid");
      error.hidden = true;
      this.announce(this.words.saved);
      this.rename(answer.name);
      this.panel.querySelector(".panel__name").textContent = answer.name;
      draw(this.panel.querySelector(".panel__head > .avatar"), answer.name, "avatar--lg");
    } catch (failure) {
      input.setAttribute("aria-invalid", "true");
      error.textContent = failure.message;
      error.hidden = false;
    }
  }

  /** Workflows change fields and tags without a word to us: look again after every piece of news. */
  panelSoon() {
    if (this.refreshing) return;
    this.refreshing = setTimeout(async () => {
      this.refreshing = null;
      if (this.stopped || this.panel.contains(document.activeElement)) return;
      try {
        const reply = await fetch(this.url, { headers: { "X-Inbox-Part": "panel", Accept: "text/html" } });
        if (!reply.ok) return;
        const page = new DOMParser().parseFromString(await reply.text(), "text/html");
        if (this.stopped || this.panel.contains(document.activeElement)) return;
        this.panel.replaceWith(page.getElementById("contact-panel"));
        this.wirePanel();
      } catch {
        // The panel stays as it is until the next piece of news.
      }
    }, PANEL_DELAY);
  }
}

/** The form goes nowhere, and nobody above should think it did. */
function halt(event) {
  event.preventDefault();
  event.stopPropagation();
}

function draw(avatar, name, size = "") {
  avatar.textContent = initials(name);
  avatar.className = `avatar avatar--h${hue(name)} ${size}`.trim();
}
