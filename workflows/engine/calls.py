"""One call to the outside world, and what may come back. No transaction is open while it is made."""

from __future__ import annotations

from dataclasses import dataclass

from structlog.contextvars import bound_contextvars

from isflow.infra import http
from workflows.contract import Answer, CallRefused, CallUnknown, HttpAnswered, HttpCall

Key = tuple[int, int, int]
"""Run, visit and token: what tells a call from others of its run, and from itself under a later claim."""


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that a run has announced by a committed intent."""

    workspace_id: int
    run_id: int
    contact_id: int
    seq: int
    token: int
    request: HttpCall

    @property
    def key(self) -> Key:
        """What tells it from every other call."""
        return self.run_id, self.seq, self.token


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back for the call of one visit."""

    seq: int
    answer: Answer


def make(call: PendingCall) -> Answer:
    """Make the call and return what came back. Never raises for what the other side does."""
    with bound_contextvars(workspace_id=call.workspace_id, run_id=call.run_id, visit=call.seq):
        return _answer_to(call.request)


def _answer_to(request: HttpCall) -> Answer:
    try:
        answer = http.send(
            http.HttpRequest(
                method=request.method,
                url=request.url,
                headers=request.headers,
                body=request.body.encode() if request.body is not None else None,
                timeout=request.timeout_seconds,
                secret_headers=request.secret_headers,
            )
        )
    except http.HttpRefused as refused:
        return CallRefused(str(refused))
    except http.HttpUnknown as unknown:
        return CallUnknown(str(unknown))
    body = answer.body.decode("utf-8", errors="replace")
    return HttpAnswered(answer.status, body, dict(answer.headers))
