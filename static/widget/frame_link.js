// The way news comes in: a socket with numbered frames, polling while there is none.

const POLL_MS = 3000;
const FIRST_MS = 800;
const LAST_MS = 30000;
const UNKNOWN = 4404;
const ENDED = 4401;

export class Link {
  #socket = null;
  #number = null;
  #failures = 0;
  #poll = null;
  #retry = null;

  /** `options`: {url, token(), onMessage(message), onGap(), onLive(isLive)} */
  constructor(options) {
    this.options = options;
  }

  /** Connect unless that is done; without a token nobody would be there to hear. */
  open() {
    const { url, token } = this.options;
    if (!token() || this.#socket) return;
    clearTimeout(this.#retry);
    let socket;
    try {
      socket = new WebSocket(url);
    } catch {
      this.#startPolling();
      return;
    }
    this.#socket = socket;
    socket.addEventListener("open", () => socket.send(JSON.stringify({ token: token() })));
    socket.addEventListener("message", (event) => {
      if (this.#socket === socket) this.#hear(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (this.#socket === socket) this.#closed(event.code);
    });
  }

  close() {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#retry);
    this.#stopPolling();
    socket?.close();
  }

  #hear(data) {
    if (data.ready !== undefined) {
      this.#number = data.ready;
      this.#failures = 0;
      this.#stopPolling();
      this.options.onLive(true);
      this.options.onGap();
      return;
    }
    for (const frame of data.frames ?? []) this.#frame(frame);
  }

  #frame({ n, message }) {
    if (n <= this.#number) return;
    const isNext = n === this.#number + 1;
    this.#number = n;
    if (isNext && message) this.options.onMessage(message);
    else this.options.onGap();
  }

  #closed(code) {
    this.#socket = null;
    this.#startPolling();
    // Nobody is known before the first message; that one opens the socket again.
    if (code === UNKNOWN || code === ENDED) return;
    this.#failures += 1;
    if (this.#failures > 1) this.options.onLive(false);
    const wait = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(this.#failures, 6));
    this.#retry = setTimeout(() => this.open(), wait * (0.7 + Math.random() * 0.6));
  }

  #startPolling() {
    this.#poll ??= setInterval(() => this.options.onGap(), POLL_MS);
  }

  #stopPolling() {
    clearInterval(this.#poll);
    this.#poll = null;
  }
}
