"""The three workflows of the demo workspace, as documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Document = dict[str, Any]

RETRY: Final = "Sorry, that does not look like an e-mail address. Please try once more."


@dataclass(frozen=True, slots=True)
class Cast:
    """Ids in the new workspace to which the documents point."""

    omar: int
    newsletter: int
    order_field: str


@dataclass(frozen=True, slots=True)
class DemoWorkflow:
    """A name, a line about it, and the document."""

    name: str
    description: str
    draft: Document


def demo_workflows(cast: Cast) -> tuple[DemoWorkflow, ...]:
    """The workflows in the order in which they are created."""
    return (
        DemoWorkflow(
            "Welcome and e-mail",
            "Greets new contacts, asks for their e-mail address and hands them to Omar.",
            _welcome(cast),
        ),
        DemoWorkflow("After closing", "Leaves the closing note as a comment.", _after_closing()),
        DemoWorkflow("Order update", "Another system tells where an order is.", _order_update(cast)),
    )


def _step(
    kind: str, name: str, config: Mapping[str, Any], next_id: str | None = None, **outlets: str | None
) -> Document:
    return {
        "type": kind,
        "name": name,
        "config": dict(config),
        "outlets": outlets or ({"next": next_id} if next_id else {}),
    }


def _document(trigger: str, config: Mapping[str, Any], first: str, steps: Document) -> Document:
    return {
        "format": 1,
        "trigger": {"type": trigger, "config": dict(config), "outlets": {"next": first}},
        "steps": steps,
    }


def _say(text: str) -> Document:
    return {"default": {"text": text}}


def _welcome(cast: Cast) -> Document:
    def ask(text: str) -> Document:
        save = {"field": {"slug": "email", "label": "E-mail address"}}
        return {"text": text, "question_type": "email", "save": save}

    steps = {
        "welcome": _step(
            "send_message",
            "Welcome",
            _say("Hello $contact.firstname|there! Thank you for writing to Northwind Bikes."),
            "ask",
        ),
        "ask": _step(
            "ask_question",
            "E-mail address",
            ask("To which e-mail address may we send you our answer?"),
            success="tag",
            failure="ask-again",
        ),
        "ask-again": _step("ask_question", "Once more", ask(RETRY), success="tag-2"),
        **_hand_over(cast, ""),
        **_hand_over(cast, "-2"),
    }
    conditions = [{"category": "source", "operator": "eq", "values": ["contact"]}]
    return _document("conversation_opened", {"conditions": conditions}, "welcome", steps)


def _hand_over(cast: Cast, suffix: str) -> Document:
    """Both good ways out of the questions end alike; a step has one parent, so the steps stand twice."""
    tag = {"id": cast.newsletter, "label": "newsletter"}
    omar = {"id": cast.omar, "label": "Omar Haddad"}
    return {
        f"tag{suffix}": _step(
            "update_contact_tag", "Newsletter", {"action": "add", "tags": [tag]}, f"wait{suffix}"
        ),
        f"wait{suffix}": _step(
            "wait", "A moment", {"duration": {"value": 3, "unit": "seconds"}}, f"assign{suffix}"
        ),
        f"assign{suffix}": _step("assign_to", "To Omar", {"user": omar}, f"goodbye{suffix}"),
        f"goodbye{suffix}": _step(
            "send_message", "Hand over", _say("$assignee.firstname will be with you in a moment.")
        ),
    }


def _after_closing() -> Document:
    text = "Closed as $conversation.category: $conversation.summary"
    steps = {"note": _step("add_comment", "Closing note", {"text": text})}
    return _document("conversation_closed", {}, "note", steps)


def _order_update(cast: Cast) -> Document:
    field = {"slug": cast.order_field, "label": "Order number"}
    shipped = {"category": "variable", "variable": "status", "operator": "eq", "values": ["shipped"]}
    steps = {
        "which": _step(
            "branch",
            "Shipped?",
            {"branches": [{"id": "shipped", "name": "Shipped", "conditions": [shipped]}]},
            shipped="keep",
            **{"else": "tell-other"},
        ),
        "keep": _step(
            "update_contact_field",
            "Order number",
            {"updates": [{"field": field, "value": "$order_id"}]},
            "tell-shipped",
        ),
        "tell-shipped": _step(
            "send_message",
            "On its way",
            _say("Good news, $contact.firstname|dear customer: your order $order_id is on its way!"),
        ),
        "tell-other": _step(
            "send_message", "News", _say("News about your order $order_id: it is now “$status”.")
        ),
    }
    config = {
        "identifier_type": "email",
        "identifier_key": "$.email",
        "variables": [
            {"key": "$.order.id", "name": "order_id"},
            {"key": "$.order.status", "name": "status"},
        ],
    }
    return _document("incoming_webhook", config, "which", steps)
