// The composer: reply or comment, draft kept per conversation, Enter sends.

const MAX_HEIGHT = 180;

export class Composer {
  /** `options`: {form, draftKey, onSend({key, mode, text}), onTyping()} */
  constructor(options) {
    Object.assign(this, options);
    this.field = this.form.querySelector("textarea");
    this.modes = [...this.form.querySelectorAll("input[name=mode]")];
    this.counter = this.form.querySelector("[data-counter]");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation(); // it goes nowhere: nobody above should think it did
      this.send();
    });
    this.field.addEventListener("keydown", (event) => this.pressed(event));
    this.field.addEventListener("input", () => {
      this.keep();
      this.grow();
      if (this.mode === "reply") this.onTyping();
    });
    for (const input of this.modes) input.addEventListener("change", () => this.dress());
    const draft = this.stored();
    if (draft) {
      this.choose(draft.mode);
      this.field.value = draft.text;
    }
    this.dress();
    this.grow();
  }

  get mode() {
    return this.modes.find((input) => input.checked)?.value ?? "reply";
  }

  choose(mode) {
    for (const input of this.modes) if (!input.disabled) input.checked = input.value === mode;
    this.dress();
  }

  focus(mode) {
    if (mode) this.choose(mode);
    this.field.focus();
  }

  pressed(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    if (event.shiftKey) return;
    event.preventDefault();
    this.send();
  }

  send() {
    const text = this.field.value.trim();
    if (!text || text.length > this.limit) return;
    this.field.value = "";
    this.keep();
    this.grow();
    this.onSend({ key: newKey(), mode: this.mode, text });
    this.field.focus();
  }

  get limit() {
    return Number(this.field.maxLength) || 2000;
  }

  dress() {
    const comment = this.mode === "comment";
    this.form.classList.toggle("comment", comment);
    this.field.placeholder = comment ? this.field.dataset.comment : this.field.dataset.reply;
    const button = this.form.querySelector("button[type=submit]");
    button.querySelector("[data-label]").textContent = comment
      ? button.dataset.comment
      : button.dataset.reply;
    this.keep();
  }

  grow() {
    this.field.style.blockSize = "auto";
    this.field.style.blockSize = `${Math.min(this.field.scrollHeight + 2, MAX_HEIGHT)}px`;
    const left = this.limit - this.field.value.length;
    this.counter.hidden = left > 200;
    this.counter.textContent = String(left);
  }

  keep() {
    try {
      if (this.field.value.trim()) {
        localStorage.setItem(this.draftKey, JSON.stringify({ mode: this.mode, text: this.field.value }));
      } else localStorage.removeItem(this.draftKey);
    } catch {
      // A browser that stores nothing loses drafts, nothing else.
    }
  }

  stored() {
    try {
      const draft = JSON.parse(localStorage.getItem(this.draftKey) ?? "null");
      return draft && typeof draft.text === "string" ? draft : null;
    } catch {
      return null;
    }
  }
}

/** A name for something about to be sent: a repeat under the same name is no second one. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
