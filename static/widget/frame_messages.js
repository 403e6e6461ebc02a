// What has been said and what is still on its way; no document here, so that it is tested as it is.

/** Stored messages by id, and ours that the server has not confirmed, kept over a reload. */
export class Messages {
  constructor() {
    this.clear();
    this.unsent = [];
    this.chosen = new Set();
  }

  clear() {
    this.known = new Map();
    this.oldest = null;
    this.newest = 0;
  }

  /** Take over a stored message; it replaces the one under way of the same name. Returns whether it is new. */
  store(message) {
    const isNew = !this.known.has(message.id);
    this.known.set(message.id, message);
    this.reach(message.id);
    if (message.client_id) this.unsent = this.unsent.filter((item) => item.client_id !== message.client_id);
    return isNew;
  }

  /** Note that a message of this id has come, shown or not. */
  reach(id) {
    this.newest = Math.max(this.newest, id);
    this.oldest = this.oldest === null ? id : Math.min(this.oldest, id);
  }

  /** Everything in the order of the screen. */
  items() {
    const stored = [...this.known.values()].sort((one, other) => one.id - other.id);
    const pending = this.unsent.map((item) => ({ ...item, id: null, direction: "in", source: item }));
    return [...stored, ...pending];
  }

  /** The newest message with choices, if nothing of ours came after it and none was pressed. */
  question() {
    if (this.unsent.length) return null;
    const stored = [...this.known.values()].sort((one, other) => other.id - one.id);
    for (const message of stored) {
      if (message.direction === "in") return null;
      if (message.options?.length) return this.chosen.has(message.id) ? null : message;
    }
    return null;
  }

  /** Put what an earlier page could not send before what this one could not. */
  restore(text) {
    try {
      const items = JSON.parse(text || "[]");
      const usable = items.filter((item) => item?.client_id && (item.text || item.option));
      this.unsent = [...usable, ...this.unsent];
    } catch {
      // What cannot be read was not ours.
    }
  }

  /** What to keep over a reload. */
  toText() {
    return JSON.stringify(this.unsent.slice(-50));
  }
}
