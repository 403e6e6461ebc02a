// Pure functions of the inbox: order, keys, words and dates. No document here, so that they are tested as they are.

const RANKS = {
  opened: 0,
  assigned: 1,
  unassigned: 1,
  message: 2,
  comment: 3,
  closed: 4,
  automation_stopped: 5,
};

/** The name under which an item of the thread is on screen at most once. */
export function itemKey(item) {
  return item.type === "line" ? `line-${item.event}-${item.id}` : `${item.type}-${item.id}`;
}

/** Order among items of the same instant. */
export function itemRank(item) {
  return RANKS[item.type === "line" ? item.event : item.type] ?? 2;
}

/** Negative if the first item stands above the second. Items: {at, rank, id}; what is under way has no id. */
export function compareItems(a, b) {
  return (
    Date.parse(a.at) - Date.parse(b.at) || a.rank - b.rank || (a.id ?? Infinity) - (b.id ?? Infinity) || 0
  );
}

/** One or two letters for a picture that is missing; the same on the server. */
export function initials(name) {
  const words = name
    .replace(/[@.]/g, " ")
    .split(/\s+/)
    .filter((word) => /^[\p{L}\p{N}]/u.test(word));
  return (
    words
      .slice(0, 2)
      .map((word) => [...word][0])
      .join("")
      .toUpperCase() || "?"
  );
}

/** Which of the eight colours an avatar has, by name; the same on the server. */
export function hue(name) {
  let crc = ~0;
  for (const byte of new TextEncoder().encode(name)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (~crc >>> 0) % 8;
}

/** A name fit for reading: somebody unknown ("#12") is a visitor with a number. */
export function readable(words, name) {
  return name.startsWith("#") ? fill(words.visitor, { number: name.slice(1) }) : name;
}

/** Replace {names} in a sentence. */
export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The words of a line between messages. */
export function lineText(words, line) {
  const named = line.source === "workflow" && line.by ? fill(words.byWorkflow, { name: line.by }) : line.by;
  const by = named || words.sources[line.source] || "";
  const self = line.event === "assigned" && line.by && line.by === line.user;
  const key = self ? "assigned_self" : by ? `${line.event}_by` : line.event;
  return fill(words.lines[key] ?? "", { by, user: line.user });
}

/** Who is named above an outgoing message. */
export function senderText(words, message) {
  if (message.source === "workflow") return fill(words.workflow, { name: message.sender });
  return message.sender || words.sources[message.source] || "";
}

/** Whether a row belongs into the list as it is filtered now. */
export function belongs(row, view) {
  if (row.status !== view.status || row.blocked) return false;
  if (view.tab === "mine") return row.assignee === view.me;
  if (view.tab === "unassigned") return row.assignee === null;
  return true;
}

/** Dates as people of the page's language write them, seen from `now`. */
export class Dates {
  constructor(language, words, now = () => new Date()) {
    const format = (options) => new Intl.DateTimeFormat(language, options);
    this.words = words;
    this.now = now;
    this.clockFormat = format({ hour: "numeric", minute: "2-digit" });
    this.weekday = format({ weekday: "short" });
    this.date = format({ day: "numeric", month: "short" });
    this.dateOfYear = format({ day: "numeric", month: "short", year: "numeric" });
    this.longDate = format({ weekday: "long", day: "numeric", month: "long" });
    this.full = format({ dateStyle: "full", timeStyle: "short" });
  }

  clock(at) {
    return this.clockFormat.format(new Date(at));
  }

  whole(at) {
    return this.full.format(new Date(at));
  }

  /** Short form for the list: time today, then weekday, then date. */
  short(at) {
    const then = new Date(at);
    const days = this.daysAgo(then);
    if (days <= 0) return this.clockFormat.format(then);
    if (days < 7) return this.weekday.format(then);
    return then.getFullYear() === this.now().getFullYear()
      ? this.date.format(then)
      : this.dateOfYear.format(then);
  }

  /** Words for the line between two days. */
  day(at) {
    const then = new Date(at);
    const days = this.daysAgo(then);
    if (days === 0) return this.words.today;
    if (days === 1) return this.words.yesterday;
    return then.getFullYear() === this.now().getFullYear()
      ? this.longDate.format(then)
      : this.dateOfYear.format(then);
  }

  daysAgo(then) {
    const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
    return Math.round((midnight(this.now()) - midnight(then)) / 86_400_000);
  }
}
