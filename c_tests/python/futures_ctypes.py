"""Python's thread pool and futures over libthreading, so that CPython's own tests of them can test the library.

What the library carries for us are numbers: tables tell the call, the callback, the result or the exception that one
stands for. What queues, runs, waits, cancels and tells the outcome is the library's.
"""

import atexit
import itertools
import threading
import weakref
from concurrent.futures import CancelledError, InvalidStateError, TimeoutError, _base
from ctypes import (CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64,
                    c_void_p, create_string_buffer, pythonapi, sizeof)

from threading_ctypes import (_Object, _answer, _declare, _done, _library, _nanoseconds, _E_STATE, _BROKEN,
                              _FAILED, _FOREVER, _OK, _TIMED_OUT)

_TARGET = CFUNCTYPE(c_void_p, c_void_p)
_INITIALIZER = CFUNCTYPE(c_int32, c_void_p)
_CALLBACK = CFUNCTYPE(None, c_void_p)
_DONE_CALLBACK = CFUNCTYPE(None, c_uint64, c_void_p)
_DESTRUCTOR = CFUNCTYPE(None, c_void_p)
_HANDLE, _NUMBER, _TIMEOUT, _OUT = c_uint64, c_void_p, c_int64, POINTER(c_uint64)


class _Options(Structure):
    _fields_ = [("size", c_size_t), ("name_prefix", c_char_p), ("initializer", _INITIALIZER),
                ("initializer_arg", c_void_p), ("stack_size", c_size_t), ("priority", c_int32), ("daemon", c_int32),
                ("max_queued", c_int64), ("when_full", c_int32), ("min_workers", c_uint32),
                ("idle_timeout_ns", c_int64), ("arg_destructor", _DESTRUCTOR), ("finalizer", _CALLBACK)]


class _Statistics(Structure):
    _fields_ = [("size", c_size_t), ("workers", c_uint32), ("busy", c_uint32), ("idle", c_uint32),
                ("blocked", c_uint32), ("queued", c_int64), ("done", c_int64), ("most_queued", c_int64),
                ("wait_ns", c_int64), ("run_ns", c_int64)]


_declare(c_int32, "future_create", _OUT)
_declare(c_int32, "future_destroy future_set_running_or_notify_cancel future_cancel future_cancelled future_running"
         " future_done", _HANDLE)
_declare(c_int32, "future_set_result", _HANDLE, _NUMBER)
_declare(c_int32, "future_set_failure", _HANDLE, c_int32, c_char_p)
_declare(c_int32, "future_result", _HANDLE, _TIMEOUT, POINTER(c_void_p))
_declare(c_int32, "future_failure", _HANDLE, _TIMEOUT, POINTER(c_int32), c_char_p, c_size_t, POINTER(c_size_t))
_declare(c_int32, "future_add_done_callback", _HANDLE, _DONE_CALLBACK, _NUMBER, _DESTRUCTOR)
_declare(c_int32, "futures_wait", _OUT, c_size_t, c_int32, _TIMEOUT, POINTER(c_int32))
_declare(c_int32, "pool_create", c_uint32, POINTER(_Options), _OUT)
_declare(c_int32, "pool_destroy", _HANDLE)
_declare(c_int32, "pool_submit", _HANDLE, _TARGET, _NUMBER, _OUT)
_declare(c_int32, "pool_execute", _HANDLE, _CALLBACK, _NUMBER)
_declare(c_int32, "pool_shutdown", _HANDLE, c_int32, c_int32)
_declare(c_int32, "pool_stats", _HANDLE, POINTER(_Statistics))
_declare(c_int64, "now")
_declare(c_int64, "until", c_int64)
_declare(c_int32, "fail", c_int32, c_char_p)
_declare(c_int32, "shutdown", _TIMEOUT)
_declare(c_uint32, "cpu_count")
_declare(c_uint64, "current_thread")
_declare(c_int32, "thread_name", _HANDLE, c_char_p, c_size_t, POINTER(c_size_t))
_declare(c_int32, "thread_join", _HANDLE, _TIMEOUT)

_CANCELLED, _CLOSED, _E_HANDLE = 3, 4, -1
_GIL_WAS_LOCKED = 0
_WHEN = {_base.FIRST_COMPLETED: 0, _base.FIRST_EXCEPTION: 1, _base.ALL_COMPLETED: 2}

_numbers = itertools.count(1)
_calls = {}  # submitted, until the library's destructor of arguments comes for them; None while they run
_callbacks = {}  # added to futures, until their destructor comes
_workers = {}  # of each pool: its initializer and its threads. Kept, for no call tells when the last one has ended


def _text(error):
    return str(error).encode(errors="replace")


# ---- Futures ----

class Future(_Object):
    """A promise, or the future of a call that a pool runs.

    A table that it shares with its call tells the result or exception of each number that the library gives back. So
    both end with those who can still ask for them.
    """

    def __init__(self):
        super().__init__("future", "create")
        self._outcomes = {}

    @classmethod
    def _of_call(cls, handle, outcomes):
        future = cls.__new__(cls)
        future._kind, future._handle, future._outcomes = "future", handle.value, outcomes
        return future

    def __repr__(self):
        state = _base._STATE_TO_DESCRIPTION_MAP[self._state]
        if self._state == _base.FINISHED:
            error = self.exception(0)
            how, outcome = ("returned", self.result(0)) if error is None else ("raised", error)
            state += f" {how} {type(outcome).__name__}"
        return f"<{type(self).__name__} at {id(self):#x} state={state}>"

    @property
    def _state(self):
        if self.cancelled():
            return _base.CANCELLED
        # In this order: what has just begun to run or ended in between is not taken for an earlier state.
        running, done = self.running(), self.done()
        return _base.FINISHED if done else _base.RUNNING if running else _base.PENDING

    def cancel(self):
        status = self._call("cancel")
        return status != _E_STATE and _done(status)

    def cancelled(self):
        return bool(_answer(self._call("cancelled")))

    def running(self):
        return bool(_answer(self._call("running")))

    def done(self):
        return bool(_answer(self._call("done")))

    @staticmethod
    def _no_outcome(status):
        if status == _TIMED_OUT:
            raise TimeoutError
        if status == _CANCELLED:
            raise CancelledError
        if status == _BROKEN:
            raise BrokenThreadPool("its thread pool broke before it began")
        _done(status)

    def result(self, timeout=None):
        number = c_void_p()
        status = self._call("result", _nanoseconds(timeout), byref(number))
        if status == _OK:
            return self._outcomes[number.value]
        if status != _FAILED:
            self._no_outcome(status)
        try:
            raise self.exception(0)
        finally:
            self = None  # the exception's traceback holds this frame

    def exception(self, timeout=None):
        code = c_int32()
        status = self._call("failure", _nanoseconds(timeout), byref(code), None, 0, None)
        if status == _OK:
            return self._outcomes[code.value]
        if status != _E_STATE:
            self._no_outcome(status)
        return None

    def add_done_callback(self, fn):
        number = next(_numbers)
        _callbacks[number] = self, fn
        status = self._call("add_done_callback", _run_callback, number, _drop_callback)
        if status != _OK:
            del _callbacks[number]  # it stayed ours
            _done(status)

    def set_running_or_notify_cancel(self):
        status = self._call("set_running_or_notify_cancel")
        if status == _CANCELLED:
            return False
        if status == _E_STATE:
            raise RuntimeError("Future in unexpected state")
        return _done(status)

    def set_result(self, result):
        self._settle(result, lambda number: self._call("set_result", number))

    def set_exception(self, exception):
        self._settle(exception, lambda number: self._call("set_failure", number, _text(exception)))

    def _settle(self, outcome, settle):
        number = next(_numbers)
        self._outcomes[number] = outcome
        status = settle(number)
        if status != _OK:
            del self._outcomes[number]
            if status == _E_STATE:
                raise InvalidStateError(f"{self._state}: {self!r}")
            _done(status)


@_DONE_CALLBACK
def _run_callback(_, number):
    future, fn = _callbacks[number]
    try:
        fn(future)
    except Exception:
        _base.LOGGER.exception("exception calling callback for %r", future)


@_DESTRUCTOR
def _drop_callback(number):
    del _callbacks[number]


def wait(fs, timeout=None, return_when=_base.ALL_COMPLETED):
    fs = list(set(fs))
    flags = (c_int32 * len(fs))()
    handles = (c_uint64 * len(fs))(*(future._handle for future in fs))
    _done(_library.threading_futures_wait(handles, len(fs), _WHEN[return_when], _nanoseconds(timeout), flags))
    done = {future for future, flag in zip(fs, flags) if flag}
    return _base.DoneAndNotDoneFutures(done, set(fs) - done)


def as_completed(fs, timeout=None):
    deadline = None if timeout is None else _library.threading_now() + _nanoseconds(timeout)
    fs = set(fs)
    total = len(fs)
    while fs:
        left = None if deadline is None else _library.threading_until(deadline) / 1e9
        done = wait(fs, left, _base.FIRST_COMPLETED).done
        if not done:
            raise TimeoutError(f"{len(fs)} (of {total}) futures unfinished")
        fs -= done
        while done:
            yield done.pop()  # whoever asks for the next one may be the last to hold this one


# ---- Pools ----

class BrokenThreadPool(_base.BrokenExecutor):
    pass


@_TARGET
def _run_call(number):
    (workers, fn, args, kwargs, outcomes), _calls[number] = _calls[number], None
    workers.call_begins()
    outcome = next(_numbers)
    try:
        outcomes[outcome] = fn(*args, **kwargs)
    except BaseException as error:
        outcomes[outcome] = error
        outcomes = None  # the exception's traceback holds this frame
        _done(_library.threading_fail(outcome, _text(error)))
    return outcome


@_DESTRUCTOR
def _drop_call(number):
    if number is not None:
        del _calls[number]


@_CALLBACK
def _nothing(_):
    pass


class _Worker:
    """A thread of a pool: its name, and its end."""

    def __init__(self):
        self._handle = _library.threading_current_thread()
        size = c_size_t()
        _done(_library.threading_thread_name(self._handle, None, 0, byref(size)))
        name = create_string_buffer(size.value)
        _done(_library.threading_thread_name(self._handle, name, size, None))
        self.name = name.value.decode()

    def join(self):
        status = _library.threading_thread_join(self._handle, _FOREVER)
        if status != _E_HANDLE:  # its handle, which is the library's, ends with it
            _done(status)


class _Workers:
    """The threads that a pool has had, of which the library tells when they begin and end.

    Between the two they keep their state in the interpreter. Else each call would make one and end it, and the lock of
    that is, up to Python 3.11, not set free in a child that is forked meanwhile.
    """

    def __init__(self, initializer, initargs):
        self._initializer, self._initargs = initializer, initargs
        self._threads, self._calls, self._changed = [], 0, threading.Condition()

    def begin(self):
        pythonapi.PyGILState_Ensure()
        with self._changed:
            self._threads.append(_Worker())
            self._changed.notify_all()
        try:
            if self._initializer is not None:
                self._initializer(*self._initargs)
            return _OK
        except BaseException as error:
            _base.LOGGER.critical("Exception in initializer:", exc_info=True)
            _done(_library.threading_fail(_FAILED, _text(error)))
            return _FAILED

    @staticmethod
    def end():
        pythonapi.PyGILState_Release(_GIL_WAS_LOCKED)

    def call_begins(self):
        with self._changed:
            self._calls += 1
            self._changed.notify_all()

    def wait_for_a_call(self):
        """Waits until the first call has begun."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._calls > 0, timeout=60):
                raise AssertionError("no call has begun")

    def at_rest(self, statistics, most):
        """The threads, when no more are about to come: the pool has all it may, or all calls have begun."""
        def rests():
            now = statistics()
            return (now.queued == 0 or now.workers >= most) and len(self._threads) >= now.workers

        with self._changed:
            if not self._changed.wait_for(rests, timeout=60):
                raise AssertionError(f"{len(self._threads)} threads of {most} have begun, and calls are queued")
            return list(self._threads)


@_INITIALIZER
def _begin_worker(number):
    return _workers[number].begin()


@_CALLBACK
def _end_worker(number):
    _workers[number].end()


class ThreadPoolExecutor(_base.Executor, _Object):
    """submit() and shutdown() are the library's; map() is the interpreter's, over submit()."""

    __repr__ = object.__repr__

    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=()):
        if max_workers is not None and max_workers <= 0:  # which the library takes for no number at all, or a huge one
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._max_workers = max_workers or _library.threading_cpu_count()
        number = next(_numbers)
        self._workers = _workers[number] = _Workers(initializer, initargs)
        options = _Options(size=sizeof(_Options), name_prefix=thread_name_prefix.encode(), initializer=_begin_worker,
                           initializer_arg=number, arg_destructor=_drop_call, finalizer=_end_worker)
        _Object.__init__(self, "pool", "create", max_workers or 0, byref(options))
        _executors.add(self)

    def submit(self, fn, /, *args, **kwargs):
        number, outcomes, handle = next(_numbers), {}, c_uint64()
        _calls[number] = self._workers, fn, args, kwargs, outcomes
        status = self._call("submit", _run_call, number, byref(handle))
        if status == _OK:
            return Future._of_call(handle, outcomes)
        del _calls[number]  # it stayed ours
        if status == _CLOSED:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if status == _BROKEN:
            raise BrokenThreadPool("an initializer has failed")
        _done(status)

    def shutdown(self, wait=True, *, cancel_futures=False):
        _done(self._call("shutdown", wait, cancel_futures))

    @property
    def _broken(self):
        return self._call("execute", _nothing, None) == _BROKEN

    def _statistics(self):
        statistics = _Statistics(size=sizeof(_Statistics))
        _done(self._call("stats", byref(statistics)))
        return statistics

    @property
    def _threads(self):
        return self._workers.at_rest(self._statistics, self._max_workers)


# The end of the process would wait for the pools, but later than there is an interpreter to run their calls.
_executors = weakref.WeakSet()


def _at_exit():
    executors = list(_executors)
    for wait in False, True:
        for executor in executors:
            executor.shutdown(wait)
    _done(_library.threading_shutdown(_FOREVER))  # also for pools whose executor is no more


# From Python 3.9 on before all that atexit calls, as the interpreter's own pools.
getattr(threading, "_register_atexit", atexit.register)(_at_exit)
