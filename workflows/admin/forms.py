"""The form of a workflow: its definition is JSON text, checked as a whole, and never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Value
from django.db.models.functions import Lower
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from workflows.admin.documents import (
    BadText,
    fingerprint,
    issue_lines,
    problem_lines,
    read_text,
    sample,
    write_text,
)
from workflows.definition.schema import InvalidDocument, parse_document
from workflows.models import Workflow
from workflows.services import InvalidDefinition, workflow_check
from workflows.services.workflow import MAX_WORKFLOWS

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Workflow]
else:
    _ModelForm = forms.ModelForm

ROWS: Final = 28
SEEN: Final = "seen"
EXIT_CHOICES: Final = (
    ("outgoing_message", gettext_lazy("A user writes to the contact")),
    (
        "incoming_message",
        gettext_lazy("The contact writes, other than to answer a question of this workflow"),
    ),
    ("manual_assignment", gettext_lazy("A user assigns the contact by hand")),
)


class WorkflowForm(_ModelForm):
    """Name and settings may change at any time, the definition only while the workflow is not published."""

    definition = forms.CharField(
        label=gettext_lazy("Definition"),
        strip=False,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": ROWS, "spellcheck": "false", "wrap": "off", "style": "max-width: none"}
        ),
    )
    exits = forms.BooleanField(
        label=gettext_lazy("Exit conditions"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy("End the run of a contact as soon as one of these happens."),
    )
    exit_on = forms.MultipleChoiceField(
        label=gettext_lazy("Ends on"),
        required=False,
        choices=EXIT_CHOICES,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Workflow
        fields = ("name", "description", "allow_stop_for_contact")
        labels = {"allow_stop_for_contact": gettext_lazy("Allow users to stop this workflow for a contact")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "definition" not in self.fields:
            return  # shown to somebody who may not edit
        field = self.fields["definition"]
        exits = self._stored_exits
        self.initial["exits"] = bool(exits.get("enabled"))
        self.initial["exit_on"] = [key for key, _label in EXIT_CHOICES if exits.get(key)]
        self.initial["definition"] = write_text(self._stored)
        self.initial[SEEN] = fingerprint(self.instance.draft)
        if self.instance.is_published:
            field.widget.attrs["readonly"] = "readonly"

    @property
    def _is_new(self) -> bool:
        return not self.instance.pk

    @cached_property
    def _stored(self) -> Any:
        return self.instance.draft or (sample() if self._is_new else {})

    @property
    def _stored_exits(self) -> dict[str, Any]:
        found = self.instance.exit_conditions
        return found if isinstance(found, dict) else {}

    @property
    def exit_conditions(self) -> dict[str, bool]:
        """The exit conditions as they are stored; ticks are kept while they are switched off."""
        ticked = self.cleaned_data["exit_on"]
        return {"enabled": self.cleaned_data["exits"]} | {key: key in ticked for key, _label in EXIT_CHOICES}

    @property
    def draft(self) -> dict[str, Any] | None:
        """The definition to be stored, or None if it is as it was."""
        found: dict[str, Any] = self.cleaned_data["definition"]
        return None if self._is_stored(found) else found

    def clean_name(self) -> str:
        """A name that no other workflow of the workspace has, whatever the case."""
        name = str(self.cleaned_data["name"]).strip()
        others = Workflow.objects.exclude(pk=self.instance.pk).annotate(lowered=Lower("name"))
        if others.filter(lowered=Lower(Value(name))).exists():
            raise ValidationError(_("Another workflow has this name."))
        return name

    def clean_definition(self) -> dict[str, Any]:
        """The document, without errors; else one line for each of them."""
        text = self.cleaned_data["definition"]
        try:
            found = read_text(text)
            if self._is_stored(found):
                return found
            self._refuse_published()
            parse_document(text)
            workflow_check(draft=found, workflow_id=self.instance.pk)
        except BadText as error:
            raise ValidationError(str(error)) from error
        except InvalidDocument as error:
            raise ValidationError(problem_lines(error.problems)) from error
        except InvalidDefinition as error:
            raise ValidationError(issue_lines(error.issues)) from error
        return found

    def clean(self) -> dict[str, Any]:
        """Refuse one workflow too many, and to write over what somebody else has saved meanwhile."""
        if self.cleaned_data.get("exits") and not self.cleaned_data.get("exit_on"):
            self.add_error("exit_on", _("Choose at least one, or switch exit conditions off."))
        if self._is_new and Workflow.objects.count() >= MAX_WORKFLOWS:
            raise ValidationError(_("Workflow limit reached (%(limit)d).") % {"limit": MAX_WORKFLOWS})
        current, seen = fingerprint(self.instance.draft), self.cleaned_data.get(SEEN)
        if (
            not self._is_new
            and seen
            and seen != current
            and not self._is_stored(self.cleaned_data.get("definition"))
        ):
            # The next attempt goes through: whoever makes it has been told.
            self.data = self.data.copy() if hasattr(self.data, "copy") else dict(self.data)
            self.data[self.add_prefix(SEEN)] = current
            self.add_error(
                "definition",
                _("Somebody else has changed the definition meanwhile. Save again to replace it with yours."),
            )
        return self.cleaned_data

    def _is_stored(self, found: Any) -> bool:
        # By their text: Python takes 1 and true for equal.
        return not self._is_new and fingerprint(found) == fingerprint(self.instance.draft)

    def _refuse_published(self) -> None:
        if self.instance.is_published:
            raise ValidationError(_("The workflow is published. Stop it to edit its definition."))
