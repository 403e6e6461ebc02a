"""Rules of the life of a run, seen from outside."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contacts.models import Contact
from conversations.models import Conversation
from tests.conformance.shop import WAIT, note, say
from tests.factories_contacts import make_contact
from tests.factories_workflows import journal, looking, walk
from workflows.models import StepExecution

ASK = ("ask", "ask_question", {"text": "E-mail?", "question_type": "email", "save": {"variable": "mail"}})
VIP_ONLY = {
    "branches": [
        {
            "id": "vip",
            "name": "VIP",
            "conditions": [
                {"category": "contact_field", "field": {"slug": "plan"}, "operator": "eq", "values": ["gold"]}
            ],
        }
    ]
}


@pytest.mark.rule("S002.run.no_reentry", "S002.run.reentry_after_exit")
def test_whoever_is_inside_cannot_enter_again_until_they_have_left(shop, clock):
    shop.publish("conversation_opened", say("a", "welcome"), WAIT)
    contact = shop.hears()
    shop.closes(contact)
    shop.opens(contact)
    assert shop.verdicts("conversation_opened") == ["started", "already_in_workflow"]
    assert shop.said() == ["welcome"]
    clock.shift(timedelta(hours=2))
    walk()
    assert shop.ends() == ["completed"]
    assert shop.said() == ["welcome"], "the refused event is not made up for"
    shop.closes(contact)
    shop.opens(contact)
    assert shop.said() == ["welcome", "welcome"]


@pytest.mark.rule("S002.run.manual_close")
def test_closing_by_hand_does_not_end_the_run(shop, clock):
    shop.publish("conversation_opened", WAIT, say("a", "still here"))
    contact = shop.hears()
    shop.closes(contact)
    clock.shift(timedelta(hours=2))
    walk()
    assert shop.said() == ["still here"]


@pytest.mark.rule("S002.run.else_ends", "S002.run.empty_outlet_ends")
def test_else_without_steps_ends_the_run(shop):
    shop.publish(
        "conversation_opened",
        ("which", "branch", VIP_ONLY, {"vip": "a", "else": None}),
        say("a", "gold"),
    )
    shop.hears()
    assert shop.ends() == ["no_next_step:else"]
    assert shop.said() == []


@pytest.mark.rule("S002.run.failure_ends")
def test_a_wrong_answer_without_failure_steps_ends_the_run(shop, clock):
    shop.publish("conversation_opened", ASK, say("a", "thanks"))
    shop.hears()
    clock.shift(timedelta(seconds=5))
    shop.hears("no")
    assert shop.ends() == ["no_next_step:failure"]


@pytest.mark.rule("S002.run.fresh_data")
def test_what_people_change_meanwhile_shows_at_the_next_step(shop, clock):
    shop.publish("conversation_opened", WAIT, say("a", "You have $contact.plan"))
    contact = shop.hears()
    clock.shift(timedelta(minutes=59, seconds=59))
    shop.sets(contact, "plan", "gold")
    clock.shift(timedelta(seconds=2))
    walk()
    assert shop.said() == ["You have gold"]


@pytest.mark.rule("SP1.4.write_through", "SP2.6.field.next_step_sees", "SP2.4.branch.case")
def test_what_a_step_changes_the_next_one_sees(shop):
    change = {"updates": [{"field": {"slug": "plan"}, "value": " GOLD "}]}
    shop.publish(
        "conversation_opened",
        ("set", "update_contact_field", change),
        ("which", "branch", VIP_ONLY, {"vip": "a", "else": None}),
        say("a", "Your plan: $contact.plan"),
    )
    shop.hears()
    assert shop.said() == ["Your plan: GOLD"]


@pytest.mark.rule("S002.ask.no_reopen", "SP2.8.close.run_goes_on", "SP2.8.close.keeps_assignee")
def test_an_answer_after_closing_reopens_nothing(shop, clock):
    nora = shop.nora()
    shop.publish(
        "conversation_opened",
        ("to", "assign_to", {"user": {"id": nora.pk, "label": "Nora"}}),
        ("close", "close_conversation", {}),
        ASK,
        say("a", "thanks, $mail"),
    )
    shop.hears()
    clock.shift(timedelta(seconds=5))
    shop.hears("a@b.co")
    assert shop.said() == ["E-mail?", "thanks, a@b.co"]
    with looking(shop.workspace):
        assert list(Conversation.objects.values_list("status", flat=True)) == ["closed"]
        assert Contact.objects.get().assignee == nora


@pytest.mark.rule("SP1.5.latest_question")
def test_the_question_asked_last_takes_the_answer(shop, clock):
    shop.publish("conversation_opened", ASK, say("a", "first: $mail"))
    contact = shop.hears()
    clock.shift(timedelta(seconds=5))
    config = {"tags": [{"id": shop.vip.pk}]}
    shop.publish("contact_tag_updated", ASK, say("b", "second: $mail"), config=config)
    shop.tags(contact)
    clock.shift(timedelta(seconds=5))
    shop.hears("a@b.co")
    assert shop.said()[-1] == "second: a@b.co"
    clock.shift(timedelta(seconds=5))
    shop.hears("c@d.co")
    assert shop.said()[-1] == "first: c@d.co"


@pytest.mark.rule("SP2.11.wait.message_does_not_shorten", "SP2.11.wait.survives_restart")
def test_a_wait_ends_by_the_clock_alone_and_a_late_one_at_once(shop, clock):
    shop.publish("conversation_opened", WAIT, say("a", "an hour later"))
    shop.hears()
    clock.shift(timedelta(minutes=30))
    shop.hears("hurry up")
    assert shop.said() == []
    clock.shift(timedelta(days=3))
    walk()
    assert shop.said() == ["an hour later"]


@pytest.mark.rule("SP1.4.journal")
def test_every_visit_is_written_down(shop):
    shop.publish("conversation_opened", say("hello", "Hi $contact.firstname"), note("remark", "came in"))
    shop.hears()
    run = shop.runs()[0]
    with looking(shop.workspace):
        assert journal(run) == [("hello", "next"), ("remark", "next")]
        first = StepExecution.objects.get(run=run, seq=1)
    assert (first.step_type, first.step_name, first.status, first.error) == (
        "send_message",
        "hello",
        "done",
        "",
    )
    assert first.details["inputs"]["text"] == "Hi Ada"
    assert first.started_at is not None
    assert first.finished_at is not None


@pytest.mark.rule("SP3.1.erased")
def test_a_later_run_knows_nothing_of_an_earlier_one(shop, clock):
    shop.publish("conversation_opened", say("a", "[$mail]"), ASK, say("b", "[$mail]"))
    contact = shop.hears()
    clock.shift(timedelta(seconds=5))
    shop.hears("a@b.co")
    assert shop.said() == ["[]", "E-mail?", "[a@b.co]"]
    shop.closes(contact)
    shop.opens(contact)
    assert shop.said()[3:] == ["[]", "E-mail?"]


@pytest.mark.rule("SP3.5.assignee")
def test_the_assignee_is_known_at_once(shop):
    user = {"id": shop.nora().pk, "label": "Nora"}
    shop.publish(
        "conversation_opened",
        say("before", "[$assignee.email]"),
        ("to", "assign_to", {"user": user}),
        say("after", "[$assignee.email]"),
    )
    shop.hears()
    assert shop.said() == ["[]", f"[{shop.nora().email}]"]


@pytest.mark.rule("SP2.14.trigger.already_inside", "SP2.14.trigger.order", "S000.manual.links")
def test_a_contact_is_sent_into_another_workflow_once_while_inside(shop):
    child = shop.publish("manual", say("c", "child"), WAIT)
    target = {"workflow": {"id": child.pk, "label": "Child"}}
    shop.publish(
        "conversation_opened",
        ("go", "trigger_workflow", target),
        ("again", "trigger_workflow", target),
        say("p", "parent"),
    )
    shop.hears()
    assert sorted(shop.said()) == ["child", "parent"]
    assert shop.said() == ["parent", "child"], "the caller is put down before the child begins"
    assert len(shop.runs()) == 2


@pytest.mark.rule("SP2.1.send.blocked", "S004.send.no_channel")
def test_a_contact_who_cannot_be_written_to_is_a_failure(shop):
    config = {"tags": [{"id": shop.vip.pk}]}
    step = ("a", "send_message", {"default": {"text": "hi"}, "failure_branch": True})
    shop.publish(
        "contact_tag_updated",
        (*step, {"next": None, "message_failure": "b"}),
        note("b", "could not be sent"),
        config=config,
    )
    shop.tags(make_contact(shop.workspace))
    assert shop.noted() == ["could not be sent"]
    assert shop.said() == []


@pytest.mark.rule("SP2.9.comment.internal")
def test_a_comment_is_never_sent(shop):
    shop.publish("conversation_opened", note("a", "between us"))
    shop.hears()
    assert shop.noted() == ["between us"]
    assert shop.said() == []


@pytest.mark.rule("SP1.4.contact_deleted")
def test_the_runs_of_a_deleted_contact_end_with_it(shop, clock):
    shop.publish("conversation_opened", WAIT, say("a", "later"))
    contact = shop.hears()
    with looking(shop.workspace):
        contact.delete()
    clock.shift(timedelta(hours=2))
    walk()
    assert shop.runs() == []
