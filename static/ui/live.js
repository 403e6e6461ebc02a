// Live updates. A page subscribes to streams; each numbered frame is applied if it follows the last one,
// otherwise, a moment later, the page is asked to fetch its data anew. A lost frame costs a request, never data.
//
//   const live = pageLive();                       // the connection every script of the page shares
//   live.subscribe("thread:12", {
//     number: 41,                                  // the stream's number when the page's data were read
//     onFrame(kind, data) { ... },                 // a numbered frame in order, or a whisper (typing, presence)
//     onGap() { ... },                             // fetch anew; a promise that fails is asked again
//   });
//   live.onStatus((status) => { ... });            // "connecting", "online", "offline", "polling", "denied"

const FIRST_DELAY = 1_000;
const LAST_DELAY = 30_000;
const POLL_AFTER = 3;
const POLL_EVERY = 5_000;
const PING_EVERY = 25_000;
const ANSWER_WITHIN = 10_000;
const ACK_AFTER = 200;
const GRACE = 2_000; // a number ahead of us may be a frame still on its way
const PATIENCE = 300; // frames of several servers may overtake each other
const MAX_EARLY = 100;
const WHISPER_EVERY = 2_000;
const FETCH_AGAIN = 2_000;

export class LiveConnection {
  #url;
  #Socket;
  #timers;
  #random;
  #wasActive;
  #now;
  #socket = null;
  #open = false;
  #stopped = true;
  #failures = 0;
  #status = "offline";
  #listeners = new Set();
  #subscriptions = new Map();
  #running = new Map();
  #received = 0;
  #asking = new Set();
  #whispered = new Map();

  constructor(url, options = {}) {
    this.#url = url;
    this.#Socket = options.WebSocket ?? globalThis.WebSocket;
    this.#timers = options.timers ?? globalThis;
    this.#random = options.random ?? Math.random;
    this.#wasActive = options.wasActive ?? (() => false);
    this.#now = options.now ?? Date.now;
  }

  get status() {
    return this.#status;
  }

  /** Call the listener now and with every later status; returns the way to stop that. */
  onStatus(listener) {
    this.#listeners.add(listener);
    listener(this.#status);
    return () => this.#listeners.delete(listener);
  }

  start() {
    this.#stopped = false;
    this.#connect();
    return this;
  }

  stop() {
    this.#stopped = true;
    for (const name of [...this.#running.keys()]) this.#cancel(name);
    this.#socket?.close();
    this.#socket = null;
    this.#open = false;
    this.#setStatus("offline");
  }

  /** Try at once instead of waiting for the next turn: the network is back, the tab is looked at again. */
  wake() {
    if (this.#stopped || this.#socket) return;
    this.#cancel("retry");
    this.#connect();
  }

  /** Hear a stream. Several parts of a page may hear the same one. Returns the way to stop. */
  subscribe(name, { onFrame = () => {}, onGap = () => {}, number = null } = {}) {
    const listener = { onFrame, onGap };
    const known = this.#subscriptions.get(name);
    if (known) {
      known.listeners.add(listener);
      // The newcomer's data may be older than what the stream has carried since.
      if (known.number !== number) this.#fetch(listener);
    } else {
      this.#subscriptions.set(name, {
        name,
        stream: name,
        number,
        fresh: number === null,
        early: new Map(),
        listeners: new Set([listener]),
      });
      this.#ask(name);
    }
    return () => this.#leave(name, listener);
  }

  /** Tell the other listeners of a stream something fleeting, at most every two seconds. */
  whisper(name, kind) {
    const key = `${name} ${kind}`;
    if (this.#now() - (this.#whispered.get(key) ?? -Infinity) < WHISPER_EVERY) return;
    this.#whispered.set(key, this.#now());
    this.#send({ whisper: name, k: kind });
  }

  #leave(name, listener) {
    const known = this.#subscriptions.get(name);
    listener.gone = true;
    this.#cancel(listener);
    if (!known?.listeners.delete(listener) || known.listeners.size > 0) return;
    this.#cancel(`early ${name}`);
    this.#subscriptions.delete(name);
    this.#asking.delete(name);
    this.#send({ unsubscribe: [name] });
  }

  #connect() {
    if (this.#socket || this.#stopped) return;
    this.#setStatus(this.#failures >= POLL_AFTER ? "polling" : "connecting");
    const socket = new this.#Socket(this.#url);
    this.#socket = socket;
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#hear(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#closed(event.code);
    };
    this.#after("silence", ANSWER_WITHIN, () => this.#giveUp());
  }

  #hear(message) {
    this.#cancel("silence");
    if ("hello" in message) this.#welcomed();
    else if ("subscribed" in message) this.#subscribed(message);
    else if ("pong" in message) this.#compare(message.pong);
    else if ("lost" in message) this.#lost(message.lost);
    else if ("s" in message) this.#frame(message);
  }

  #welcomed() {
    this.#open = true;
    this.#failures = 0;
    this.#received = 0;
    this.#cancel("poll");
    this.#cancel("ack");
    this.#setStatus("online");
    this.#asking = new Set(this.#subscriptions.keys());
    this.#sendAsked();
    this.#every("ping", PING_EVERY, () => {
      this.#send({ ping: 1, active: this.#wasActive() });
      if (!this.#running.has("silence")) this.#after("silence", ANSWER_WITHIN, () => this.#giveUp());
    });
  }

  #ask(name) {
    this.#asking.add(name);
    if (this.#open && this.#asking.size === 1) queueMicrotask(() => this.#sendAsked());
  }

  #sendAsked() {
    if (this.#open && this.#asking.size > 0) this.#send({ subscribe: [...this.#asking] });
    if (this.#open) this.#asking.clear();
  }

  #subscribed({ subscribed, stream, n }) {
    const known = this.#subscriptions.get(subscribed);
    if (!known) return;
    const moved = known.stream !== known.name && known.stream !== stream;
    const stale = [...known.listeners].some((listener) => listener.stale);
    const missed = known.fresh || moved || stale || known.number !== n;
    known.stream = stream;
    known.fresh = false;
    if (missed) this.#gap(known, n);
  }

  #frame({ s, n, k, d }) {
    this.#received += 1;
    if (!this.#running.has("ack")) this.#after("ack", ACK_AFTER, () => this.#send({ ack: this.#received }));
    for (const known of this.#of(s)) {
      if (n === undefined || known.number === null || n === known.number + 1) {
        this.#give(known, k, d);
        if (n !== undefined) this.#catchUp(known, n);
      } else if (n > known.number) {
        this.#keep(known, n, [k, d]);
      }
    }
  }

  #give(known, kind, data) {
    for (const listener of known.listeners) {
      if (listener.held) listener.held.push([kind, data]);
      else listener.onFrame(kind, data);
    }
  }

  /** A frame that came too early waits a moment for those before it; not all browsers give up at one instant. */
  #keep(known, n, frame) {
    known.early.set(n, frame);
    const giveUp = () => this.#gap(known, Math.max(...known.early.keys()));
    if (known.early.size > MAX_EARLY) giveUp();
    else if (known.early.size === 1)
      this.#after(`early ${known.name}`, PATIENCE * (1 + this.#random()), giveUp);
  }

  #catchUp(known, n) {
    known.number = n;
    for (let next = n + 1; known.early.has(next); next += 1) {
      known.number = next;
      this.#give(known, ...known.early.get(next));
      known.early.delete(next);
    }
    if (known.early.size === 0) this.#cancel(`early ${known.name}`);
  }

  /** The server says how far each stream is; what has not come a moment later was lost. */
  #compare(numbers) {
    for (const [stream, number] of Object.entries(numbers)) {
      for (const known of this.#of(stream)) {
        if (known.number === null || number <= known.number) continue;
        this.#after(`behind ${known.name}`, GRACE, () => {
          if (known.number !== null && known.number < number) this.#gap(known, number);
        });
      }
    }
  }

  /** We read too slowly and the server left frames out; the next one counts as in order again. */
  #lost(streams) {
    for (const stream of streams) for (const known of this.#of(stream)) this.#gap(known, null);
  }

  #gap(known, number) {
    this.#cancel(`early ${known.name}`);
    known.early.clear();
    known.number = number;
    for (const listener of known.listeners) this.#fetch(listener);
  }

  /** Frames that come while a listener fetches are given to it afterwards: they may be newer than the answer. */
  async #fetch(listener) {
    listener.stale = true;
    if (listener.held) return;
    const answer = listener.onGap();
    listener.stale = false;
    if (typeof answer?.then !== "function") return;
    listener.held = [];
    const arrived = await answer.then(
      () => true,
      () => false,
    );
    const held = listener.held;
    listener.held = null;
    for (const [kind, data] of held) listener.onFrame(kind, data);
    listener.stale ||= !arrived;
    if (!listener.stale || this.#stopped || listener.gone) return;
    if (arrived) this.#fetch(listener);
    else this.#after(listener, FETCH_AGAIN, () => this.#fetch(listener));
  }

  #of(stream) {
    return [...this.#subscriptions.values()].filter((known) => known.stream === stream);
  }

  #giveUp() {
    const socket = this.#socket;
    this.#closed(0);
    socket?.close();
  }

  #closed(code) {
    this.#socket = null;
    this.#open = false;
    for (const name of ["silence", "ping", "ack"]) this.#cancel(name);
    if (this.#stopped) return;
    if (code === 4401 || code === 4403) {
      this.#stopped = true;
      this.#cancel("poll");
      this.#setStatus("denied");
      return;
    }
    this.#failures += 1;
    if (this.#failures >= POLL_AFTER && !this.#running.has("poll")) this.#poll();
    this.#setStatus(this.#failures >= POLL_AFTER ? "polling" : "offline");
    const delay = Math.min(LAST_DELAY, FIRST_DELAY * 2 ** (this.#failures - 1));
    this.#after("retry", delay * (1 + 0.3 * this.#random()), () => this.#connect());
  }

  #poll() {
    this.#every("poll", POLL_EVERY, () => {
      for (const known of this.#subscriptions.values())
        for (const listener of known.listeners) this.#fetch(listener);
    });
  }

  #send(message) {
    if (this.#open) this.#socket.send(JSON.stringify(message));
  }

  #setStatus(status) {
    if (status === this.#status) return;
    this.#status = status;
    for (const listener of this.#listeners) listener(status);
  }

  #after(name, delay, action) {
    this.#cancel(name);
    const id = this.#timers.setTimeout(() => {
      this.#running.delete(name);
      action();
    }, delay);
    this.#running.set(name, () => this.#timers.clearTimeout(id));
  }

  #every(name, delay, action) {
    this.#cancel(name);
    const id = this.#timers.setInterval(action, delay);
    this.#running.set(name, () => this.#timers.clearInterval(id));
  }

  #cancel(name) {
    this.#running.get(name)?.();
    this.#running.delete(name);
  }
}

let shared = null;

/** Return the page's one connection, or null on a page outside a workspace. */
export function pageLive() {
  const path = document.body.dataset.liveUrl;
  if (shared || !path) return shared;
  let active = true;
  for (const kind of ["pointerdown", "pointermove", "keydown", "scroll"]) {
    addEventListener(kind, () => (active = true), { passive: true, capture: true });
  }
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  shared = new LiveConnection(`${scheme}//${location.host}${path}`, {
    wasActive() {
      const was = active;
      active = false;
      return was;
    },
  });
  addEventListener("online", () => shared.wake());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) shared.wake();
  });
  addEventListener("pagehide", () => shared.stop());
  addEventListener("pageshow", (event) => {
    if (event.persisted) shared.start();
  });
  return shared.start();
}
