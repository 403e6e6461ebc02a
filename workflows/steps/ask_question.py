"""Ask the contact something on the channel by which they last wrote, and wait for the answer.

A valid answer is kept (in a variable, a field, as a tag) and leads to ``success``; an invalid one leads to
``failure``, after as many further attempts as the settings allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from pydantic import Field
from pydantic.config import JsonDict

from workflows.contract import (
    FAILURE,
    MESSAGE_FAILURE,
    SUCCESS,
    TEXT_LIMIT,
    TIMEOUT,
    WEEK_SECONDS,
    CannotSend,
    Choice,
    Delivered,
    DeliveryFailed,
    Duration,
    Emission,
    End,
    InvalidAnswer,
    Known,
    Leave,
    Need,
    Outcome,
    Output,
    PluginConfig,
    Problem,
    QuestionSettings,
    QuestionType,
    Reply,
    Resume,
    SaveAnswer,
    SendMessage,
    StepConfig,
    StepContext,
    StepType,
    Template,
    Wait,
    always,
    message_text,
    question_types,
    save_answer,
    save_emissions,
    save_misfits,
    save_outputs,
    step_types,
    usable,
    when,
)

MAX_OPTIONS = 10
MAX_LABEL = 20
MIN_TIMEOUT = 60
MAX_ATTEMPTS = 5
ONLY_CHOICES: JsonDict = {"x-show-if": {"field": "question_type", "question": "takes_options"}}
ONLY_RANGES: JsonDict = {"x-show-if": {"field": "question_type", "question": "takes_range"}}


class Option(PluginConfig):
    """One answer to choose; its id never changes."""

    id: str = Field(
        min_length=1, max_length=40, description="Unchanging id", json_schema_extra={"x-widget": "id"}
    )
    label: str = Field(min_length=1, max_length=MAX_LABEL, description="What the contact sees")


class AskQuestionConfig(StepConfig):
    """Settings of Ask a question."""

    text: Template = Field(
        min_length=1, max_length=TEXT_LIMIT, title="Question", description="What the contact is asked"
    )
    question_type: str = Field(
        default="text",
        description="Which answers are valid",
        json_schema_extra={"x-options": "questions"},
    )
    options: tuple[Option, ...] = Field(
        default=(),
        max_length=MAX_OPTIONS,
        description="Answers to choose from",
        json_schema_extra=ONLY_CHOICES,
    )
    minimum: float | None = Field(default=None, description="Smallest number", json_schema_extra=ONLY_RANGES)
    maximum: float | None = Field(default=None, description="Largest number", json_schema_extra=ONLY_RANGES)
    save: SaveAnswer = Field(
        default=SaveAnswer(), title="Save response as", description="Where a valid answer is kept"
    )
    max_attempts: int = Field(
        default=1,
        ge=1,
        le=MAX_ATTEMPTS,
        title="Attempts",
        description="How often the contact may answer until the failure path is taken",
        json_schema_extra={"x-advanced": True},
    )
    retry_text: Template = Field(
        default="",
        max_length=TEXT_LIMIT,
        description="Sent after an invalid answer instead of the question",
        json_schema_extra={"x-advanced": True},
    )
    timeout_branch: bool = Field(
        default=False,
        title="Add timeout branch",
        description="Go on along an own path when no answer comes",
        json_schema_extra={"x-advanced": True},
    )
    timeout: Duration = Field(
        default=Duration(value=7, unit="days"),
        description="How long to wait for an answer, at most 7 days",
        json_schema_extra={"x-advanced": True},
    )
    failure_branch: bool = Field(
        default=False,
        title="Add message failure branch",
        description="Go on along an own path when the question cannot be sent",
        json_schema_extra={"x-advanced": True},
    )


@step_types.register("ask_question")
class AskQuestion(StepType[AskQuestionConfig]):
    label = "Ask a question"
    description = "Ask the contact something and keep the answer."
    icon = "circle-help"
    group = "messages"
    summary = "{text}"
    config_class = AskQuestionConfig
    outlet_rules = (
        always(SUCCESS),
        always(FAILURE),
        when(TIMEOUT, "timeout_branch"),
        when(MESSAGE_FAILURE, "failure_branch"),
    )
    needs = frozenset({Need.CHANNELS})
    breaks_cycles = True

    def needs_of(self, config: AskQuestionConfig) -> frozenset[Need]:
        return self.needs | {Need.TAGS} if config.save.tag else self.needs

    def breaks_cycle_at(self, outlet: str) -> bool:
        return outlet in {SUCCESS.id, FAILURE.id}

    def outputs(self, config: AskQuestionConfig) -> tuple[Output, ...]:
        return save_outputs(config.save)

    def problems(self, config: AskQuestionConfig) -> Iterator[Problem]:
        if config.question_type not in question_types:
            yield Problem("question_type", "This question type is not known.")
            return
        kind = question_types.get(config.question_type)
        if kind.takes_options:
            yield from _option_problems(config)
        if kind.takes_range and None not in (config.minimum, config.maximum) and _is_empty_range(config):
            yield Problem("maximum", "The maximum is below the minimum.")
        if config.save.tag and not kind.saves_tag:
            yield Problem("save.tag", "Answers of this type cannot become tags.")
        if not MIN_TIMEOUT <= config.timeout.seconds <= WEEK_SECONDS:
            yield Problem("timeout", "Choose between 1 minute and 7 days.")

    def misfits(self, config: AskQuestionConfig, known: Known) -> Iterator[Problem]:
        if config.question_type in question_types:
            yield from save_misfits("save", config.save, question_types.get(config.question_type), known)

    def emissions(self, config: AskQuestionConfig) -> Iterator[Emission]:
        yield Emission("message_created", {"sender_type": "flow"}, is_on_arrival=True)
        yield from save_emissions(config.save)

    def execute(self, ctx: StepContext, config: AskQuestionConfig) -> Outcome:
        return _ask(ctx, config, attempt=1)

    def resume(self, ctx: StepContext, config: AskQuestionConfig, resume: Resume) -> Outcome:
        match resume:
            case Reply():
                return _judge(ctx, config, resume)
            case DeliveryFailed():
                return _not_sent(ctx, config, resume.error)
            case Delivered():
                return Wait("question", until=_deadline(ctx), key=_message_key(ctx, _attempt(ctx)))
        _forget(ctx)
        if config.timeout_branch:
            return Leave(TIMEOUT.id)
        return End("timeout", "No answer came in time.")


def _option_problems(config: AskQuestionConfig) -> Iterator[Problem]:
    if not config.options:
        yield Problem("options", "Add at least one option.", "required")
    labels: set[str] = set()
    ids: set[str] = set()
    for index, option in enumerate(config.options):
        label = option.label.strip().casefold()
        if not label:
            yield Problem(f"options.{index}.label", "This is required.", "required")
        if label in labels or option.id in ids:
            yield Problem(f"options.{index}.label", "This option stands twice.", "duplicate")
        labels.add(label)
        ids.add(option.id)


def _is_empty_range(config: AskQuestionConfig) -> bool:
    return (config.minimum or 0) > (config.maximum or 0)


def _ask(ctx: StepContext, config: AskQuestionConfig, attempt: int) -> Outcome:
    try:
        channel = usable(ctx.contact, ctx.contact.last_channel)
    except CannotSend as reason:
        return _not_sent(ctx, config, str(reason))
    kind, settings = _type_of(config), _settings(config)
    has_buttons = channel.max_buttons > 0 or channel.max_list_rows > 0
    hint = "" if has_buttons else kind.hint(settings)
    template = config.retry_text if attempt > 1 and config.retry_text else config.text
    text = message_text(ctx, template, f"\n{hint}" if hint else "")
    key = _message_key(ctx, attempt)
    ctx.inputs["text"] = text
    ctx.effect(
        SendMessage(
            channel_id=channel.id,
            identity_id=channel.identity_id,
            key=key,
            text=text,
            choices=tuple(kind.choices(settings)),
        )
    )
    until = ctx.now + timedelta(seconds=config.timeout.seconds)
    _remember(ctx, attempt, until)
    return Wait("question", until=until, key=key)


def _judge(ctx: StepContext, config: AskQuestionConfig, reply: Reply) -> Outcome:
    today = ctx.now.astimezone(ctx.zone).date()
    try:
        value = _type_of(config).parse(reply, _settings(config), today)
    except InvalidAnswer as reason:
        ctx.note("invalid_answer", str(reason))
        if config.save.variable:
            ctx.set_variable(f"{config.save.variable}.raw", reply.text)
        attempt = _attempt(ctx)
        if attempt < config.max_attempts:
            return _ask(ctx, config, attempt + 1)
        _forget(ctx)
        return Leave(FAILURE.id)
    _forget(ctx)
    save_answer(ctx, config.save, _type_of(config), value)
    return Leave(SUCCESS.id)


def _not_sent(ctx: StepContext, config: AskQuestionConfig, reason: str) -> Outcome:
    _forget(ctx)
    ctx.note("message_failed", reason)
    return Leave(MESSAGE_FAILURE.id) if config.failure_branch else End("message_failed", reason)


def _type_of(config: AskQuestionConfig) -> QuestionType:
    return question_types.get(config.question_type)()


def _settings(config: AskQuestionConfig) -> QuestionSettings:
    options = tuple(Choice(option.id, option.label) for option in config.options)
    return QuestionSettings(options, config.minimum, config.maximum)


def _message_key(ctx: StepContext, attempt: int) -> str:
    return f"{ctx.key}:m{attempt}"


# Attempt and deadline outlive the burst in the run's variables, under names no template can write.
def _remember(ctx: StepContext, attempt: int, until: datetime) -> None:
    ctx.variables[f"#{ctx.step_id}.attempt"] = attempt
    ctx.variables[f"#{ctx.step_id}.until"] = until.isoformat()


def _forget(ctx: StepContext) -> None:
    ctx.variables.pop(f"#{ctx.step_id}.attempt", None)
    ctx.variables.pop(f"#{ctx.step_id}.until", None)


def _attempt(ctx: StepContext) -> int:
    return int(ctx.variables.get(f"#{ctx.step_id}.attempt") or 1)


def _deadline(ctx: StepContext) -> datetime:
    stored = ctx.variables.get(f"#{ctx.step_id}.until")
    return datetime.fromisoformat(str(stored)) if stored else ctx.now + timedelta(seconds=WEEK_SECONDS)
