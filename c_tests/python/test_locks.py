"""Runs CPython's own tests of its synchronisation classes, unmodified, against libthreading."""

import faulthandler
import os
import sys
import threading
import types
import unittest
from test import lock_tests

import threading_ctypes as ours

# The tests also name a few things themselves (threading.Lock, threading.BrokenBarrierError): those are ours too.
names = {**vars(threading), **{name: getattr(ours, name) for name in ours.__all__}}
lock_tests.threading = types.SimpleNamespace(**names)


class LockTests(lock_tests.LockTests):
    locktype = staticmethod(ours.Lock)


class RLockTests(lock_tests.RLockTests):
    locktype = staticmethod(ours.RLock)


class EventTests(lock_tests.EventTests):
    eventtype = staticmethod(ours.Event)

    @unittest.skip("looks at the Condition inside the interpreter's Event; this one has none")
    def test_at_fork_reinit(self):
        pass


class ConditionTests(lock_tests.ConditionTests):
    """The condition's own lock, which the library makes."""

    condtype = staticmethod(ours.Condition)


class ConditionOverRLockTests(lock_tests.ConditionTests):
    @staticmethod
    def condtype(lock=None):
        return ours.Condition(ours.RLock() if lock is None else lock)


class ConditionOverLockTests(lock_tests.ConditionTests):
    @staticmethod
    def condtype(lock=None):
        return ours.Condition(ours.Lock() if lock is None else lock)

    @unittest.skip("begins with acquiring the default lock twice, which must be an RLock for that")
    def test_acquire(self):
        pass


class ConditionAsRLockTests(lock_tests.RLockTests):
    locktype = staticmethod(ours.Condition)

    @unittest.skip("a Condition has no _recursion_count(), in the interpreter neither")
    def test_recursion_count(self):
        pass


class SemaphoreTests(lock_tests.SemaphoreTests):
    semtype = staticmethod(ours.Semaphore)


class BoundedSemaphoreTests(lock_tests.BoundedSemaphoreTests):
    semtype = staticmethod(ours.BoundedSemaphore)


class BarrierTests(lock_tests.BarrierTests):
    barriertype = staticmethod(ours.Barrier)


class Result(unittest.TextTestResult):
    """Says what is skipped, and why, where it happens."""

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.stream.writeln(f"\nskipped {test.id()}: {reason}")


def main():
    faulthandler.dump_traceback_later(240, exit=True)  # a wait that never ends shows where it is
    runner = unittest.TextTestRunner(resultclass=Result)
    result = unittest.main(testRunner=runner, exit=False).result
    sys.stderr.flush()
    os._exit(not result.wasSuccessful())  # threads that a failed test left waiting are not waited for


if __name__ == "__main__":
    main()
