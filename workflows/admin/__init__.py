"""Admin pages of workflows, their runs, and the events that started them."""

from __future__ import annotations

from workflows.admin.attention import TroubleAdmin
from workflows.admin.event import DecisionAdmin, EventAdmin
from workflows.admin.operator import TimerAdmin
from workflows.admin.records import EnrolmentAdmin, StepExecutionAdmin, WaitAdmin, WorkflowVersionAdmin
from workflows.admin.run import RunAdmin
from workflows.admin.why import WhyAdmin
from workflows.admin.workflow import WorkflowAdmin

__all__ = [
    "DecisionAdmin",
    "EnrolmentAdmin",
    "EventAdmin",
    "RunAdmin",
    "StepExecutionAdmin",
    "TimerAdmin",
    "TroubleAdmin",
    "WaitAdmin",
    "WhyAdmin",
    "WorkflowAdmin",
    "WorkflowVersionAdmin",
]
