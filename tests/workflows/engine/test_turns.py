"""One thread of a process works at a time, and none of the work is forgotten."""

from __future__ import annotations

import threading

from tests.races.arena import together
from workflows import tasks
from workflows.engine.turns import Turns


def test_whoever_comes_while_another_works_leaves_and_the_work_is_done():
    turns, todo, at_once = Turns(), [], []
    lock = threading.Lock()

    def work():
        at_once.append(1)
        assert len(at_once) == 1
        with lock:
            done = len(todo)
            todo.clear()
        at_once.pop()
        return done

    def come():
        done = 0
        for _ in range(50):
            with lock:
                todo.append(1)
            done += turns.take(work)
        return done

    assert sum(together(*[come] * 8)) == 400
    assert todo == []


def test_a_turn_is_given_back_after_a_failure():
    turns = Turns()

    def failing():
        raise ValueError

    for _ in range(2):
        try:
            turns.take(failing)
        except ValueError:
            continue
        raise AssertionError
    assert turns.take(lambda: 7) == 7


def test_who_asks_while_another_works_has_him_look_again():
    turns, heard, rounds = Turns(), [], []

    def work():
        rounds.append(1)
        if len(rounds) == 1:
            asking = threading.Thread(target=lambda: heard.append(turns.ask()))
            asking.start()
            asking.join()
        return 1

    assert turns.take(work) == 2
    assert heard == [True]


def test_who_works_need_not_ask():
    turns, heard = Turns(), []

    def work():
        heard.append(turns.ask())
        return 1

    assert turns.take(work) == 1
    assert heard == [True]


def test_nobody_hears_while_nobody_works():
    turns = Turns()
    assert not turns.ask()
    turns.take(lambda: 1)
    assert not turns.ask()


def test_a_worker_that_ends_leaves_its_hints_to_others(monkeypatch):
    heard = []

    def work():
        heard.append(tasks._hear())
        return 0

    tasks.turns.take(work)
    monkeypatch.setattr(tasks.flights, "is_closing", True)
    tasks.turns.take(work)
    assert heard == [True, False]
