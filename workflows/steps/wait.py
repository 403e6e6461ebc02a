"""Pause for a length of time. Messages do not shorten the wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pydantic import Field

from workflows.contract import (
    NEXT,
    WEEK_SECONDS,
    Duration,
    Leave,
    Outcome,
    Problem,
    Resume,
    StepConfig,
    StepContext,
    StepType,
    step_types,
)
from workflows.contract import Wait as Waiting


class WaitConfig(StepConfig):
    """Settings of Wait."""

    duration: Duration = Field(
        default=Duration(value=5, unit="minutes"), title="Wait for", description="How long, at most 7 days"
    )


@step_types.register("wait")
class Wait(StepType[WaitConfig]):
    label = "Wait"
    description = "Pause before the next step."
    icon = "timer"
    group = "logic"
    summary = "{duration.value} {duration.unit}"
    config_class = WaitConfig

    def problems(self, config: WaitConfig) -> Iterator[Problem]:
        if config.duration.seconds > WEEK_SECONDS:
            yield Problem("duration", "A wait lasts at most 7 days.")

    def execute(self, ctx: StepContext, config: WaitConfig) -> Outcome:
        return Waiting("timer", until=ctx.now + timedelta(seconds=config.duration.seconds))

    def resume(self, ctx: StepContext, config: WaitConfig, resume: Resume) -> Outcome:
        return Leave(NEXT.id)
