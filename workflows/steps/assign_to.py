"""Give the contact to a user, or take the assignment away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from workflows.contract import (
    NEXT,
    Assign,
    Emission,
    Leave,
    Need,
    Outcome,
    Problem,
    StepConfig,
    StepContext,
    StepType,
    UserRef,
    step_types,
)


class AssignToConfig(StepConfig):
    """Settings of Assign to."""

    action: Literal["user", "unassign"] = Field(default="user", description="Who gets the contact")
    user: UserRef | None = Field(
        default=None,
        description="User who gets the contact",
        json_schema_extra={"x-show-if": {"field": "action", "equals": "user"}},
    )


@step_types.register("assign_to")
class AssignTo(StepType[AssignToConfig]):
    label = "Assign to"
    description = "Assign the contact to a user, or unassign it."
    icon = "user-round-check"
    group = "conversation"
    summary = "{action}: {user.label}"
    config_class = AssignToConfig
    needs = frozenset({Need.ASSIGNEE})

    def problems(self, config: AssignToConfig) -> Iterator[Problem]:
        if config.action == "user" and config.user is None:
            yield Problem("user", "Choose a user.", "required")

    def emissions(self, config: AssignToConfig) -> Iterator[Emission]:
        if config.action != "unassign":
            yield Emission("participant_added", {"type": "user"})
        yield Emission("participant_removed", {"type": "user"})

    def execute(self, ctx: StepContext, config: AssignToConfig) -> Outcome:
        user = config.user if config.action == "user" else None
        if config.action == "user" and user is None:
            ctx.note("unknown_user", "The step names no user.")
        elif user is not None and ctx.snapshot.users and user.id not in ctx.snapshot.users:
            ctx.note("unknown_user", f"The user “{user.label or user.id}” is not in the workspace any more.")
        elif ctx.contact.assignee_id != (user.id if user else None):
            ctx.effect(Assign(user.id if user else None))
        return Leave(NEXT.id)
