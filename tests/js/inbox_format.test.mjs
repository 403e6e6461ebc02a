import assert from "node:assert/strict";
import { test } from "node:test";

import {
  belongs,
  compareItems,
  Dates,
  hue,
  initials,
  itemKey,
  lineText,
  readable,
  senderText,
} from "../../static/ui/inbox_format.js";

const WORDS = {
  today: "Today",
  yesterday: "Yesterday",
  workflow: "Workflow: {name}",
  byWorkflow: "workflow “{name}”",
  sources: { workflow: "a workflow", contact: "the contact" },
  lines: {
    opened: "Conversation opened",
    opened_by: "Conversation opened by {by}",
    assigned_by: "{by} assigned {user}",
    assigned_self: "{user} took over",
  },
};

test("an opening and a closing of one conversation have different keys", () => {
  assert.equal(itemKey({ type: "line", event: "opened", id: 3 }), "line-opened-3");
  assert.equal(itemKey({ type: "line", event: "closed", id: 3 }), "line-closed-3");
  assert.equal(itemKey({ type: "message", id: 3 }), "message-3");
});

test("items go by time, then rank, then id, and what is under way goes last", () => {
  const at = "2026-01-01T10:00:00Z";
  const later = { at: "2026-01-01T10:00:01Z", rank: 0, id: 1 };
  assert.ok(compareItems({ at, rank: 0, id: 9 }, { at, rank: 2, id: 1 }) < 0);
  assert.ok(compareItems({ at, rank: 2, id: 9 }, later) < 0);
  assert.ok(compareItems({ at, rank: 2, id: 1 }, { at, rank: 2 }) < 0);
});

test("initials come from the first two words", () => {
  assert.equal(initials("Ada King Lovelace"), "AK");
  assert.equal(initials("ada"), "A");
  assert.equal(initials("a.b@example.org"), "AB");
  assert.equal(initials("Visitor 12"), "V1");
  assert.equal(initials("  "), "?");
});

test("a colour follows from the name as on the server", () => {
  assert.equal(hue("Ada Lovelace"), 7);
  assert.equal(hue("Zoë"), 2);
});

test("somebody unknown is a visitor", () => {
  assert.equal(readable({ visitor: "Visitor {number}" }, "#12"), "Visitor 12");
  assert.equal(readable({ visitor: "Visitor {number}" }, "Ada"), "Ada");
});

test("lines name who did it, and somebody who takes over is no subject twice", () => {
  const line = { event: "opened", source: "user", by: "", user: "" };
  assert.equal(lineText(WORDS, line), "Conversation opened");
  assert.equal(lineText(WORDS, { ...line, source: "contact" }), "Conversation opened by the contact");
  assert.equal(lineText(WORDS, { ...line, event: "assigned", by: "Omar", user: "Omar" }), "Omar took over");
  assert.equal(
    lineText(WORDS, { ...line, source: "workflow", by: "Hi" }),
    "Conversation opened by workflow “Hi”",
  );
  assert.equal(
    lineText(WORDS, { ...line, event: "assigned", by: "Lena", user: "Omar" }),
    "Lena assigned Omar",
  );
});

test("a workflow's message says so", () => {
  assert.equal(senderText(WORDS, { source: "workflow", sender: "Welcome" }), "Workflow: Welcome");
  assert.equal(senderText(WORDS, { source: "user", sender: "Omar" }), "Omar");
});

test("a row belongs where status and assignee say", () => {
  const row = { status: "open", assignee: 4 };
  assert.ok(belongs(row, { status: "open", tab: "all", me: 1 }));
  assert.ok(belongs(row, { status: "open", tab: "mine", me: 4 }));
  assert.ok(!belongs(row, { status: "open", tab: "unassigned", me: 4 }));
  assert.ok(!belongs(row, { status: "closed", tab: "all", me: 4 }));
});

test("dates shrink with distance", () => {
  const dates = new Dates("en-GB", WORDS, () => new Date(2026, 5, 17, 12, 0));
  assert.equal(dates.short(new Date(2026, 5, 17, 9, 5)), "9:05");
  assert.equal(dates.short(new Date(2026, 5, 16, 9, 5)), "Tue");
  assert.equal(dates.short(new Date(2026, 4, 1)), "1 May");
  assert.equal(dates.day(new Date(2026, 5, 16)), "Yesterday");
  assert.equal(dates.day(new Date(2026, 5, 17)), "Today");
});
