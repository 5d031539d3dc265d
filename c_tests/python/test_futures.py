"""Runs CPython's own tests of thread pools and futures, unmodified, against libthreading.

They are one module up to Python 3.11 and a package from 3.12 on. Those of process and interpreter pools are left out.
"""

import concurrent.futures
import contextlib
import importlib
import os
import sys
import unittest
from concurrent.futures import _base
from test.support import script_helper
from unittest import mock

import futures_ctypes as ours
from futures_ctypes import ThreadPoolExecutor
from test_locks import main


class Future(ours.Future):
    """The tests make futures of each state by assigning the interpreter's own attributes; here that does the same.

    An exception or result that is assigned after the state FINISHED finishes the future.
    """

    _finishing = _notified = False
    _condition = contextlib.nullcontext()
    _condition.notify_all = lambda: None

    @property
    def _state(self):
        return _base.CANCELLED_AND_NOTIFIED if self._notified else super()._state

    @_state.setter
    def _state(self, state):
        self._finishing = state == _base.FINISHED
        if state in (_base.CANCELLED, _base.CANCELLED_AND_NOTIFIED):
            self.cancel()
        if state in (_base.RUNNING, _base.CANCELLED_AND_NOTIFIED):
            self.set_running_or_notify_cancel()

    @property
    def _exception(self):
        return self.exception(0)

    @_exception.setter
    def _exception(self, exception):
        if self._finishing and exception is not None:
            self.set_exception(exception)

    @property
    def _result(self):
        return self.result(0)

    @_result.setter
    def _result(self, result):
        if self._finishing and not self.done():
            self.set_result(result)

    def set_running_or_notify_cancel(self):
        self._notified = not super().set_running_or_notify_cancel()
        return not self._notified


def wait(fs, timeout=None, return_when=_base.ALL_COMPLETED):
    """To the interpreter a cancelled promise is not done before set_running_or_notify_cancel(); to the library it is.

    So that long it is hidden from the library.
    """
    fs = set(fs)
    hidden = {future for future in fs if isinstance(future, Future) and future._state == _base.CANCELLED}
    done, not_done = ours.wait(fs - hidden, timeout, return_when)
    return _base.DoneAndNotDoneFutures(done, not_done | hidden)


def assert_python_ok(option, program, **variables):
    """The programs of some tests import the interpreter's thread pool; here they get ours."""
    theirs = "from concurrent.futures import ThreadPoolExecutor"
    name = concurrent.futures.ThreadPoolExecutor.__name__
    instead = (f"import sys; sys.dont_write_bytecode = True; sys.path.insert(0, {here!r}); "
               f"from test_futures import {name} as ThreadPoolExecutor")
    if option != "-c" or program.count(theirs) != 1:
        raise AssertionError(f"no program that can be given another thread pool: {program}")
    return interpreters_assert_python_ok(option, program.replace(theirs, instead), **variables)


class PatientExecutor(ThreadPoolExecutor):
    """submit() returns when a first call has begun. The interpreter's waits until the thread that it starts runs."""

    def submit(self, *args, **kwargs):
        future = super().submit(*args, **kwargs)
        self._workers.wait_for_a_call()
        return future


def patiently(test):
    def run(self):
        self.executor.shutdown()
        self.executor = PatientExecutor(self.worker_count)
        with mock.patch.object(concurrent.futures, "ThreadPoolExecutor", PatientExecutor):
            test(self)

    return run


here = os.path.dirname(os.path.abspath(__file__))
interpreters_assert_python_ok = script_helper.assert_python_ok

# Before the tests are imported, because they take these names from here. Process pools then have futures of ours too.
script_helper.assert_python_ok = assert_python_ok
_base.Future = concurrent.futures.Future = Future
concurrent.futures.ThreadPoolExecutor = ThreadPoolExecutor
concurrent.futures.wait = wait
concurrent.futures.as_completed = ours.as_completed

CHANGED = {
    **({"ThreadPoolExecutorTest.test_submit_keyword": unittest.skip("gives fn by name, as up to Python 3.8")}
       if sys.version_info < (3, 9) else {}),
    "FutureTests.test_class_str": unittest.skip("asks for the names of the interpreter's own classes"),
    "FutureTests.test_get_snapshot": unittest.skip("tests a private method; the library tells no two things at once"),
    "ThreadPoolExecutorTest.test_default_workers": unittest.skip(
        "the library's default is the number of processors, without the interpreter's four more and limit of 32"),
    "ThreadPoolShutdownTest.test_cancel_futures": patiently,  # wants that not all calls are cancelled
    "ThreadPoolShutdownTest.test_cancel_futures_wait_false": patiently,  # the same, up to Python 3.12
}


def modules():
    tests = importlib.import_module("test.test_concurrent_futures")
    if not hasattr(tests, "__path__"):
        return [tests]
    names = "thread_pool", "future", "wait", "as_completed", "shutdown", "init"
    return [importlib.import_module(f"test.test_concurrent_futures.test_{name}") for name in names]


def of_threads(case):
    """Whether the tests of this class are run: all that have a thread pool, and those of a future alone."""
    return (isinstance(case, type) and issubclass(case, unittest.TestCase)
            and (hasattr(case, "executor_type") and case.executor_type is ThreadPoolExecutor
                 or case.__name__ == "FutureTests"))


def changed(case):
    for test, change in CHANGED.items():
        name, method = test.split(".")
        if name == case.__name__ and hasattr(case, method):
            yield method, change(getattr(case, method))


globals().update({case.__name__: type(case.__name__, (case,), {"__module__": __name__, **dict(changed(case))})
                  for module in modules() for case in filter(of_threads, vars(module).values())})


def tearDownModule():
    """Each argument that a pool took has come to its destructor by now: the pools are shut down."""
    if ours._calls:
        raise AssertionError(f"{len(ours._calls)} calls never came to the destructor of arguments")


if __name__ == "__main__":
    main()
