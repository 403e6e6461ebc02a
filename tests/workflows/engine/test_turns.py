"""One thread of a process works at a time, and none of the work is forgotten."""

from __future__ import annotations

import threading

from tests.races.arena import together
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
