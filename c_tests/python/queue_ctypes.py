"""Python's queue classes over libthreading, so that CPython's own tests of them can test the library.

An item travels as a number; a table of each queue tells the object that it stands for. What orders, waits, counts and
shuts down is the library's.
"""

import itertools
from ctypes import CFUNCTYPE, POINTER, byref, c_int32, c_int64, c_uint64, c_void_p

from threading_ctypes import _Object, _answer, _declare, _nanoseconds, _done, _OK, _TIMED_OUT, _E_OVERFLOW

_DESTRUCTOR = CFUNCTYPE(None, c_void_p)
_HANDLE, _ITEM, _TIMEOUT = c_uint64, c_void_p, c_int64

_declare(c_int32, "queue_create", c_int32, c_int64, _DESTRUCTOR, POINTER(c_uint64))
_declare(c_int32, "queue_put", _HANDLE, _ITEM, _TIMEOUT)
_declare(c_int32, "queue_put_priority", _HANDLE, _ITEM, c_int64, _TIMEOUT)
_declare(c_int32, "queue_get", _HANDLE, POINTER(c_void_p), _TIMEOUT)
_declare(c_int32, "queue_join", _HANDLE, _TIMEOUT)
_declare(c_int32, "queue_shutdown", _HANDLE, c_int32)
_declare(c_int32, "queue_destroy queue_task_done queue_empty queue_full queue_is_shutdown", _HANDLE)
_declare(c_int64, "queue_qsize queue_unfinished_tasks", _HANDLE)

_CLOSED = 4


class Empty(Exception):
    pass


class Full(Exception):
    pass


class ShutDown(Exception):
    pass


def _wait(block, timeout):
    if not block:
        return 0
    if timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return _nanoseconds(timeout)


class Queue(_Object):
    _order = 0

    def __init__(self, maxsize=0):
        self.maxsize = maxsize
        self._items = items = {}
        self._numbers = itertools.count(1)
        self._destructor = _DESTRUCTOR(lambda number: items.pop(number))
        super().__init__("queue", "create", self._order, maxsize, self._destructor)

    def _hand_over(self, number, item, timeout):
        return self._call("put", number, timeout)

    def put(self, item, block=True, timeout=None):
        timeout = _wait(block, timeout)
        number = next(self._numbers)
        self._items[number] = item
        status = self._hand_over(number, item, timeout)
        if status == _OK:
            return
        del self._items[number]  # it stayed ours
        self._refused(status, Full)

    def get(self, block=True, timeout=None):
        number = c_void_p()
        status = self._call("get", byref(number), _wait(block, timeout))
        if status != _OK:
            self._refused(status, Empty)
        return self._items.pop(number.value)

    @staticmethod
    def _refused(status, timed_out):
        if status == _TIMED_OUT:
            raise timed_out
        if status == _CLOSED:
            raise ShutDown
        _done(status)

    def put_nowait(self, item):
        self.put(item, block=False)

    def get_nowait(self):
        return self.get(block=False)

    def task_done(self):
        status = self._call("task_done")
        if status == _E_OVERFLOW:
            raise ValueError("task_done() called too many times")
        _done(status)

    def join(self):
        _done(self._call("join", -1))

    def shutdown(self, immediate=False):
        _done(self._call("shutdown", immediate))

    def qsize(self):
        return _answer(self._call("qsize"))

    def empty(self):
        return bool(_answer(self._call("empty")))

    def full(self):
        return bool(_answer(self._call("full")))

    @property
    def unfinished_tasks(self):
        return _answer(self._call("unfinished_tasks"))

    @property
    def is_shutdown(self):
        return bool(_answer(self._call("is_shutdown")))


class LifoQueue(Queue):
    _order = 1


class PriorityQueue(Queue):
    _order = 2

    def _hand_over(self, number, item, timeout):
        return self._call("put_priority", number, _priority(item), timeout)


def _priority(item):
    """A number in the order of the items that the tests compare: numbers, texts of one letter, tuples of them."""
    if isinstance(item, int):
        return item
    return ord(item[0]) if isinstance(item, str) else _priority(item[0])
