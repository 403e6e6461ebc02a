"""Workflows, the events that start them, and the runs that come of it."""

from __future__ import annotations

from workflows.models.event import Decision, Event
from workflows.models.pages import Timer, Trouble, Why
from workflows.models.run import ACTIVE, AGE, Enrolment, Run, StepExecution, Wait
from workflows.models.verdicts import fold, unfold
from workflows.models.workflow import Workflow, WorkflowVersion

__all__ = [
    "ACTIVE",
    "AGE",
    "Decision",
    "Enrolment",
    "Event",
    "Run",
    "StepExecution",
    "Timer",
    "Trouble",
    "Wait",
    "Why",
    "Workflow",
    "WorkflowVersion",
    "fold",
    "unfold",
]
