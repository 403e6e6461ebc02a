from __future__ import annotations

import copy
import pickle

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError, ValidationError
from django.db import connection, models
from django.db.migrations.writer import MigrationWriter
from pydantic import ValidationError as SchemaError

from isflow.infra import rotation
from isflow.infra.crypto import DecryptionError, open_text, parse_keys, rotate, seal_text
from isflow.infra.fields import PydanticField, Stored
from isflow.infra.rotation import rotate_all
from tests.infra.samples import Sample, Shape

OLD = f"old:{Fernet.generate_key().decode()}"
NEW = f"new:{Fernet.generate_key().decode()}"
FOREIGN = f"foreign:{Fernet.generate_key().decode()}"


def stored(column):
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM "infra test sample" ORDER BY id')  # noqa: S608
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def _table(sample_table, db):
    pass


@pytest.mark.usefixtures("_table")
class TestPydanticField:
    def test_the_value_is_the_model_again(self):
        Sample.objects.create(shape=Shape(size=2, corners=("a", "b")), shapes=(Shape(), Shape(size=9)))
        got = Sample.objects.get()
        assert got.shape == Shape(size=2, corners=("a", "b"))
        assert got.shapes == (Shape(), Shape(size=9))
        assert got.maybe is None
        assert got.shape is got.shape

    def test_parsing_waits_until_the_value_is_read(self):
        pk = Sample.objects.create().pk
        with connection.cursor() as cursor:
            cursor.execute('UPDATE "infra test sample" SET shape = %s', ['{"size": "big"}'])
        got = Sample.objects.get(pk=pk)
        got.save()  # the broken text is kept as it is
        with pytest.raises(SchemaError):
            _ = got.shape

    def test_plain_json_is_checked_when_written(self):
        sample = Sample.objects.create(shape={"size": 3})
        sample.refresh_from_db()
        assert sample.shape == Shape(size=3)
        with pytest.raises(ValidationError):
            Sample.objects.create(shape={"colour": "red"})

    def test_a_deferred_value_is_fetched(self):
        Sample.objects.create(shape=Shape(size=4))
        assert Sample.objects.defer("shape").get().shape == Shape(size=4)

    def test_json_lookups_work(self):
        Sample.objects.create(shape=Shape(size=4))
        Sample.objects.create(shape=Shape(size=5))
        assert Sample.objects.get(shape__size=5).shape.size == 5
        assert Sample.objects.filter(shape=Shape(size=4)).count() == 1

    def test_bulk_writing_works(self):
        rows = Sample.objects.bulk_create([Sample(shape=Shape(size=n)) for n in range(3)])
        for row in rows:
            row.shape = Shape(size=row.shape.size + 10)
        Sample.objects.bulk_update(rows, ["shape"])
        Sample.objects.filter(shape__size=12).update(shape=Shape(size=0))
        assert [row.shape.size for row in Sample.objects.order_by("pk")] == [10, 11, 0]

    def test_validation_turns_json_into_the_model(self):
        sample = Sample(shape={"size": 3}, note="n")
        sample.clean_fields(exclude=["data", "at", "token", "price", "maybe", "secrets", "shapes", "secret"])
        assert sample.shape == Shape(size=3)
        sample.shape = {"size": "x"}
        with pytest.raises(ValidationError):
            sample.clean_fields()

    def test_an_unread_value_can_be_pickled(self):
        Sample.objects.create(shape=Shape(size=4))
        state = pickle.loads(pickle.dumps(Sample.objects.get().__dict__["shape"]))  # noqa: S301
        assert isinstance(state, Stored)

    def test_a_form_shows_json(self):
        field = Sample._meta.get_field("shape").formfield()
        assert field.prepare_value(Shape(size=4)) == '{"size": 4, "corners": []}'

    def test_values_are_dumped_as_json(self):
        assert Sample._meta.get_field("shape").value_to_string(Sample(shape=Shape(size=4))) == {
            "size": 4,
            "corners": [],
        }


def test_migrations_know_a_plain_json_column():
    field = PydanticField(schema=Shape, null=True)
    _, path, args, kwargs = field.deconstruct()
    assert (path, args, kwargs) == ("isflow.infra.fields.PydanticField", [], {"null": True})
    assert "isflow.infra.fields.PydanticField(null=True)" in MigrationWriter.serialize(field)[0]
    assert PydanticField(**kwargs).open(Stored('{"a": 1}')) == {"a": 1}
    assert copy.deepcopy(field).schema is Shape


@pytest.mark.usefixtures("_table")
class TestEncryptedFields:
    def test_values_come_back_and_are_not_readable_in_the_database(self):
        Sample.objects.create(secret="hush grüße", secrets={"key": ["hush"]})
        got = Sample.objects.get()
        assert got.secret == "hush grüße"
        assert got.secrets == {"key": ["hush"]}
        for column in ("secret", "secrets"):
            assert stored(column)[0].startswith("test$gAAAA")

    def test_null_stays_null(self):
        Sample.objects.create()
        assert stored("secrets") == [None]
        assert Sample.objects.get(secrets__isnull=True).secrets is None

    def test_looking_for_a_secret_is_refused(self):
        with pytest.raises(FieldError):
            Sample.objects.filter(secret="hush").count()

    def test_saving_an_unread_secret_keeps_its_text(self):
        Sample.objects.create(secret="hush")
        before = stored("secret")
        Sample.objects.get().save()
        assert stored("secret") == before

    def test_a_tampered_secret_fails_when_read(self):
        Sample.objects.create(secret="hush")
        Sample.objects.update(secret=models.Value(stored("secret")[0][:-6] + "AAAAA="))
        sample = Sample.objects.get()
        with pytest.raises(DecryptionError):
            _ = sample.secret

    def test_values_and_dumps_show_no_secret(self):
        sample = Sample.objects.create(secret="hush", secrets={"hush": 1})
        shown = [*Sample.objects.values_list("secret", "secrets").get()]
        shown += [Sample._meta.get_field(name).value_to_string(sample) for name in ("secret", "secrets")]
        assert not any("hush" in text for text in shown)

    def test_bulk_writing_works(self):
        rows = Sample.objects.bulk_create([Sample(secret=str(n), secrets=n) for n in range(3)])
        for row in rows:
            row.secret += "!"
        Sample.objects.bulk_update(rows, ["secret"])
        Sample.objects.filter(pk=rows[0].pk).update(secrets={"a": 1})
        got = Sample.objects.order_by("pk")
        assert [(row.secret, row.secrets) for row in got] == [("0!", {"a": 1}), ("1!", 1), ("2!", 2)]


class TestKeys:
    def test_the_first_key_encrypts_and_all_decrypt(self, settings):
        settings.ISFLOW_ENCRYPTION_KEYS = [OLD]
        text = seal_text("hush")
        settings.ISFLOW_ENCRYPTION_KEYS = [NEW, OLD]
        assert open_text(text) == "hush"
        assert seal_text("hush").startswith("new$")
        rotated = rotate(text)
        assert rotated.startswith("new$")
        assert rotate(rotated) == rotated
        settings.ISFLOW_ENCRYPTION_KEYS = [NEW]
        assert open_text(rotated) == "hush"
        with pytest.raises(DecryptionError, match="old"):
            open_text(text)

    @pytest.mark.parametrize("text", ["", "plain", "test$", "test$garbage", "test$gAAAAA==", "nobody$x"])
    def test_anything_else_is_not_opened(self, text):
        with pytest.raises(DecryptionError):
            open_text(text)

    @pytest.mark.parametrize(
        "entries", [(), ("noid",), (":x",), ("a:short",), (OLD, OLD), ("a$b:" + OLD[4:],)]
    )
    def test_broken_keys_are_refused_without_showing_them(self, entries):
        with pytest.raises(Exception, match=r"key|KEY") as caught:
            parse_keys(entries)
        assert OLD[4:] not in str(caught.value)


@pytest.mark.usefixtures("_table")
class TestRotation:
    @pytest.fixture(autouse=True)
    def _only_samples(self, monkeypatch):
        class Registry:
            @staticmethod
            def get_models():
                return [Sample]

        monkeypatch.setattr(rotation, "apps", Registry)

    def test_all_rows_move_to_the_new_key_in_batches(self, settings):
        settings.ISFLOW_ENCRYPTION_KEYS = [OLD]
        Sample.objects.bulk_create([Sample(secret=f"s{n}", secrets=[n]) for n in range(5)])
        Sample.objects.create()
        settings.ISFLOW_ENCRYPTION_KEYS = [NEW, OLD]

        assert rotate_all(batch=2).changed == 11
        assert rotate_all(batch=2).changed == 0

        settings.ISFLOW_ENCRYPTION_KEYS = [NEW]
        got = Sample.objects.order_by("pk")
        assert [row.secret for row in got] == ["s0", "s1", "s2", "s3", "s4", ""]
        assert [row.secrets for row in got] == [[0], [1], [2], [3], [4], None]

    def test_an_unreadable_row_is_named_and_does_not_stop_the_others(self, settings):
        settings.ISFLOW_ENCRYPTION_KEYS = [FOREIGN]
        lost = Sample.objects.create(secret="lost")
        settings.ISFLOW_ENCRYPTION_KEYS = [OLD]
        Sample.objects.create(secret="kept")
        settings.ISFLOW_ENCRYPTION_KEYS = [NEW, OLD]

        result = rotate_all(batch=1)

        assert result.changed == 1
        assert result.unreadable == (f"infra.Sample.secret:{lost.pk}",)
