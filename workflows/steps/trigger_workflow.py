"""Send the contact into another workflow. This run goes on, whether the other one starts or not."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from isflow.kernel.templates import names
from isflow.kernel.values import Scalar
from workflows.contract import (
    NEXT,
    TEXT_LIMIT,
    Emission,
    Known,
    Leave,
    Outcome,
    PluginConfig,
    Problem,
    StartRun,
    StepConfig,
    StepContext,
    StepType,
    Template,
    VariableName,
    WorkflowRef,
    step_types,
)

MAX_PASSED = 10


class PassedVariable(PluginConfig):
    """A value that the other workflow gets."""

    name: VariableName = Field(description="Name in the other workflow")
    value: Template = Field(default="", max_length=TEXT_LIMIT, description="Value; may use variables")


class TriggerWorkflowConfig(StepConfig):
    """Settings of Trigger another workflow."""

    workflow: WorkflowRef = Field(description="Workflow that the contact enters")
    start_step_id: str = Field(
        default="",
        max_length=40,
        title="Start from",
        description="Step at which the contact enters; empty for the beginning",
        json_schema_extra={"x-options": "steps_of_workflow", "x-of": "workflow"},
    )
    variables: tuple[PassedVariable, ...] = Field(
        default=(), max_length=MAX_PASSED, title="Pass variables", description="Values to hand over"
    )


@step_types.register("trigger_workflow")
class TriggerWorkflow(StepType[TriggerWorkflowConfig]):
    label = "Trigger another workflow"
    description = "Send the contact into another workflow."
    icon = "workflow"
    group = "logic"
    summary = "{workflow.label}"
    config_class = TriggerWorkflowConfig

    def problems(self, config: TriggerWorkflowConfig) -> Iterator[Problem]:
        seen: set[str] = set()
        for index, passed in enumerate(config.variables):
            if passed.name in seen:
                yield Problem(f"variables.{index}.name", "This name stands twice.", "duplicate")
            seen.add(passed.name)

    def misfits(self, config: TriggerWorkflowConfig, known: Known) -> Iterator[Problem]:
        if config.workflow.id == known.workflow_id:
            yield Problem("workflow", "A workflow cannot trigger itself.")
            return
        target = known.workflows.get(config.workflow.id)
        if target is None:
            return
        if target.trigger_key != "manual" and not config.start_step_id:
            yield Problem("workflow", "Choose a workflow with a manual trigger, or a step to start from.")
        if not target.is_published:
            message = "This workflow is not published; until it is, the step is passed over."
            yield Problem("workflow", message, "not_published", is_warning=True)
        elif config.start_step_id and config.start_step_id not in target.step_ids:
            yield Problem("start_step_id", "The workflow has no such step any more.", "unknown_step")

    def emissions(self, config: TriggerWorkflowConfig) -> Iterator[Emission]:
        yield Emission(
            "start_workflow", {"start_step_id": config.start_step_id}, workflow_id=config.workflow.id
        )

    def execute(self, ctx: StepContext, config: TriggerWorkflowConfig) -> Outcome:
        passed = {variable.name: _value(ctx, variable.value) for variable in config.variables}
        ctx.inputs["workflow"] = config.workflow.label or config.workflow.id
        ctx.inputs.update(passed)
        ctx.effect(StartRun(config.workflow.id, config.start_step_id or None, passed))
        return Leave(NEXT.id)


def _value(ctx: StepContext, template: str) -> Scalar:
    """A number stays a number where the template is nothing but one variable."""
    references = names(template)
    if len(references) == 1 and (references[0].start, references[0].end) == (0, len(template)):
        value = ctx.value(references[0].name)
        if value is not None:
            return value
    return ctx.render(template, drop_unknown=True) or None
