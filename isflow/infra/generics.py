"""Lets Django classes be written with type parameters, as type checkers want them (``ModelForm[User]``)."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import BaseModelAdmin
from django.forms.formsets import BaseFormSet
from django.forms.models import BaseModelForm
from django.views.generic.detail import SingleObjectMixin
from django.views.generic.edit import FormMixin
from django.views.generic.list import MultipleObjectMixin

GENERIC: tuple[Any, ...] = (
    BaseModelForm,
    BaseFormSet,
    BaseModelAdmin,
    FormMixin,
    SingleObjectMixin,
    MultipleObjectMixin,
)


def make_subscriptable() -> None:
    """Give each of these classes a ``[...]`` that returns the class itself."""
    for cls in GENERIC:
        if not hasattr(cls, "__class_getitem__"):
            cls.__class_getitem__ = classmethod(lambda cls, *_: cls)
