// The conversation on screen: every message once, in order, dressed anew when something about it changes.

const NEAR_END_PX = 90;

export class View {
  /** `options`: {language, title, words, onRetry(item), onChoose(message, option)} */
  constructor(options) {
    Object.assign(this, options);
    this.log = document.getElementById("log");
    this.greeting = document.getElementById("greeting");
    this.earlier = document.getElementById("earlier");
    this.state = document.getElementById("state");
    this.clock = new Intl.DateTimeFormat(this.language, { hour: "numeric", minute: "2-digit" });
    this.calendar = new Intl.DateTimeFormat(this.language, {
      weekday: "long",
      day: "numeric",
      month: "long",
    });
    this.templates = Object.fromEntries(
      [...document.querySelectorAll("template")].map((item) => [item.id, item.content.firstElementChild]),
    );
  }

  /** `items` in order, those under way with `source` set; `question` is the message whose choices are open. */
  draw({ items, question, hasEarlier, isTyping, animate }) {
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_END_PX;
    this.earlier.hidden = !hasEarlier;
    this.greeting.hidden = hasEarlier;
    let last = null;
    let previous = this.greeting;
    for (const message of items) {
      const day = new Date(message.at).toDateString();
      if (!last || new Date(last.at).toDateString() !== day) {
        previous = this.#place(`day-${day}`, previous, () => this.#dayLine(message.at));
      }
      const key = message.client_id ? `c-${message.client_id}` : `m-${message.id}`;
      previous = this.#place(key, previous, () => this.#bubble(message, animate));
      this.#dress(previous, message, last, question);
      last = message;
    }
    while (previous.nextElementSibling) previous.nextElementSibling.remove();
    if (isTyping) this.log.append(this.templates.typing.cloneNode(true));
    if (atEnd || !animate) this.toEnd();
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  /** Do something that adds lines above without moving what is being read. */
  keepPlace(action) {
    const fromEnd = this.log.scrollHeight - this.log.scrollTop;
    action();
    this.log.scrollTop = this.log.scrollHeight - fromEnd;
  }

  hint(text, isError = false) {
    if (this.state.textContent !== text) this.state.textContent = text;
    this.state.classList.toggle("error", isError);
    this.state.hidden = !text;
  }

  /** Keep or make the element of a key right behind another one. */
  #place(key, previous, make) {
    let node = this.log.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!node) {
      node = make();
      node.dataset.key = key;
    }
    if (previous.nextElementSibling !== node) previous.after(node);
    return node;
  }

  #dayLine(at) {
    const line = this.templates.day.cloneNode(true);
    const isToday = new Date(at).toDateString() === new Date().toDateString();
    line.textContent = isToday ? this.words.today : this.calendar.format(new Date(at));
    return line;
  }

  #bubble(message, animate) {
    const node = this.templates.bubble.cloneNode(true);
    node.classList.add(message.direction);
    if (animate) node.classList.add("fresh");
    const isOwn = message.direction === "in";
    node.querySelector(".who").textContent = isOwn ? this.words.you : message.sender || this.title;
    const text = node.querySelector(".text");
    text.textContent = message.text || "";
    text.hidden = !message.text;
    const files = node.querySelector(".files");
    files.append(...(message.attachments ?? []).map((file) => attachment(file, this.words)));
    files.hidden = !files.childElementCount;
    return node;
  }

  #dress(node, message, last, question) {
    const failed = message.state === "failed";
    node.classList.toggle("turn", last?.direction !== message.direction);
    node.classList.toggle("waiting", message.state === "waiting");
    node.classList.toggle("failed", failed);
    const meta = node.querySelector(".meta");
    const moment = node.querySelector(".when");
    const button = node.querySelector(".retry");
    button.hidden = !failed;
    button.onclick = () => this.onRetry(message.source);
    meta.toggleAttribute("data-quiet", !message.state);
    if (message.state) moment.textContent = failed ? message.error || this.words.notSent : this.words.sending;
    else moment.textContent = this.clock.format(new Date(message.at));
    moment.dateTime = message.at;
    this.#offer(node.querySelector(".options"), question?.id === message.id ? message : null);
  }

  #offer(group, message) {
    group.hidden = !message;
    if (!message) group.replaceChildren();
    if (!message || group.childElementCount) return;
    for (const option of message.options) {
      const button = this.templates.option.cloneNode(true);
      button.textContent = option.label;
      button.addEventListener("click", () => this.onChoose(message, option));
      group.append(button);
    }
  }
}

function attachment(file, words) {
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
