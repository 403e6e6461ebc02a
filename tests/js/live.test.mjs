import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { LiveConnection } from "../../static/ui/live.js";

class FakeSocket {
  static all = [];
  sent = [];
  closed = false;

  constructor(url) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  drop(code = 1006) {
    this.onclose({ code });
  }
}

class FakeTimers {
  now = 0;
  next = 1;
  jobs = new Map();

  setTimeout = (action, delay) => this.add(action, delay, 0);
  setInterval = (action, delay) => this.add(action, delay, delay);
  clearTimeout = (id) => this.jobs.delete(id);
  clearInterval = (id) => this.jobs.delete(id);

  add(action, delay, every) {
    this.jobs.set(this.next, { action, at: this.now + delay, every });
    return this.next++;
  }

  pass(milliseconds) {
    const end = this.now + milliseconds;
    for (;;) {
      const due = [...this.jobs].filter(([, job]) => job.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      const [id, job] = due;
      this.now = job.at;
      if (job.every) job.at += job.every;
      else this.jobs.delete(id);
      job.action();
    }
    this.now = end;
  }
}

let timers;
let live;
let heard;
let gaps;

const listen = (name, number) =>
  live.subscribe(name, {
    number,
    onFrame: (kind, data) => heard.push([kind, data]),
    onGap: () => (gaps += 1),
  });
const socket = () => FakeSocket.all.at(-1);
const frame = (n, k = "a", s = "inbox") => socket().say({ s, n, k, d: {} });

const settled = () => new Promise((resolve) => setImmediate(resolve));

function enter() {
  socket().say({ hello: 1 });
}

function join(name = "inbox", n = 5, stream = name) {
  socket().say({ subscribed: name, stream, n });
}

beforeEach(() => {
  FakeSocket.all = [];
  timers = new FakeTimers();
  heard = [];
  gaps = 0;
  live = new LiveConnection("ws://x/", {
    WebSocket: FakeSocket,
    timers,
    random: () => 0,
    now: () => timers.now,
    wasActive: () => true,
  });
  live.start();
});

test("frames in order are applied", () => {
  listen("inbox", 5);
  enter();
  assert.deepEqual(socket().sent, [{ subscribe: ["inbox"] }]);
  join();
  frame(6, "first");
  frame(7, "second");
  assert.deepEqual(
    heard.map(([kind]) => kind),
    ["first", "second"],
  );
  assert.equal(gaps, 0);
});

test("a frame that comes twice is applied once", () => {
  listen("inbox", 5);
  enter();
  join();
  frame(6);
  frame(6);
  assert.equal(heard.length, 1);
  assert.equal(gaps, 0);
});

// rule: DS1.frame_number
test("a missing frame makes the page fetch anew, and later ones go on from there", () => {
  listen("inbox", 5);
  enter();
  join();
  frame(8);
  assert.equal(gaps, 0);
  timers.pass(300);
  assert.equal(gaps, 1);
  frame(9);
  assert.equal(gaps, 1);
  assert.equal(heard.length, 1);
});

test("frames that overtake each other are put in order without a request", () => {
  listen("inbox", 5);
  enter();
  join();
  for (const n of [8, 7, 10, 6]) frame(n, `number ${n}`);
  timers.pass(299);
  frame(9, "number 9");
  timers.pass(10_000);
  assert.deepEqual(
    heard.map(([kind]) => kind),
    [6, 7, 8, 9, 10].map((n) => `number ${n}`),
  );
  assert.equal(gaps, 0);
});

test("a hundred frames ahead are not waited for", () => {
  listen("inbox", 5);
  enter();
  join();
  for (let n = 7; n <= 107; n += 1) frame(n);
  assert.equal(gaps, 1);
  frame(108);
  assert.equal(heard.length, 1);
});

test("data older than the stream are fetched anew at once", () => {
  listen("inbox", 3);
  enter();
  join();
  assert.equal(gaps, 1);
});

test("without a number the first answer makes the page fetch", () => {
  listen("inbox");
  enter();
  join("inbox", 0);
  assert.equal(gaps, 1);
  frame(1);
  assert.equal(gaps, 1);
  assert.equal(heard.length, 1);
});

test("the server's name of the inbox is followed", () => {
  listen("inbox", 5);
  enter();
  join("inbox", 5, "inbox:user:7");
  assert.equal(gaps, 0);
  frame(6, "mine", "inbox:user:7");
  frame(6, "foreign", "inbox");
  assert.deepEqual(
    heard.map(([kind]) => kind),
    ["mine"],
  );
});

test("whispers need no number", () => {
  listen("thread:1", 5);
  enter();
  join("thread:1");
  frame(undefined, "typing", "thread:1");
  assert.equal(heard[0][0], "typing");
  assert.equal(gaps, 0);
});

test("it comes back with growing pauses and asks for everything again", () => {
  listen("inbox", 5);
  enter();
  join();
  socket().drop();
  assert.equal(live.status, "offline");
  timers.pass(999);
  assert.equal(FakeSocket.all.length, 1);
  timers.pass(1);
  assert.equal(FakeSocket.all.length, 2);
  socket().drop();
  timers.pass(1_999);
  assert.equal(FakeSocket.all.length, 2);
  timers.pass(1);
  assert.equal(FakeSocket.all.length, 3);
  enter();
  assert.deepEqual(socket().sent, [{ subscribe: ["inbox"] }]);
  join("inbox", 5);
  assert.equal(gaps, 0);
  socket().drop();
  timers.pass(1_000);
  enter();
  join("inbox", 6);
  assert.equal(gaps, 1);
});

test("pauses end at thirty seconds", () => {
  for (let n = 0; n < 12; n += 1) {
    socket().drop();
    timers.pass(30_000);
  }
  assert.ok(FakeSocket.all.length >= 12);
});

test("after three failures it polls until it is back", () => {
  listen("inbox", 5);
  socket().drop();
  timers.pass(1_000);
  socket().drop();
  timers.pass(2_000);
  assert.equal(gaps, 0);
  socket().drop();
  assert.equal(live.status, "polling");
  timers.pass(4_000);
  assert.equal(live.status, "polling");
  timers.pass(6_000);
  assert.equal(gaps, 2);
  enter();
  assert.equal(live.status, "online");
  join();
  timers.pass(20_000);
  assert.equal(gaps, 2);
});

test("somebody signed out is not tried again", () => {
  const seen = [];
  live.onStatus((status) => seen.push(status));
  enter();
  socket().drop(4401);
  timers.pass(100_000);
  assert.equal(FakeSocket.all.length, 1);
  assert.deepEqual(seen, ["connecting", "online", "denied"]);
});

test("a silent server is given up", () => {
  enter();
  timers.pass(25_000);
  assert.deepEqual(socket().sent.at(-1), { ping: 1, active: true });
  const first = socket();
  timers.pass(11_000);
  assert.ok(first.closed);
  assert.equal(FakeSocket.all.length, 2);
});

test("a ping's answer shows what was lost, after a moment of patience", () => {
  listen("inbox", 5);
  enter();
  join();
  socket().say({ pong: { inbox: 6 } });
  timers.pass(1_000);
  frame(6);
  timers.pass(5_000);
  assert.equal(gaps, 0);
  socket().say({ pong: { inbox: 7 } });
  timers.pass(2_000);
  assert.equal(gaps, 1);
});

test("frames are acknowledged in one message a moment later", () => {
  listen("inbox", 5);
  enter();
  join();
  frame(6);
  frame(7);
  timers.pass(200);
  assert.deepEqual(socket().sent.at(-1), { ack: 2 });
});

test("frames left out by the server make the page fetch", () => {
  listen("inbox", 5);
  enter();
  join();
  socket().say({ lost: ["inbox"] });
  assert.equal(gaps, 1);
  frame(90);
  assert.equal(gaps, 1);
  assert.equal(heard.length, 1);
});

test("frames that come while the page fetches are applied after the answer", async () => {
  let answer;
  live.subscribe("inbox", {
    number: 1,
    onFrame: (_kind, data) => heard.push(data.at),
    onGap: () => new Promise((resolve) => (answer = resolve)).then(() => heard.push("page")),
  });
  enter();
  socket().say({ subscribed: "inbox", stream: "inbox", n: 4 });
  socket().say({ s: "inbox", n: 5, k: "a", d: { at: 5 } });
  assert.deepEqual(heard, []);
  answer();
  await settled();
  assert.deepEqual(heard, ["page", 5]);
  socket().say({ s: "inbox", n: 6, k: "a", d: { at: 6 } });
  assert.deepEqual(heard, ["page", 5, 6]);
});

test("a page that could not be fetched is asked for again", async () => {
  let tries = 0;
  live.subscribe("inbox", {
    number: 1,
    onGap: async () => {
      if (++tries < 3) throw new Error("503");
    },
  });
  enter();
  socket().say({ subscribed: "inbox", stream: "inbox", n: 4 });
  for (let round = 0; round < 5; round += 1) {
    await settled();
    timers.pass(2_000);
  }
  assert.equal(tries, 3);
});

test("what is missed while the page fetches is fetched once more", async () => {
  const answers = [];
  live.subscribe("inbox", { number: 1, onGap: () => new Promise((resolve) => answers.push(resolve)) });
  enter();
  socket().say({ subscribed: "inbox", stream: "inbox", n: 4 });
  frame(9);
  frame(12);
  timers.pass(300);
  assert.equal(answers.length, 1);
  answers[0]();
  await settled();
  assert.equal(answers.length, 2);
  answers[1]();
  await settled();
  assert.equal(answers.length, 2);
});

test("streams joined later are asked for together", async () => {
  enter();
  listen("thread:1", 0);
  const leave = listen("thread:2", 0);
  await null;
  assert.deepEqual(socket().sent, [{ subscribe: ["thread:1", "thread:2"] }]);
  leave();
  assert.deepEqual(socket().sent.at(-1), { unsubscribe: ["thread:2"] });
});

test("typing is whispered at most every two seconds", () => {
  enter();
  live.whisper("thread:1", "typing");
  live.whisper("thread:1", "typing");
  timers.pass(2_000);
  live.whisper("thread:1", "typing");
  assert.equal(socket().sent.length, 2);
});

test("the network's return is used at once", () => {
  enter();
  socket().drop();
  live.wake();
  assert.equal(FakeSocket.all.length, 2);
  timers.pass(5_000);
  assert.equal(FakeSocket.all.length, 2);
});

test("stopping ends everything", () => {
  enter();
  live.stop();
  timers.pass(100_000);
  assert.equal(FakeSocket.all.length, 1);
  assert.equal(timers.jobs.size, 0);
});
