"""A contact's passage through a workflow, its journal, and what it waits for."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from isflow.workspaces.scope import ScopedModel
from workflows.models.workflow import Workflow, WorkflowVersion

AGE = Func(F("id"), template="(-%(expressions)s)", output_field=models.BigIntegerField())
"""Order of the lists of runs, newest first. By the id itself the database would read the whole table from its
end, because rows of one sort may lie anywhere; by this it takes the index made for the list."""


class Run(ScopedModel):
    """One passage. Where it stands is ``step_id``; ``wake_at`` says when a worker should look at it.

    A claim moves ``wake_at`` to the end of the lease, so an abandoned run comes due by itself.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("Running")
        WAITING = "waiting", _("Waiting")
        HELD = "held", _("Held")
        ENDED = "ended", _("Ended")

    class Phase(models.TextChoices):
        """What is to be done at the step where the run stands."""

        ENTER = "enter", _("Entering")
        WAIT = "wait", _("Waiting")
        CALL = "call", _("Calling")

    # An index below begins with each of these three; every index is written again with every move of a run.
    workspace = models.ForeignKey(
        "workspaces.Workspace", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="runs", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="runs", db_index=False)
    version = models.ForeignKey(WorkflowVersion, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.RUNNING)
    end_reason = models.CharField(_("end reason"), max_length=64, blank=True)
    end_message = models.CharField(max_length=500, blank=True)

    step_id = models.CharField(max_length=40, blank=True)
    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.ENTER)
    seq = models.PositiveIntegerField(default=0)
    variables = models.JSONField(default=dict)

    wake_at = models.DateTimeField(null=True)
    lease_token = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    lost_leases = models.PositiveSmallIntegerField(default=0)

    depth = models.PositiveSmallIntegerField(default=0)
    event_id = models.BigIntegerField(null=True)
    parent_run_id = models.BigIntegerField(null=True)
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "contact"],
                condition=~Q(status="ended"),
                name="run_one_active_per_contact",
            )
        ]
        indexes = [
            models.Index(
                fields=["workspace", "wake_at", "id"], condition=Q(wake_at__isnull=False), name="run_due"
            ),
            models.Index(
                fields=["workspace", "wake_at", "id"],
                condition=Q(lease_until__isnull=False),
                name="run_leased",
            ),
            models.Index(fields=["contact", "-started_at"], name="run_of_contact"),
            models.Index("workspace", AGE, name="run_newest"),
            models.Index("workflow", AGE, name="run_newest_of_workflow"),
            models.Index("workspace", AGE, condition=~Q(status="ended"), name="run_newest_active"),
            models.Index("workspace", AGE, condition=Q(status="ended"), name="run_newest_ended"),
            models.Index(
                "workspace", "end_reason", AGE, condition=Q(status="ended"), name="run_newest_by_reason"
            ),
            models.Index(fields=["workspace", "ended_at"], condition=Q(status="ended"), name="run_ended"),
            models.Index(fields=["workflow", "contact", "-started_at"], name="run_recent_starts"),
            models.Index(
                fields=["workspace", "-id"], condition=Q(end_reason="quarantined"), name="run_quarantined"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id}/{self.contact_id} #{self.pk}"


ACTIVE = (Run.Status.RUNNING, Run.Status.WAITING, Run.Status.HELD)


class StepExecution(ScopedModel):
    """One visit of a run to a step: the journal row, and before an outside call the stored intent.

    ``acknowledged_at``: when a person has dealt with an outcome that nobody knows.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        INTENT = "intent", _("Calling")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        UNKNOWN = "unknown", _("Unknown")
        CANCELLED = "cancelled", _("Cancelled")

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="executions")
    seq = models.PositiveIntegerField()
    step_id = models.CharField(max_length=40)
    step_type = models.CharField(max_length=64)
    step_name = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices)
    outlet = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict)
    error = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("step execution")
        verbose_name_plural = _("step executions")
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="step_execution_once")]
        indexes = [
            models.Index(
                fields=["workspace", "-id"],
                condition=Q(status="unknown", acknowledged_at__isnull=True),
                name="step_execution_unknown",
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id}.{self.seq} {self.step_type}"


class Wait(ScopedModel):
    """What a run waits for. One row, one winner.

    Reply, timeout, delivery, exit and stop all try the same compare-and-set on ``status``.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        RESOLVED = "resolved", _("Resolved")
        CANCELLED = "cancelled", _("Cancelled")

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="waits")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)
    key = models.CharField(max_length=64, blank=True)
    wake_at = models.DateTimeField()
    opened_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OPEN)
    resolution = models.JSONField(null=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("wait")
        verbose_name_plural = _("waits")
        constraints = [
            models.UniqueConstraint(fields=["run"], condition=Q(status="open"), name="wait_one_open_per_run")
        ]
        indexes = [
            models.Index(
                fields=["contact", "-opened_at"], condition=Q(status="open"), name="wait_open_of_contact"
            ),
            models.Index(fields=["run", "-id"], name="wait_of_run"),
            models.Index(fields=["key"], condition=Q(status="open"), name="wait_open_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of run {self.run_id}"


class Enrolment(ScopedModel):
    """The lasting fact that a contact once entered a workflow."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="enrolments")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [models.UniqueConstraint(fields=["workflow", "contact"], name="enrolment_once")]

    def __str__(self) -> str:
        return f"{self.workflow_id}/{self.contact_id}"
