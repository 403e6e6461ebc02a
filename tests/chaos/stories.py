"""The workflows that run during a chaos run: one story behind three triggers, and a child."""

from __future__ import annotations

from isflow.workspaces.scope import workspace_scope
from tests.factories_workflows import document, publish
from workflows.models import WorkflowVersion

ASK_SECONDS = 5


def make_flows(workspace, provider, tags):
    child = publish(
        workspace,
        document(
            "manual",
            ("tell", "send_message", {"default": {"text": "Child $workflow.run_id"}}),
            ("note", "add_comment", {"text": "Done $workflow.run_id"}),
        ),
        "Child",
    )
    hook = {"identifier_type": "email", "identifier_key": "$.email"}
    field = {"field": {"slug": "country", "label": "Country"}}
    triggers = {
        "opened": ("conversation_opened", {}, False),
        "hook": ("incoming_webhook", {**hook, "variables": [{"key": "$.order", "name": "order"}]}, True),
        "field": ("contact_field_updated", field, False),
    }
    flows = {"child": child}
    for name, (trigger, config, once) in triggers.items():
        draft = _story(trigger, config, provider, tags, child, once=once)
        flows[name] = publish(workspace, draft, name.title())
        _ask_briefly(flows[name])
    return flows


def _story(trigger, config, provider, tags, child, *, once):  # noqa: PLR0913 - the parts of one story
    good, bad = ({"tags": [{"id": tag.pk, "label": tag.name}]} for tag in tags)

    def call(way):
        return {
            "method": "POST",
            "url": f"{provider}/call?run=$workflow.run_id",
            "body": "{}",
            "may_repeat": True,
            "status_variable": f"code{way}",
            "mapping": [{"key": "$.child", "variable": f"child{way}"}],
        }

    ask = {
        "text": "Happy $workflow.run_id?",
        "timeout_branch": True,
        "timeout": {"value": 60, "unit": "seconds"},
    }
    good, bad = ("update_contact_tag", good), ("update_contact_tag", bad)
    field = {"updates": [{"field": {"slug": "lastname"}, "value": "$workflow.run_id"}]}

    def rest(way):
        yield f"note_{way}", "add_comment", {"text": "Done $workflow.run_id"}
        outlets = {"yes": f"another_{way}", "else": f"close_{way}"}
        yield f"more_{way}", "branch", _branch("yes", f"child{way[0]}", "yes"), outlets
        trigger_child = {"workflow": {"id": child.pk, "label": "Child"}}
        yield f"another_{way}", "trigger_workflow", trigger_child, {"next": f"close_{way}a"}
        yield f"close_{way}a", "close_conversation", {}, {}
        yield f"close_{way}", "close_conversation", {}, {}

    def tail(way):
        yield f"call_{way}", "http_request", call(way)
        yield (
            f"choose_{way}",
            "branch",
            _branch("ok", f"code{way}", "200"),
            {"ok": f"good_{way}", "else": f"bad_{way}"},
        )
        yield f"good_{way}", *good, {"next": f"note_{way}g"}
        yield from rest(f"{way}g")
        yield f"bad_{way}", *bad, {"next": f"note_{way}b"}
        yield from rest(f"{way}b")

    return document(
        trigger,
        ("field", "update_contact_field", field),
        ("tell", "send_message", {"default": {"text": "Tell $workflow.run_id"}}),
        ("pause", "wait", {"duration": {"value": 1, "unit": "seconds"}}),
        ("ask", "ask_question", ask, {"success": "call_a", "timeout": "call_t"}),
        *tail("a"),
        *tail("t"),
        config=config,
        once=once,
    )


def _branch(name, variable, value):
    condition = {"category": "variable", "variable": variable, "operator": "eq", "values": [value]}
    return {"branches": [{"id": name, "name": name, "conditions": [condition]}]}


def _ask_briefly(flow):
    """No editor offers so short a time; nobody has loaded this version yet, so it may still be changed."""
    with workspace_scope(flow.workspace_id):
        version = WorkflowVersion.objects.get(pk=flow.published_id)
        version.definition["steps"]["ask"]["config"]["timeout"]["value"] = ASK_SECONDS
        WorkflowVersion.objects.filter(pk=version.pk).update(definition=version.definition)
