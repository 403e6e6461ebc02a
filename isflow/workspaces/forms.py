"""What people type on the pages of this app."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

from isflow.workspaces.access import APPLIES_TO, Restriction, grantable_roles
from isflow.workspaces.models import Membership, Role, Team, User, Workspace
from isflow.workspaces.notifications import KINDS, wants_bell, wants_email
from isflow.workspaces.services.workspaces import Person


def zone_choices() -> list[tuple[str, str]]:
    """Return all time zones by name, without the historic short ones."""
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class PersonForm(forms.Form):
    """A new person's name and password; the address is known from elsewhere."""

    first_name = forms.CharField(label=_("First name"), max_length=100)
    last_name = forms.CharField(label=_("Last name"), max_length=100, required=False)
    password = forms.CharField(
        label=_("Password"),
        help_text=_("At least 8 characters, and not a common one."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        """Judge the password knowing whose it is."""
        data = super().clean() or self.cleaned_data
        if data.get("password"):
            user = User(
                email=self.address(),
                first_name=data.get("first_name", ""),
                last_name=data.get("last_name", ""),
            )
            try:
                validate_password(data["password"], user)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return data

    def address(self) -> str:
        """Return the person's e-mail address, if this form knows it."""
        return str(self.cleaned_data.get("email", ""))

    def person(self, email: str) -> Person:
        """Return what was typed as the person to create."""
        data = self.cleaned_data
        return Person(email, data["password"], data["first_name"], data["last_name"])


class SetupForm(PersonForm):
    """The first owner and the first workspace."""

    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    workspace_name = forms.CharField(
        label=_("Workspace"), max_length=100, help_text=_("The name of your business or team.")
    )
    timezone = forms.ChoiceField(label=_("Time zone"), choices=zone_choices)

    field_order = [
        "first_name",
        "last_name",
        "email",
        "password",
        "workspace_name",
        "timezone",
    ]


class WorkspaceCreateForm(forms.Form):
    """A further workspace."""

    name = forms.CharField(label=_("Name"), max_length=100)
    timezone = forms.ChoiceField(label=_("Time zone"), choices=zone_choices)


class WorkspaceForm(forms.ModelForm[Workspace]):
    """The settings of a workspace."""

    timezone = forms.ChoiceField(
        label=_("Time zone"),
        choices=zone_choices,
        help_text=_("Used for reports, business hours and dates in messages."),
    )

    class Meta:
        model = Workspace
        fields = (
            "name",
            "timezone",
            "closing_notes",
            "presence_timeout_minutes",
            "webhook_rate_limit",
            "keep_runs_days",
            "keep_events_days",
            "keep_deliveries_days",
        )
        help_texts = {
            "closing_notes": _("What an agent must leave when closing a conversation."),
            "presence_timeout_minutes": _("Agents without activity for this long go offline (1 to 60)."),
            "webhook_rate_limit": _("Further calls to the same webhook are refused until the next second."),
            "keep_runs_days": _("Older runs and their journals are deleted; who was enrolled stays known."),
            "keep_events_days": _("Older events are deleted, with what each workflow made of them."),
            "keep_deliveries_days": _("Older calls of providers are deleted; their messages stay."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bounds = {"presence_timeout_minutes": (1, 60), "webhook_rate_limit": (1, 1_000)}
        bounds |= dict.fromkeys(("keep_runs_days", "keep_events_days", "keep_deliveries_days"), (1, 3_650))
        for name, (low, high) in bounds.items():
            field = self.fields[name]
            field.validators += [MinValueValidator(low), MaxValueValidator(high)]
            field.widget.attrs.update(min=low, max=high)


class InviteForm(forms.Form):
    """An invitation; only roles that the inviter may give."""

    email = forms.EmailField(
        label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = [(role.value, role.label) for role in grantable_roles(by)]
        self.fields["role"] = forms.ChoiceField(label=_("Role"), choices=roles, initial=Role.AGENT)


class MemberForm(forms.Form):
    """Another member's access; only what the one who edits may give."""

    def __init__(self, *args: Any, by: Membership, member: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = grantable_roles(by)
        codes = [code for code in Restriction if any(role in APPLIES_TO[code] for role in roles)]
        self.initial = {"role": member.role, "team": member.team_id, "restrictions": member.restrictions}
        self.fields["role"] = forms.ChoiceField(
            label=_("Role"), choices=[(role.value, role.label) for role in roles]
        )
        self.fields["team"] = forms.ModelChoiceField(
            label=_("Team"), queryset=Team.objects.order_by("name"), required=False, empty_label=_("No team")
        )
        self.fields["restrictions"] = forms.MultipleChoiceField(
            label=_("Restrictions"),
            choices=[(code.value, code.label) for code in codes],
            required=False,
            widget=forms.CheckboxSelectMultiple,
        )


class TeamForm(forms.Form):
    """A team's name and purpose."""

    name = forms.CharField(label=_("Name"), max_length=100)
    description = forms.CharField(label=_("Description"), max_length=300, required=False)


class ProfileForm(forms.ModelForm[User]):
    """A person's own name."""

    class Meta:
        model = User
        fields = ("first_name", "last_name")


class NotificationForm(forms.Form):
    """Which kinds of notification a member wants, and how."""

    def __init__(self, *args: Any, member: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in KINDS.values():
            for way, wanted in (("bell", wants_bell), ("email", wants_email)):
                self.fields[f"{kind.key}-{way}"] = forms.BooleanField(
                    label=kind.label, required=False, initial=wanted(member, kind.key)
                )

    def rows(self) -> list[tuple[str, forms.BoundField, forms.BoundField]]:
        """Return label, bell and e-mail boxes of each kind, for a table."""
        return [(str(kind.label), self[f"{key}-bell"], self[f"{key}-email"]) for key, kind in KINDS.items()]

    def settings(self) -> dict[str, dict[str, bool]]:
        """Return the choice as it is stored."""
        return {key: {way: self.cleaned_data[f"{key}-{way}"] for way in ("bell", "email")} for key in KINDS}
