from __future__ import annotations

import hashlib
import threading

import pytest

from isflow.kernel.actor import SOURCES, Actor, acting_as, current_actor
from isflow.kernel.errors import Conflict, DomainError, Forbidden, NotFound, Permanent, Rejected, Transient
from isflow.kernel.ids import effect_key, new_token, slugify_name, token_digest
from isflow.kernel.retry import backoff_seconds


@pytest.mark.parametrize(
    ("kind", "code"),
    [(Rejected, "rejected"), (Conflict, "conflict"), (NotFound, "not_found"), (Forbidden, "forbidden")],
)
def test_a_refusal_has_a_code_and_a_message(kind, code):
    error = kind("Not today")

    assert isinstance(error, DomainError)
    assert (error.code, error.message, str(error)) == (code, "Not today", "Not today")
    assert kind("Not today", code="closed").code == "closed"
    assert str(kind()) == code


@pytest.mark.parametrize("kind", [Transient, Permanent])
def test_a_failure_outside_has_a_message_and_is_no_refusal(kind):
    assert kind("Connection refused").message == "Connection refused"
    assert not issubclass(kind, DomainError)


def test_without_a_name_the_system_acts():
    assert current_actor() == Actor()
    assert current_actor().source == "system"


def test_actors_nest_and_end_even_after_an_error():
    outer, inner = Actor("user", user_id=1, name="Ada"), Actor("workflow", run_id=2, depth=1)

    def fail():
        with acting_as(inner):
            assert current_actor() is inner
            raise RuntimeError

    with acting_as(outer):
        with pytest.raises(RuntimeError):
            fail()
        assert current_actor() is outer
    assert current_actor() == Actor()


def test_another_thread_does_not_inherit_the_actor():
    seen = []
    with acting_as(Actor("user", user_id=1)):
        thread = threading.Thread(target=lambda: seen.append(current_actor()))
        thread.start()
        thread.join()

    assert seen == [Actor()]


def test_an_unknown_source_is_refused():
    assert all(Actor(source).source == source for source in SOURCES)
    with pytest.raises(ValueError, match="martian"):
        Actor("martian")


def test_tokens_are_long_different_and_looked_up_by_digest():
    first, second = new_token(), new_token()

    assert first != second
    assert len(first) == 32
    assert token_digest(first) == hashlib.sha256(first.encode()).hexdigest()


def test_effect_keys_tell_runs_and_visits_apart():
    assert len({effect_key(1, 12), effect_key(11, 2), effect_key(1, 2), effect_key(2, 1)}) == 4
    assert effect_key(1, 2) == effect_key(1, 2)


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("City", "city"),
        ("  Date of  birth ", "date_of_birth"),
        ("Größe (cm)", "grosse_cm"),
        ("Numéro d'élève", "numero_d_eleve"),
        ("2nd phone", "f_2nd_phone"),
        ("Город", "field"),
        ("___", "field"),
        ("", "field"),
        ("x" * 80, "x" * 50),
    ],
)
def test_slugs_of_names(text, slug):
    assert slugify_name(text) == slug


def test_a_taken_slug_gets_a_number_and_stays_short():
    assert slugify_name("City", {"city"}) == "city_2"
    assert slugify_name("City", {"city", "city_2"}) == "city_3"
    assert slugify_name("x" * 80, {"x" * 50}) == "x" * 48 + "_2"


def test_backoff_grows_to_its_cap():
    assert [backoff_seconds(attempt) for attempt in (1, 2, 3, 4, 10**9)] == [2, 8, 30, 30, 30]
    assert [backoff_seconds(n, base=1, factor=2, cap=100) for n in (0, 1, 2, 3)] == [1, 1, 2, 4]
