"""Runs CPython's own tests of its queue module, unmodified, against libthreading.

The tests of shutdown are there from Python 3.13 on.
"""

import unittest
from test import test_queue

import queue_ctypes as ours
from test_locks import main


class _Skipped:
    @unittest.skip("assigns maxsize; the library's bound is for life")
    def test_shrinking_queue(self):
        pass


class QueueTest(_Skipped, test_queue.QueueTest, unittest.TestCase):
    queue = ours


class LifoQueueTest(_Skipped, test_queue.LifoQueueTest, unittest.TestCase):
    queue = ours


class PriorityQueueTest(_Skipped, test_queue.PriorityQueueTest, unittest.TestCase):
    queue = ours


@unittest.skip("replaces _put and _get, the inside of the interpreter's own implementation")
class FailingQueueTest(unittest.TestCase):
    def test_failing_queue(self):
        pass


@unittest.skip("the library has no queue that is put to in signal handlers and finalizers")
class SimpleQueueTest(unittest.TestCase):
    def test_simple_queue(self):
        pass


if __name__ == "__main__":
    main()
