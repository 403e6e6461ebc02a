"""What must hold after a chaos run, whoever died on the way. I14 (agents' live lists) is not looked at here."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict

import psycopg
from psycopg.rows import dict_row

LADDER = {"unknown": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4}
INTERRUPTED = "Sending was interrupted"
MEMORY_LIMIT = 400
EXPECTED_ERRORS = re.compile(
    r"OperationalError|InterfaceError|AdminShutdown|PoolTimeout|PoolClosed|CannotConnectNow|ConnectionError|"
    r"ConnectionRefusedError|ConnectionResetError|BrokenPipeError|TimeoutError|ConnectionDoesNotExist|"
    r"kombu\.exceptions|redis\.exceptions|IncompleteReadError|CancelledError|Fenced|InFailedSqlTransaction|"
    r"IdleInTransaction|WorkerShutdown|SystemExit|KeyboardInterrupt|has no attribute 'connection_errors'"
)
"""What an unreachable database or broker may leave in the logs."""


class Ledger:
    """The database after the run, read once, with what the outside world remembers."""

    def __init__(self, dsn, site, taken, world):
        self.site, self.taken, self.world = site, taken, world
        with psycopg.connect(dsn, row_factory=dict_row) as connection:
            self.connection = connection
            self.runs = self.all("SELECT * FROM workflows_run ORDER BY id")
            self.visits = self.all("SELECT * FROM workflows_stepexecution ORDER BY run_id, seq")
            self.waits = self.all("SELECT * FROM workflows_wait ORDER BY id")
            self.events = self.all("SELECT * FROM workflows_event ORDER BY id")
            self.decisions = self.all("SELECT * FROM workflows_decision")
            self.messages = self.all("SELECT * FROM conversations_message ORDER BY id")
            self.comments = Counter(row["text"] for row in self.all("SELECT text FROM conversations_comment"))
            self.deliveries = self.all(
                "SELECT id, status, error FROM channels_app_inbounddelivery WHERE status <> 'processed'"
            )
            self.changes = self.all("SELECT * FROM chaos_status")
            self.lost_leases = self.all("SELECT * FROM chaos_lost")
            self.definitions = {
                row["id"]: row["definition"]
                for row in self.all("SELECT id, definition FROM workflows_workflowversion")
            }
            self.enrolments = Counter(
                (row["workflow_id"], row["contact_id"])
                for row in self.all("SELECT workflow_id, contact_id FROM workflows_enrolment")
            )
        self.out = [row for row in self.messages if row["direction"] == "out"]
        self.visits_of = defaultdict(list)
        for visit in self.visits:
            visit["kind"] = visit["step_id"].partition("_")[0]
            self.visits_of[visit["run_id"]].append(visit)
        self.sends = defaultdict(list)
        for send in world["sends"]:
            self.sends[send["key"]].append(send)
        self.calls = defaultdict(list)
        for call in world["calls"]:
            self.calls[call["key"]].append(call)

    def all(self, sql):
        return self.connection.execute(sql).fetchall()


def wire_key(message):
    """The key under which the provider saw a message."""
    return message["key"] or str(message["id"])


def check(ledger):
    """Violations by invariant: ``{"I1": [sentences]}``, all of them present."""
    checks = {
        "I1 accepted events stored": accepted,
        "I2 one decision per event": decided,
        "I3 no run unfinished": finished,
        "I4 inner effects once": inner_effects,
        "I5 non-keyed sends once": sends_once,
        "I6 keyed calls one effect": keyed_calls,
        "I7 journal and provider agree": no_ghosts,
        "I8 nothing left open": leftovers,
        "I9 one winner per wait": winners,
        "I10 no timer early": timers,
        "I11 one active run": one_active,
        "I12 history replays": history,
        "I13 delivery states climb": monotone,
        "I15 unknown outcomes listed": unknowns,
    }
    return {name: list(rule(ledger)) for name, rule in checks.items()}


def accepted(ledger):
    stored = Counter(row["external_id"] for row in ledger.messages if row["direction"] == "in")
    runs = Counter((row["workflow_id"], row["contact_id"]) for row in ledger.runs)
    hooks = Counter(row["contact_id"] for row in ledger.events if row["kind"] == "webhook_received")
    changes = Counter(
        row["contact_id"]
        for row in ledger.events
        if row["kind"] == "contact_field_updated" and row["payload"]["field"] == "country"
    )
    keys = Counter(row["key"] for row in ledger.out)
    flows, acknowledged = ledger.site["flows"], Counter()
    for entry in ledger.taken:
        if entry["lane"] == "channel" and stored[entry["mid"]] != 1:
            yield f"the message {entry['mid']} is stored {stored[entry['mid']]} times"
        elif entry["lane"] == "hook":
            acknowledged[entry["contact"]] += 1
            if runs[flows["hook"], entry["contact"]] != 1:
                yield f"{runs[flows['hook'], entry['contact']]} runs for the call {entry['order']}"
        elif entry["lane"] == "inbox":
            found = sum(number for key, number in keys.items() if key and key.endswith(entry["key"]))
            if found != 1:
                yield f"the reply {entry['key']} is stored {found} times"
        elif entry["lane"] == "field":
            contact = entry["contact"]
            if (changes[contact], runs[flows["field"], contact]) != (1, 1):
                yield f"contact {contact}: {changes[contact]} changes, {runs[flows['field'], contact]} runs"
    for contact, number in acknowledged.items():
        if hooks[contact] < number:
            yield f"contact {contact}: {number} calls acknowledged, {hooks[contact]} stored"
    for answer in ledger.world["answers"]:
        if stored[answer["mid"]] != 1:
            yield f"the answer {answer['mid']} is stored {stored[answer['mid']]} times"


def decided(ledger):
    decisions = Counter(row["event_id"] for row in ledger.decisions)
    verdicts = {row["event_id"]: row["verdicts"] for row in ledger.decisions}
    started = Counter(row["event_id"] for row in ledger.runs)
    versions = ledger.site["versions"]
    listening = {"conversation_opened": "opened", "webhook_received": "hook", "contact_field_updated": "field"}
    for event in ledger.events:
        number = decisions[event["id"]]
        if number != 1:
            yield f"event {event['id']} {event['kind']} has {number} decisions"
            continue
        rows = verdicts[event["id"]]
        if sum(row[1] == "started" for row in rows) != started[event["id"]]:
            yield f"event {event['id']}: verdicts {rows}, {started[event['id']]} runs"
        flow = listening.get(event["kind"])
        if flow and sum(row[0] == versions[flow] for row in rows) != 1:
            yield f"event {event['id']} {event['kind']} has no single verdict for {flow}"


def finished(ledger):
    for run in ledger.runs:
        if run["status"] != "ended" or run["wake_at"]:
            yield f"run {run['id']} is {run['status']} at {run['step_id']}, due {run['wake_at']}"
        elif run["end_reason"] != "completed":
            yield f"run {run['id']} ended by {run['end_reason']} {run['end_message']}"


def inner_effects(ledger):
    by_run = defaultdict(Counter)
    for event in ledger.events:
        what = event["payload"].get("field") if event["kind"] == "contact_field_updated" else ""
        by_run[event["run_id"]][event["kind"], what] += 1
    messages = Counter(row["run_id"] for row in ledger.out)
    parents = Counter(row["parent_run_id"] for row in ledger.runs if row["parent_run_id"])
    refused = Counter(event["run_id"] for event in ledger.events if event["kind"] == "workflow_triggered")
    for run in ledger.runs:
        steps = Counter(visit["kind"] for visit in ledger.visits_of[run["id"]])
        facts = by_run[run["id"]]
        expected = (
            ("field changes", facts["contact_field_updated", "lastname"], steps["field"]),
            ("comments", ledger.comments[f"Done {run['id']}"], steps["note"]),
            ("messages", messages[run["id"]], steps["tell"] + steps["ask"]),
            ("started workflows", refused[run["id"]], steps["another"]),
        )
        for what, found, wanted in expected:
            if found != wanted:
                yield f"run {run['id']}: {found} {what} instead of {wanted}"
        if facts["contact_tag_updated", ""] > steps["good"] + steps["bad"]:
            yield f"run {run['id']}: {facts['contact_tag_updated', '']} changes of tags"
        if facts["conversation_closed", ""] > steps["close"]:
            yield f"run {run['id']}: closed {facts['conversation_closed', '']} times"
        if parents[run["id"]] > steps["another"]:
            yield f"run {run['id']}: {parents[run['id']]} children"


def sends_once(ledger):
    for key, sends in ledger.sends.items():
        taken = [send["how"] for send in sends if send["how"] != "429"]
        if len(taken) > 1:
            yield f"message {key} reached the provider {len(taken)} times: {taken}"


def keyed_calls(ledger):
    for visit in ledger.visits:
        if visit["kind"] == "call":
            calls = ledger.calls[f"run:{visit['run_id']}:{visit['seq']}"]
            if visit["status"] == "done" and not calls:
                yield f"the call of run {visit['run_id']} is done but was never made"
    paths = defaultdict(set)
    for key, calls in ledger.calls.items():
        for call in calls:
            paths[call["path"]].add(key)
    yield from (f"{path} was called under {len(keys)} keys" for path, keys in paths.items() if len(keys) > 1)


def no_ghosts(ledger):
    known = {wire_key(row): row for row in ledger.out}
    for key in ledger.sends:
        if key not in known:
            yield f"the provider got a message {key} that is not ours"
    for key, row in known.items():
        hows = [send["how"] for send in ledger.sends[key]]
        if row["status"] in {"sent", "delivered", "read"} and not {"ok", "slow"} & set(hows):
            yield f"message {key} counts as {row['status']}, the provider says {hows}"
        if row["status"] == "failed" and set(hows) - {"429"}:
            yield f"message {key} counts as failed, the provider says {hows}"
    visits = {f"run:{visit['run_id']}:{visit['seq']}" for visit in ledger.visits if visit["kind"] == "call"}
    yield from (f"the call {key} belongs to no visit" for key in ledger.calls if key not in visits)


def leftovers(ledger):
    yield from (f"run {run['id']} has a lease" for run in ledger.runs if run["lease_until"])
    yield from (f"wait {wait['id']} is open" for wait in ledger.waits if wait["status"] == "open")
    for visit in ledger.visits:
        if visit["status"] in {"waiting", "intent"}:
            yield f"step {visit['run_id']}.{visit['seq']} is {visit['status']}"
    for row in ledger.out:
        if row["status"] in {"queued", "sending"}:
            yield f"message {row['id']} is {row['status']}"
    yield from (f"event {row['id']} is undecided" for row in ledger.events if row["is_pending"])
    for row in ledger.deliveries:
        if not row["error"].startswith("Status of"):
            yield f"delivery {row['id']} is {row['status']}: {row['error'][:200]}"


def winners(ledger):
    by_place = defaultdict(list)
    answered = Counter()
    for wait in ledger.waits:
        by_place[wait["run_id"], wait["seq"]].append(wait)
        if (wait["resolution"] or {}).get("type") == "reply":
            answered[wait["resolution"]["message_id"]] += 1
    yield from (f"message {key} answered {number} waits" for key, number in answered.items() if number > 1)
    expected = {"reply": {"success"}, "timed_out": {"timeout", "next"}, "delivered": {"next"}}
    for visit in ledger.visits:
        waits = by_place.pop((visit["run_id"], visit["seq"]), [])
        if visit["step_id"] in {"pause", "ask", "tell"} and len(waits) != 1:
            yield f"step {visit['run_id']}.{visit['seq']} {visit['step_id']} has {len(waits)} waits"
        for wait in waits:
            kind = (wait["resolution"] or {}).get("type")
            if kind in expected and visit["outlet"] not in expected[kind]:
                yield f"wait {wait['id']} was won by {kind}, the run left by {visit['outlet']}"
    yield from (f"waits without a visit at {place}" for place in by_place)
    given = Counter(
        row[3] for decision in ledger.decisions for row in decision["verdicts"] if row[1] == "answered"
    )
    if sum(given.values()) != sum(answered.values()):
        yield f"{sum(given.values())} messages were taken as answers, {sum(answered.values())} waits answered"


def timers(ledger):
    yield from (f"run {run} went on {-late:.3f} s early" for run, late in lateness(ledger) if late < 0)


def lateness(ledger):
    """How late each timer was, in seconds: ``(run, seconds)``."""
    waits = {(wait["run_id"], wait["seq"]): wait for wait in ledger.waits}
    for visit in ledger.visits:
        wait = waits.get((visit["run_id"], visit["seq"]))
        timed_out = wait is not None and (wait["resolution"] or {}).get("type") == "timed_out"
        if timed_out and wait["kind"] in {"timer", "question"} and visit["finished_at"]:
            yield visit["run_id"], (visit["finished_at"] - wait["wake_at"]).total_seconds()


def one_active(ledger):
    passages = defaultdict(list)
    for run in ledger.runs:
        passages[run["workflow_id"], run["contact_id"]].append(run)
    for (workflow, contact), runs in passages.items():
        if workflow == ledger.site["flows"]["hook"] and len(runs) > 1:
            yield f"contact {contact} was {len(runs)} times in the workflow that admits once"
        runs.sort(key=lambda run: (run["started_at"], run["id"]))
        for earlier, later in zip(runs, runs[1:], strict=False):
            if earlier["ended_at"] is None or later["started_at"] < earlier["ended_at"]:
                yield f"runs {earlier['id']} and {later['id']} of contact {contact} were active at once"
        if ledger.enrolments[workflow, contact] != 1:
            yield f"contact {contact} has {ledger.enrolments[workflow, contact]} enrolments in {workflow}"


def history(ledger):
    for run in ledger.runs:
        visits = ledger.visits_of[run["id"]]
        document = ledger.definitions[run["version_id"]]
        place = document["trigger"]["outlets"]["next"]
        for number, visit in enumerate(visits, start=1):
            if visit["seq"] != number or visit["step_id"] != place:
                yield f"run {run['id']}: visit {number} is {visit['seq']} {visit['step_id']}, expected {place}"
                break
            place = document["steps"][place]["outlets"].get(visit["outlet"]) if visit["outlet"] else place
        else:
            if run["seq"] != len(visits) or (run["status"] == "ended" and place is not None):
                yield f"run {run['id']} stands at {run['seq']} {run['step_id']}, the history leads to {place}"


def monotone(ledger):
    for change in ledger.changes:
        was, became = change["was"], change["became"]
        if was in LADDER and (became not in LADDER or LADDER[became] < LADDER[was]):
            yield f"message {change['message']} went from {was} to {became}"
    told = defaultdict(list)
    for news in ledger.world["news"]:
        told[news["mid"]].append(news["status"])
    for row in ledger.out:
        best = max((LADDER[status] for status in told[row["external_id"]]), default=0)
        if row["external_id"] and LADDER.get(row["status"], 0) < best and not ledger.deliveries:
            yield f"message {row['id']} is {row['status']}, told {told[row['external_id']]}"


def unknowns(ledger):
    """Every unknown outcome has a cause that we can name, and the run's history says so too."""
    noted = {
        visit["run_id"]: [note[0] for note in visit["details"].get("notes", [])]
        for visit in ledger.visits
        if visit["kind"] == "tell"
    }
    for row in ledger.out:
        if row["status"] != "unknown":
            continue
        hows = {send["how"] for send in ledger.sends[wire_key(row)]}
        blamed = row["error"].startswith(INTERRUPTED)
        if not row["error"] or not (blamed or hows & {"500", "close_before", "close_after"}):
            yield f"message {row['id']} is unknown without a cause: {row['error']!r} {hows}"
        if (row["key"] or "").endswith(":m") and "delivery_unknown" not in noted.get(row["run_id"], []):
            yield f"message {row['id']} is unknown, its run does not say so"


def unknown_summary(ledger):
    """How many outcomes are unknown and why: by the provider's fault, or because a worker died."""
    rows = [row for row in ledger.out if row["status"] == "unknown"]
    lost = [row for row in rows if row["error"].startswith(INTERRUPTED)]
    arrived = [row for row in lost if any(s["how"] in {"ok", "slow"} for s in ledger.sends[wire_key(row)])]
    calls = [visit for visit in ledger.visits if visit["kind"] == "call" and visit["status"] == "unknown"]
    return {
        "sends": len(ledger.out),
        "unknown sends": len(rows),
        "interrupted": len(lost),
        "interrupted but arrived": len(arrived),
        "unknown calls": len(calls),
        "list": [(row["id"], row["error"][:80]) for row in rows],
    }


def logs_clean(paths, canaries):
    """I16: no error that an outage does not explain, no secret in any log."""
    for name, path in paths.items():
        text = path.read_text(encoding="utf-8", errors="replace")
        yield from (f"{name}.log holds a secret" for canary in canaries if canary in text)
        if name in {"postgres", "redis"}:
            continue
        for block in _tracebacks(text):
            if not EXPECTED_ERRORS.search(block):
                yield f"{name}: {block[-300:]}"


def _tracebacks(text):
    """Each traceback as one text, chained ones as one."""
    blocks, lines = [], text.splitlines()
    current = None
    for line in lines:
        if line.startswith("Traceback (most recent"):
            current = [line] if current is None else [*current, line]
        elif current is not None:
            current.append(line)
            is_end = line and not line.startswith((" ", "\t")) and not line.startswith(("During", "The above"))
            if is_end:
                blocks.append("\n".join(current))
                current = None
    return blocks


def memory_bounded(highest):
    yield from (f"{name} took {size:.0f} MB" for name, size in highest.items() if size > MEMORY_LIMIT)


def dump(ledger):
    """The outside world's memory as JSON, for looking things up afterwards."""
    return json.dumps(ledger.world)
