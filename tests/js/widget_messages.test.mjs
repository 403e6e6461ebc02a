import assert from "node:assert/strict";
import { test } from "node:test";

import { Messages } from "../../static/widget/frame_messages.js";

const stored = (id, direction = "out", more = {}) => ({ id, direction, text: `m${id}`, ...more });

test("a stored message takes the place of the one under way", () => {
  const messages = new Messages();
  messages.unsent.push({ client_id: "a", text: "Hi" }, { client_id: "b", text: "Ho" });
  assert.equal(messages.store(stored(5, "in", { client_id: "a" })), true);
  assert.equal(messages.store(stored(5, "in", { client_id: "a" })), false);
  assert.deepEqual(
    messages.items().map((item) => item.text),
    ["m5", "Ho"],
  );
});

test("messages stand in the order of their ids, those under way last", () => {
  const messages = new Messages();
  messages.unsent.push({ client_id: "a", text: "mine" });
  for (const id of [7, 3, 5]) messages.store(stored(id));
  assert.deepEqual(
    messages.items().map((item) => item.id),
    [3, 5, 7, null],
  );
  assert.equal(messages.newest, 7);
  assert.equal(messages.oldest, 3);
});

test("choices are open until something is said or one is pressed", () => {
  const messages = new Messages();
  const options = [{ id: "a", label: "A" }];
  messages.store(stored(1, "out", { options }));
  messages.store(stored(2));
  assert.equal(messages.question().id, 1);
  messages.chosen.add(1);
  assert.equal(messages.question(), null);
  messages.chosen.clear();
  messages.unsent.push({ client_id: "x", text: "A" });
  assert.equal(messages.question(), null);
  messages.unsent = [];
  messages.store(stored(3, "in"));
  assert.equal(messages.question(), null);
});

test("what could not be sent survives a reload, nonsense does not", () => {
  const before = new Messages();
  before.unsent.push({ client_id: "a", text: "Hi", state: "failed" });
  const after = new Messages();
  after.unsent.push({ client_id: "b", text: "Ho" });
  after.restore(before.toText());
  assert.deepEqual(
    after.unsent.map((item) => item.client_id),
    ["a", "b"],
  );
  for (const text of [null, "", "{", "7", '[null, {"text": "no name"}]']) {
    const empty = new Messages();
    empty.restore(text);
    assert.deepEqual(empty.unsent, []);
  }
});
