"""Python's synchronisation classes over libthreading, so that CPython's own tests of them can test the library.

The classes translate and nothing more: float seconds to nanoseconds, statuses to bools and exceptions, callables to
callbacks. What waits, wakes, counts and owns is the library's, whose path stands in THREADING_LIBRARY.
"""

import ctypes
import os
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_double, c_int32, c_int64, c_uint64, c_void_p

__all__ = ["Barrier", "BoundedSemaphore", "BrokenBarrierError", "Condition", "Event", "Lock", "RLock", "Semaphore",
           "TIMEOUT_MAX", "get_ident"]

_library = ctypes.CDLL(os.environ["THREADING_LIBRARY"])

_HANDLE, _COUNT, _TIMEOUT, _OUT = c_uint64, c_int64, c_int64, POINTER(c_uint64)
_PREDICATE = CFUNCTYPE(c_int32, c_void_p)  # also the type of a barrier's action


def _declare(result, names, *arguments):
    for name in names.split():
        function = getattr(_library, "threading_" + name)
        function.restype = result
        function.argtypes = arguments


_declare(c_int32, "lock_create rlock_create condition_create event_create", _OUT)
_declare(c_int32, "condition_create_with_lock condition_create_with_rlock", _HANDLE, _OUT)
_declare(c_int32, "semaphore_create semaphore_create_bounded", _COUNT, _OUT)
_declare(c_int32, "barrier_create", _COUNT, _PREDICATE, c_void_p, _TIMEOUT, _OUT)
_declare(c_int32, "lock_destroy rlock_destroy condition_destroy semaphore_destroy event_destroy barrier_destroy"
         " lock_release rlock_release condition_release condition_notify_all event_set event_clear"
         " barrier_reset barrier_abort lock_locked rlock_locked rlock_is_owned event_is_set barrier_broken", _HANDLE)
_declare(c_int32, "lock_acquire rlock_acquire condition_acquire semaphore_acquire event_wait condition_wait",
         _HANDLE, _TIMEOUT)
_declare(c_int32, "condition_notify semaphore_release", _HANDLE, _COUNT)
_declare(c_int32, "condition_wait_for", _HANDLE, _PREDICATE, c_void_p, _TIMEOUT)
_declare(c_int32, "barrier_wait", _HANDLE, _TIMEOUT, POINTER(c_int64))
_declare(c_int64, "rlock_recursion_count semaphore_value barrier_parties barrier_n_waiting", _HANDLE)
_declare(c_int64, "seconds", c_double)
_declare(c_int64, "timeout_max")
_declare(c_uint64, "get_ident")
_declare(c_char_p, "last_error")
_declare(c_char_p, "status_name", c_int32)

_OK, _TIMED_OUT, _BROKEN, _FAILED, _OWNER_DEAD = 0, 1, 5, 6, 7
_E_INVALID, _E_STATE, _E_NOT_OWNER, _E_OVERFLOW, _E_NO_MEMORY = -2, -3, -4, -7, -8
_FOREVER = -1

TIMEOUT_MAX = _library.threading_timeout_max() // 10**9
get_ident = _library.threading_get_ident


class BrokenBarrierError(RuntimeError):
    pass


_EXCEPTIONS = {_BROKEN: BrokenBarrierError, _E_INVALID: ValueError, _E_STATE: RuntimeError, _E_NOT_OWNER: RuntimeError,
               _E_OVERFLOW: OverflowError, _E_NO_MEMORY: MemoryError}


def _done(status):
    """True when the call did it, False when its time ran out; everything else is an exception."""
    if status in (_OK, _OWNER_DEAD):
        return True
    if status == _TIMED_OUT:
        return False
    text = (_library.threading_last_error() if status < 0 else _library.threading_status_name(status)).decode()
    raise _EXCEPTIONS.get(status, SystemError)(text)


def _answer(result):
    """The answer to a question; a negative one is an error status."""
    return result if result >= 0 else _done(result)


def _nanoseconds(seconds):
    """What the waits take: None has no limit, 0 and less try once. The library refuses NaN."""
    if seconds is None:
        return _FOREVER
    if seconds > TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return 0 if seconds <= 0 else _library.threading_seconds(seconds)


def _lock_nanoseconds(blocking, seconds):
    """What the locks take: -1 has no limit. The library refuses other negatives and NaN."""
    if not blocking and seconds != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if seconds > TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    if not blocking:
        return 0
    return _FOREVER if seconds == -1 else _library.threading_seconds(seconds)


class _Object:
    """A handle and the library's functions of its kind."""

    def __init__(self, kind, create, *arguments):
        self._kind = kind
        handle = c_uint64()
        _done(self._function(create)(*arguments, byref(handle)))
        self._handle = handle.value

    def __del__(self):
        # What is held may not be destroyed; a lock that is dropped in that state is left to the library.
        if hasattr(self, "_handle"):
            self._call("destroy")

    def __repr__(self):
        cls = type(self)
        return f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: {self._state()}>"

    def _function(self, name):
        return getattr(_library, f"threading_{self._kind}_{name}")

    def _call(self, name, *arguments):
        return self._function(name)(self._handle, *arguments)


class _Acquirable(_Object):
    """acquire, release and `with` as a Lock has them."""

    def acquire(self, blocking=True, timeout=-1):
        return _done(self._call("acquire", _lock_nanoseconds(blocking, timeout)))

    def release(self):
        _done(self._call("release"))

    def locked(self):
        return bool(_answer(self._call("locked")))

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    def __repr__(self):
        cls = type(self)
        state = "locked" if self.locked() else "unlocked"
        return f"<{state} {cls.__module__}.{cls.__qualname__} object at {id(self):#x}>"


class Lock(_Acquirable):
    def __init__(self):
        super().__init__("lock", "create")

    def _at_fork_reinit(self):
        if self.locked():
            self.release()


class RLock(_Acquirable):
    def __init__(self):
        super().__init__("rlock", "create")

    def _is_owned(self):
        return bool(_answer(self._call("is_owned")))

    def _recursion_count(self):
        return _answer(self._call("recursion_count"))

    def _release_save(self):
        self.release()
        levels = 1
        while self._is_owned():
            self.release()
            levels += 1
        return levels

    def _acquire_restore(self, levels):
        for _ in range(levels):
            self.acquire()


class Condition(_Acquirable):
    """With a lock of its own, which the library makes, or over a Lock or RLock of this module."""

    _is_owned_statuses = {_OK: True, _E_NOT_OWNER: False, _E_STATE: False}

    def __init__(self, lock=None):
        if lock is None:
            super().__init__("condition", "create")
        elif isinstance(lock, RLock):
            super().__init__("condition", "create_with_rlock", lock._handle)
        else:
            super().__init__("condition", "create_with_lock", lock._handle)
        self._lock = lock  # lives as long as the condition over it

    _release_save = RLock._release_save
    _acquire_restore = RLock._acquire_restore

    def _is_owned(self):
        return self._is_owned_statuses[self._call("notify", 0)]

    def locked(self):
        if self._is_owned():
            return True
        if not self.acquire(False):
            return True
        self.release()
        return False

    def wait(self, timeout=None):
        return _done(self._call("wait", _nanoseconds(timeout)))

    def wait_for(self, predicate, timeout=None):
        values, errors = [False], []

        def callback(_):
            try:
                values[0] = predicate()
                return bool(values[0])
            except BaseException as error:  # ends the wait, goes on below
                errors.append(error)
                return True

        _done(self._call("wait_for", _PREDICATE(callback), None, _nanoseconds(timeout)))
        if errors:
            raise errors[0]
        return values[0]

    def notify(self, n=1):
        _done(self._call("notify", n))

    def notify_all(self):
        _done(self._call("notify_all"))


class Semaphore(_Object):
    _create = "create"

    def __init__(self, value=1):
        super().__init__("semaphore", self._create, value)
        self._initial_value = value

    def _state(self):
        return f"value={self._value}"

    @property
    def _value(self):
        return _answer(self._call("value"))

    def acquire(self, blocking=True, timeout=None):
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        return _done(self._call("acquire", _nanoseconds(timeout) if blocking else 0))

    def release(self, n=1):
        _done(self._call("release", n))

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()


class BoundedSemaphore(Semaphore):
    _create = "create_bounded"

    def _state(self):
        return f"value={self._value}/{self._initial_value}"

    def release(self, n=1):
        try:
            super().release(n)
        except OverflowError as error:
            raise ValueError(str(error)) from None


class Event(_Object):
    def __init__(self):
        super().__init__("event", "create")

    def _state(self):
        return "set" if self.is_set() else "unset"

    def is_set(self):
        return bool(_answer(self._call("is_set")))

    def set(self):
        _done(self._call("set"))

    def clear(self):
        _done(self._call("clear"))

    def wait(self, timeout=None):
        return _done(self._call("wait", _nanoseconds(timeout)))


class Barrier(_Object):
    def __init__(self, parties, action=None, timeout=None):
        self._errors = errors = []

        def callback(_):
            try:
                action()
                return _OK
            except BaseException as error:  # goes on in wait(), in the thread that ran the action
                errors.append(error)
                return _FAILED

        self._callback = _PREDICATE(callback) if action else _PREDICATE()
        super().__init__("barrier", "create", parties, self._callback, None, _nanoseconds(timeout))

    def _state(self):
        return "broken" if self.broken else f"waiters={self.n_waiting}/{self.parties}"

    def wait(self, timeout=None):
        index = c_int64()
        status = self._call("wait", _nanoseconds(timeout), byref(index))
        if status == _FAILED:
            raise self._errors.pop()
        if not _done(status):
            raise BrokenBarrierError
        return index.value

    def reset(self):
        _done(self._call("reset"))

    def abort(self):
        _done(self._call("abort"))

    @property
    def parties(self):
        return _answer(self._call("parties"))

    @property
    def n_waiting(self):
        return _answer(self._call("n_waiting"))

    @property
    def broken(self):
        return bool(_answer(self._call("broken")))
