from __future__ import annotations

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Workflows"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from isflow.infra.plugins import discover
        from workflows import wiring
        from workflows.contract import question_types, step_types, trigger_types

        discover("workflows.questions", "questions", question_types)
        discover("workflows.steps", "steps", step_types)
        discover("workflows.triggers", "triggers", trigger_types)
        wiring.connect()
