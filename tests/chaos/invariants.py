"""What must hold after a chaos run, whoever died on the way.

I16 (logs and memory) is looked at in aftermath.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

from tests.chaos.feeders import reply_key
from tests.chaos.ledger import INTERRUPTED, lateness, wire_key

KEY_LENGTH = len(reply_key(0))
LADDER = {"unknown": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4}


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
        "I14 open pages equal the database": pages,
        "I15 unknown outcomes listed": unknowns,
    }
    return {name: list(rule(ledger)) for name, rule in checks.items()}


def accepted(ledger):
    stored = Counter(row["external_id"] for row in ledger.messages if row["direction"] == "in")
    incoming = [entry for entry in ledger.taken if entry["lane"] == "channel"]
    for entry in (*incoming, *ledger.world["answers"]):
        if stored[entry["mid"]] != 1:
            yield f"the message {entry['mid']} is stored {stored[entry['mid']]} times"
    keys = Counter(key[-KEY_LENGTH:] for row in ledger.out if (key := row["key"] or "").startswith("i"))
    for entry in ledger.taken:
        if entry["lane"] == "inbox" and keys[entry["key"]] != 1:
            yield f"the reply {entry['key']} is stored {keys[entry['key']]} times"
    yield from _calls_accepted(ledger)
    yield from _saves_accepted(ledger)


def _calls_accepted(ledger):
    """Calls of the workflow's address: each stored, and the contact admitted once."""
    calls = Counter(entry["contact"] for entry in ledger.taken if entry["lane"] == "hook")
    stored = Counter(row["contact_id"] for row in ledger.events if row["kind"] == "webhook_received")
    runs = Counter(
        row["contact_id"] for row in ledger.runs if row["workflow_id"] == ledger.site["flows"]["hook"]
    )
    for contact, number in calls.items():
        if stored[contact] < number or runs[contact] != 1:
            told = f"{number} calls acknowledged, {stored[contact]} stored, {runs[contact]} runs"
            yield f"contact {contact}: {told}"


def _saves_accepted(ledger):
    """Saves of the contact's form: one change on record, one run."""
    changes = Counter(
        row["contact_id"]
        for row in ledger.events
        if row["kind"] == "contact_field_updated" and row["field"] == "country"
    )
    flow = ledger.site["flows"]["field"]
    runs = Counter(row["contact_id"] for row in ledger.runs if row["workflow_id"] == flow)
    for contact in {entry["contact"] for entry in ledger.taken if entry["lane"] == "field"}:
        if (changes[contact], runs[contact]) != (1, 1):
            yield f"contact {contact}: {changes[contact]} changes, {runs[contact]} runs"


def decided(ledger):
    decisions = Counter(row["event_id"] for row in ledger.decisions)
    verdicts = {row["event_id"]: row["verdicts"] for row in ledger.decisions}
    started = Counter(row["event_id"] for row in ledger.runs)
    versions = ledger.site["versions"]
    listening = {
        "conversation_opened": "opened",
        "webhook_received": "hook",
        "contact_field_updated": "field",
    }
    for event in ledger.events:
        number = decisions[event["id"]]
        if number != 1:
            yield f"event {event['id']} {event['kind']} has {number} decisions"
            continue
        rows = verdicts[event["id"]]
        if sum(row[1] == "started" for row in rows) != started[event["id"]]:
            yield f"event {event['id']}: verdicts {rows}, {started[event['id']]} runs"
        flow = listening.get(event["kind"])
        told = [key for row in rows for key in (row[0] if isinstance(row[0], list) else row[:1])]
        if flow and told.count(versions[flow]) != 1:
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
        what = event["field"] if event["kind"] == "contact_field_updated" else ""
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
    """A provider that could not be reached took no call, and the history says so."""
    for visit in ledger.visits:
        if visit["kind"] == "call":
            calls = ledger.calls[f"run:{visit['run_id']}:{visit['seq']}"]
            if visit["status"] == "done" and not calls and "http_refused" not in noted(visit):
                yield f"the call of run {visit['run_id']} is done but was never made"
    paths = defaultdict(set)
    for key, calls in ledger.calls.items():
        for call in calls:
            paths[call["path"]].add(key)
    yield from (f"{path} was called under {len(keys)} keys" for path, keys in paths.items() if len(keys) > 1)


def noted(visit):
    """The words by which a visit's notes begin."""
    return [note[0] for note in visit["notes"] or []]


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
    calls = [visit for visit in ledger.visits if visit["kind"] == "call"]
    visits = {f"run:{visit['run_id']}:{visit['seq']}" for visit in calls}
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


def one_active(ledger):
    passages = defaultdict(list)
    for run in ledger.runs:
        passages[run["workflow_id"], run["contact_id"]].append(run)
    for (workflow, contact), runs in passages.items():
        if workflow == ledger.site["flows"]["hook"] and len(runs) > 1:
            yield f"contact {contact} was {len(runs)} times in the workflow that admits once"
        runs.sort(key=lambda run: (run["started_at"], run["id"]))
        for earlier, later in pairwise(runs):
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
                yield f"run {run['id']}: visit {number} is {visit['seq']} {visit['step_id']}, not {place}"
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


def pages(ledger):
    yield from ledger.world["pages"]


def unknowns(ledger):
    """Every unknown outcome is listed for people, has a cause we can name, and is in the run's history."""
    listed = ledger.world["listed"]
    calls = {
        visit["id"] for visit in ledger.visits if visit["kind"] == "call" and visit["status"] == "unknown"
    }
    messages = {row["id"] for row in ledger.out if row["status"] == "unknown"}
    for what, real, shown in (("messages", messages, listed["messages"]), ("calls", calls, listed["calls"])):
        if real != set(shown):
            yield f"{what}: {len(real)} are unknown, {len(shown)} are listed as needing attention"
    told = {visit["run_id"]: noted(visit) for visit in ledger.visits if visit["kind"] == "tell"}
    for row in ledger.out:
        if row["status"] != "unknown":
            continue
        hows = {send["how"] for send in ledger.sends[wire_key(row)]}
        blamed = row["error"].startswith((INTERRUPTED, "The provider did not answer"))
        if not row["error"] or not (blamed or hows & {"500", "close_before", "close_after"}):
            yield f"message {row['id']} is unknown without a cause: {row['error']!r} {hows}"
        if (row["key"] or "").endswith(":m") and "delivery_unknown" not in told.get(row["run_id"], []):
            yield f"message {row['id']} is unknown, its run does not say so"
