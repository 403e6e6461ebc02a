from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from isflow.workspaces.broadcast import captured_broadcasts
from isflow.workspaces.models import AuditEntry, Membership, Notification, Role
from isflow.workspaces.models.workspace import AppendOnlyError
from isflow.workspaces.notifications import managers_of, notifications_mark_read, notify, send_due_mails
from isflow.workspaces.scope import all_workspaces, workspace_scope
from isflow.workspaces.tasks import send_notifications
from tests.factories import make_member, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member():
    return make_member(make_workspace())


def tell(member, kind="mention", **fields):
    told = {"user_ids": [member.user_id], "kind": kind, "title": "Bob mentioned you", **fields}
    return notify(workspace_id=member.workspace_id, **told)


def choose(member, **settings):
    with workspace_scope(member.workspace_id):
        Membership.objects.filter(pk=member.pk).update(notification_settings=settings)


def test_a_mention_rings_the_bell_at_once_and_is_mailed_later(member, hints):
    with captured_broadcasts() as sent:
        tell(member, body="Please look", url="/w/acme/inbox/5/")
    frame = sent[0].message["frames"][0]
    assert (frame["s"], frame["k"], frame["n"]) == (f"user:{member.user_id}", "notification.created", 1)
    assert mail.outbox == []
    assert "notify" in hints
    send_notifications()
    (letter,) = mail.outbox
    assert letter.to == [member.user.email]
    assert letter.subject == "[Acme] Bob mentioned you"
    assert "http://127.0.0.1:8000/w/acme/inbox/5/" in letter.body
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"
    send_notifications()
    assert len(mail.outbox) == 1


def test_members_choose_what_they_get(member):
    choose(member, mention={"bell": True, "email": False}, assigned={"bell": False, "email": True})
    (shown,) = tell(member)
    (mailed,) = tell(member, "assigned")
    choose(member, mention={"bell": False, "email": False})
    assert tell(member) == []
    assert (shown.email_wanted, mailed.email_wanted, mailed.read_at is None) == (False, True, False)
    send_due_mails()
    assert len(mail.outbox) == 1


def test_only_active_members_are_told(member):
    stranger = make_member(make_workspace("beta"))
    gone = make_member(member.workspace)
    gone.user.is_active = False
    gone.user.save()
    ids = [member.user_id, stranger.user_id, gone.user_id, 999_999]
    rows = notify(workspace_id=member.workspace_id, user_ids=ids, kind="mention", title="x")
    assert [row.user_id for row in rows] == [member.user_id]


def test_many_are_told_in_few_statements(member, django_assert_max_num_queries):
    others = [make_member(member.workspace).user_id for _ in range(20)]
    with django_assert_max_num_queries(6):
        notify(workspace_id=member.workspace_id, user_ids=others, kind="mention", title="x")


def test_a_line_break_in_a_title_does_not_break_the_mail(member):
    tell(member, title="Hi\r\nBcc: everybody@x.example")
    send_due_mails()
    assert mail.outbox[0].subject == "[Acme] Hi Bcc: everybody@x.example"


def test_a_mail_that_fails_is_tried_again_and_in_the_end_given_up(member, monkeypatch):
    tell(member)

    def fail(self, messages):
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(EmailBackend, "send_messages", fail)
        assert send_due_mails() == 1
    assert send_due_mails() == 1
    assert len(mail.outbox) == 1
    (row,) = tell(member)
    with all_workspaces():
        Notification.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=2))
    assert send_due_mails() == 0


def test_reading_tells_the_other_tabs(member):
    first, _ = tell(member), tell(member)
    with workspace_scope(member.workspace_id), captured_broadcasts() as sent:
        assert notifications_mark_read(membership=member, notification_id=first[0].pk) == 1
        assert notifications_mark_read(membership=member, notification_id=first[0].pk) == 1
        assert notifications_mark_read(membership=member) == 0
    assert [item.message["frames"][0]["d"] for item in sent] == [{"unread": 1}, {"unread": 0}]


def test_failures_go_to_owners_and_managers(member):
    boss = make_member(member.workspace, Role.OWNER)
    assert managers_of(member.workspace_id) == [boss.user_id]


@pytest.mark.rule("DS9.audit")
def test_the_audit_log_only_grows(member):
    entry = AuditEntry.objects.create(action="x")
    entry.action = "y"
    for forbidden in (entry.save, entry.delete, AuditEntry.objects.all().delete):
        with pytest.raises(AppendOnlyError):
            forbidden()
    with pytest.raises(AppendOnlyError):
        AuditEntry.objects.update(action="y")
    assert AuditEntry.objects.get().action == "x"
