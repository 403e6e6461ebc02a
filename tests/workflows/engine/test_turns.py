"""One thread of a process works at a time, none of the work is forgotten, and slow calls block nobody."""

from __future__ import annotations

import threading

from tests.races.arena import Background, together, until
from workflows.engine.turns import Turns


def test_whoever_comes_while_another_works_leaves_and_the_work_is_done():
    turns, todo, at_once = Turns(), [], []
    lock = threading.Lock()

    def work(_is_awaited):
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


def test_a_thread_that_waits_for_a_call_lends_its_turn_and_goes_first_when_it_returns(hints):
    turns, called, may_return, order = Turns(), threading.Event(), threading.Event(), []

    def calling(_is_awaited):
        with turns.away():
            called.set()
            may_return.wait(5)
        order.append("back")
        return 1

    def endless(is_awaited):
        order.append("other")
        may_return.set()
        until(is_awaited)
        return 1

    caller = Background("caller", lambda: turns.take(calling))
    assert called.wait(5)
    assert turns.take(endless) == 1
    caller.join()
    assert order[:2] == ["other", "back"]
    assert turns.take(lambda _: 3) == 3


def test_work_announced_to_a_thread_that_leaves_for_a_call_is_handed_on(hints):
    turns, rounds = Turns(), []

    def calling(_is_awaited):
        rounds.append(1)
        if len(rounds) == 1:
            Background("late", lambda: turns.take(lambda _: 1)).join()
            with turns.away():
                assert hints == ["engine"]
        return 1

    assert turns.take(calling) == 2


def test_a_turn_is_given_back_after_a_failure():
    turns = Turns()

    def failing(_is_awaited):
        raise ValueError

    for _ in range(2):
        try:
            turns.take(failing)
        except ValueError:
            continue
        raise AssertionError
    assert turns.take(lambda _: 7) == 7


def test_without_a_turn_there_is_nothing_to_lend(hints):
    with Turns().away():
        pass
    assert hints == []
