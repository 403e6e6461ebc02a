"""Start the production shape and try a story in it, a crash included; exit code 0 if all went well.

Web, two workers and beat on PostgreSQL and Redis, with the demo workspace. Visitors write in the chat, orders
come in by webhook, and in the middle of it one worker is killed.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
import traceback
import urllib.request
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.harness.processes import production_installation  # noqa: E402 - started as a script
from tests.harness.servers import http_status, wait_for  # noqa: E402
from tests.harness.sockets import WebSocket  # noqa: E402
from tests.harness.stub import running_stub  # noqa: E402

VISITORS = 8
ORDERS = 20
GREETING = "Thank you for writing to Northwind Bikes."
QUESTION = "To which e-mail address may we send you our answer?"
GOODBYE = "Omar will be with you in a moment."


def say(text):
    """Print one line of the protocol."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)  # noqa: T201 - a report


class Visitor:
    """Somebody on the shop's website."""

    def __init__(self, site, channel, number):
        self.number = number
        self._base = f"{site.url}/widget/{channel}"
        self._socket = f"{site.url}/ws/widget/{channel}/"
        self._origin = site.url
        self._token = request(f"{self._base}/session", {})["token"]
        self._said = 0

    def say(self, text):
        self._said += 1
        name = f"visitor-{self.number:03}-{self._said:03}"
        request(f"{self._base}/messages", {"client_id": name, "text": text}, self._token)

    def heard(self):
        """What the shop said, oldest first."""
        messages = request(f"{self._base}/messages", None, self._token)["messages"]
        return [message["text"] for message in messages if message["direction"] == "out"]

    def has_heard(self, text):
        return any(text in one for one in self.heard())

    def listens(self):
        """A socket that has been accepted."""
        socket = WebSocket(self._socket, origin=self._origin)
        socket.say({"token": self._token})
        while "ready" not in socket.hear():
            pass
        return socket


def request(url, document, token=""):
    """JSON in, JSON out; GET without a document."""
    body = None if document is None else json.dumps(document).encode()
    headers = {"Content-Type": "application/json", **({"X-Visitor-Token": token} if token else {})}
    asked = urllib.request.Request(url, body, headers)  # noqa: S310 - our own address
    with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310 - our own address
        return json.loads(answer.read())


def check_pages(site):
    """Pages, health and static files answer."""
    for path in ("/health/live", "/health/ready", "/accounts/login/", "/static/admin/css/base.css"):
        assert http_status(site.url + path) == 200, path
    say("health, login page and static files answer")


def channel_of_demo(site):
    """The token of the demo shop's chat, as its page tells it."""
    with urllib.request.urlopen(f"{site.url}/demo/", timeout=20) as page:  # noqa: S310 - our own address
        found = re.search(r"/widget/([\w-]+)\.js", page.read().decode())
    assert found, "the demo shop shows no chat"
    return found[1]


def begin_talks(site):
    """Visitors write and are greeted and asked."""
    channel = channel_of_demo(site)
    visitors = [Visitor(site, channel, number) for number in range(VISITORS)]
    for visitor in visitors:
        visitor.say("Hello, is anybody there?")
    for visitor in visitors:
        wait_for(f"visitor {visitor.number} to be asked", lambda who=visitor: who.has_heard(QUESTION), 30)
        assert visitor.has_heard(GREETING)
    say(f"{VISITORS} visitors wrote in the chat and were asked for their e-mail address")
    return visitors


def end_talks(visitors):
    """They answer; everybody is told once that Omar is coming."""
    with closing(visitors[0].listens()) as socket:
        for visitor in visitors:
            visitor.say(f"visitor{visitor.number}@example.org")
        while not any(GOODBYE in f["message"].get("text", "") for f in socket.hear().get("frames", ())):
            pass
    say("the first one heard the end of the story by socket")
    for visitor in visitors:
        wait_for(f"the goodbye of {visitor.number}", lambda who=visitor: who.has_heard(GOODBYE), 40)
    for visitor in visitors:
        heard = visitor.heard()
        assert len(heard) == 3, heard
    say("each visitor heard greeting, question and goodbye, each once")


def make_shop(site, flow, stub):
    """One more workspace with a measured flow; the address of its webhook."""
    made = site.run(
        "tests.bench.inside",
        "seed",
        "--flow",
        flow,
        "--slug",
        f"shop-{flow}",
        "--stub",
        stub.url,
        "--contacts",
        "50",
    )
    return site.url + json.loads(made.splitlines()[-1])["path"]


def place_orders(hook, prefix):
    """A shop posts orders; each is accepted."""
    for number in range(ORDERS):
        document = {"email": f"c{number}@example.org", "order": {"id": f"{prefix}{number}", "total": 250}}
        assert request(hook, document)["status"] == "triggered"


def check_orders(stub, prefix, seconds):
    """Each order reached the outside exactly once."""
    names = [f"{prefix}{number}" for number in range(ORDERS)]
    wait_for(f"{ORDERS} calls", lambda: all(stub.hits[name] for name in names), seconds)
    time.sleep(2)
    counts = sorted({stub.hits[name] for name in names})
    assert counts == [1], f"each order must be called out once, not {counts}"


def story(site, stub):
    """Everything in turn; the first thing that goes wrong raises."""
    check_pages(site)
    now, later = make_shop(site, "f", stub), make_shop(site, "w", stub)
    place_orders(now, "now")
    check_orders(stub, "now", 30)
    say(f"{ORDERS} webhook calls ran through and called out once each")
    visitors = begin_talks(site)
    place_orders(later, "later")
    site.kill("worker1")
    say(f"killed one of two workers with {ORDERS} runs waiting and {VISITORS} questions open")
    end_talks(visitors)
    check_orders(stub, "later", 40)
    say("every wait ended exactly once")
    dead = [name for name, process in site.processes.items() if process.poll() is not None]
    assert not dead, f"these have died by themselves: {dead}"


def main():
    """Run the story; 1 and the processes' last words if it fails."""
    with tempfile.TemporaryDirectory(prefix="isflow-prod-") as folder, running_stub() as stub:
        try:
            extra = {"ISFLOW_DEMO": "true"}
            with production_installation(Path(folder), allow=stub.allow, workers=2, env=extra) as site:
                say("web, two workers and beat are up")
                site.run("manage", "demo", "--force")
                story(site, stub)
        except Exception:  # noqa: BLE001 - reported with what the processes said
            say("FAILED\n" + traceback.format_exc())
            for log in sorted(Path(folder).glob("*.log")):
                words = log.read_text(encoding="utf-8", errors="replace")[-3000:]
                say(f"--- {log.name}\n{words}")
            return 1
    say("the production shape works")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
