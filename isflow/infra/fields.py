"""Columns that hold pydantic models or encrypted values, opened when the attribute is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query_utils import DeferredAttribute
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, TypeAdapter
from pydantic import ValidationError as SchemaError

from isflow.infra.crypto import DecryptionError, open_text, seal_text

__all__ = ["DecryptionError", "EncryptedJSONField", "EncryptedTextField", "PydanticField", "Stored"]

T = TypeVar("T")

if TYPE_CHECKING:
    _JSONBase = models.JSONField[T, T]
    _SealedBase = models.TextField[T, T]
else:

    class _JSONBase(models.JSONField, Generic[T]):
        class Meta:
            abstract = True

    class _SealedBase(models.TextField, Generic[T]):
        class Meta:
            abstract = True


class Stored(str):
    """A column's text as the database holds it, not yet opened; what ``values()`` shows."""

    __slots__ = ()


class LazyAttribute(DeferredAttribute):
    """Keeps the stored text of a column until somebody reads the attribute."""

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        if instance is None:
            return self
        value = instance.__dict__.get(self.field.attname, self)
        if value is self:
            value = super().__get__(instance, cls)
        if isinstance(value, Stored):
            field: Any = self.field
            value = field.open(value)
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class _LazyField(models.Field[Any, Any] if TYPE_CHECKING else object):  # type: ignore[misc]
    """What all columns with a LazyAttribute share."""

    descriptor_class: Any = LazyAttribute

    def open(self, stored: Stored) -> Any:
        """Return the value behind the stored text."""
        raise NotImplementedError

    def from_db_value(self, value: str | None, *_: Any) -> Stored | None:
        return None if value is None else Stored(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001 - Django's signature
        # What nobody opened is written back as it is.
        value = model_instance.__dict__.get(self.attname)
        return value if isinstance(value, Stored) else super().pre_save(model_instance, add)


class PydanticEncoder(DjangoJSONEncoder):
    """Writes pydantic models as JSON objects, so that forms and the admin can show them."""

    def default(self, o: Any) -> Any:
        return o.model_dump(mode="json", by_alias=True) if isinstance(o, BaseModel) else super().default(o)


class PydanticField(_LazyField, _JSONBase[T]):
    """A JSON column whose value is a frozen pydantic model (or any type pydantic knows, except str).

    Stored text is parsed strictly, as JSON. Reading text that does not fit raises pydantic's error.
    Migrations know a plain JSON column: there ``schema`` is missing and the value is ordinary JSON.
    With ``null=True`` say so to the type checker: ``PydanticField[Schema | None](schema=Schema, null=True)``.
    """

    def __init__(self, *args: Any, schema: type[T] | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("encoder", PydanticEncoder)
        super().__init__(*args, **kwargs)
        self.schema = schema
        self._adapter: TypeAdapter[T] | None = None

    @property
    def adapter(self) -> TypeAdapter[T]:
        """The parser of the schema, built on first use: the schema may name classes defined later."""
        if self._adapter is None:
            if self.schema is None:
                raise TypeError("This column has no schema.")
            self._adapter = TypeAdapter(self.schema)
        return self._adapter

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("encoder", None)
        return name, path, args, kwargs

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # Parsers cannot be copied; the copy builds its own.
        copied = super().__deepcopy__(memo)
        copied._adapter = None  # noqa: SLF001
        return copied

    def open(self, stored: str) -> Any:
        return json.loads(stored) if self.schema is None else self.adapter.validate_json(stored)

    def to_python(self, value: Any) -> Any:
        """Turn plain JSON (from a form or fixture) into the model, or raise Django's ValidationError."""
        if self.schema is None or value is None or isinstance(value, BaseModel):
            return value
        text = value if isinstance(value, Stored) else json.dumps(value, cls=PydanticEncoder)
        try:
            return self.adapter.validate_json(text)
        except SchemaError as error:
            raise ValidationError(_("This value is not valid."), code="invalid") from error

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        models.Field.validate(self, value, model_instance)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002
        if isinstance(value, Stored):
            return str(value)
        if value is None or hasattr(value, "as_sql") or (prepared and not isinstance(value, BaseModel)):
            # Look-ups come here with parts of the JSON, which need not fit the schema.
            return super().get_db_prep_value(value, connection, prepared)
        return self._text(value)

    def value_to_string(self, obj: models.Model) -> Any:
        value = self.value_from_object(obj)
        return None if value is None else json.loads(self._text(value))

    def _text(self, value: Any) -> str:
        """Return the JSON text of a value."""
        if isinstance(value, BaseModel):
            return value.model_dump_json(by_alias=True)
        if self.schema is None:
            return json.dumps(value, cls=PydanticEncoder)
        # Plain JSON is let in as well, after it has proved to fit.
        return self.adapter.dump_json(self.to_python(value), by_alias=True).decode()


class _SealedField(_LazyField, _SealedBase[T]):
    """A text column whose content is encrypted with the first key and knows the key's id."""

    def seal(self, value: Any) -> str:
        """Return the stored text for a value."""
        raise NotImplementedError

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return str(value) if isinstance(value, Stored) else self.seal(value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow only ``isnull``: the same value is stored differently each time."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def value_to_string(self, obj: models.Model) -> str:
        """Return the stored text: a dump of the data must not contain the secret."""
        value = self.pre_save(obj, add=False)
        return "" if value is None else str(self.get_prep_value(value))


class EncryptedTextField(_SealedField[str]):
    """A text that is encrypted in the database. Reading it raises DecryptionError if it was tampered with."""

    def open(self, stored: Stored) -> str:
        return open_text(stored)

    def seal(self, value: Any) -> str:
        return seal_text(str(value))


class EncryptedJSONField(_SealedField[Any]):
    """A JSON value, encrypted in the database. Reading it raises DecryptionError if it was tampered with."""

    def open(self, stored: Stored) -> Any:
        return json.loads(open_text(stored))

    def seal(self, value: Any) -> str:
        return seal_text(json.dumps(value, cls=PydanticEncoder))
