//! Queues: items in one of three orders, a bound, and how much is not worked off yet.

use super::Call;
use crate::abi::*;
use crate::argument::{Handle, Out};
use crate::callbacks::Called;
use crate::model::refused;
use crate::run::{Run, call};
use crate::trace::Kind;

const FIFO: i32 = 0;
const LIFO: i32 = 1;
const PRIORITY: i32 = 2;

pub(crate) struct Queue {
    order: i32,
    maxsize: i64,
    has_destructor: bool,
    /// Priorities and items, in the order of their puts.
    items: Vec<(i64, usize)>,
    unfinished: i64,
    is_shutdown: bool,
}

impl Queue {
    fn is_full(&self) -> bool {
        self.maxsize > 0 && self.items.len() as i64 >= self.maxsize
    }

    fn put(&mut self, item: usize, priority: i64) -> i64 {
        if self.is_shutdown {
            return CLOSED;
        }
        if self.is_full() {
            return TIMEOUT;
        }
        self.items.push((priority, item));
        self.unfinished += 1;
        OK
    }

    fn get(&mut self) -> Result<usize, i64> {
        let at = match self.order {
            _ if self.items.is_empty() => return Err(if self.is_shutdown { CLOSED } else { TIMEOUT }),
            FIFO => 0,
            LIFO => self.items.len() - 1,
            _ => {
                let lowest = self.items.iter().map(|(priority, _)| *priority).min();
                self.items.iter().position(|(priority, _)| Some(*priority) == lowest).unwrap_or(0)
            }
        };
        Ok(self.items.remove(at).1)
    }

    fn task_done(&mut self) -> i64 {
        if self.unfinished == 0 {
            return E_OVERFLOW;
        }
        self.unfinished -= 1;
        OK
    }

    /// All items go to the destructor.
    fn drop_items(&mut self) -> Vec<Called> {
        let items = core::mem::take(&mut self.items);
        items.into_iter().filter(|_| self.has_destructor).map(|(_, item)| Called::Destructor(item)).collect()
    }

    fn shutdown(&mut self, is_immediate: bool) -> Vec<Called> {
        self.is_shutdown = true;
        if !is_immediate {
            return Vec::new();
        }
        self.unfinished = (self.unfinished - self.items.len() as i64).max(0);
        self.drop_items()
    }
}

pub(crate) const CALLS: &[Call] = &[
    create,
    put,
    get,
    put_priority,
    task_done,
    join,
    shutdown,
    qsize,
    unfinished_tasks,
    empty,
    full,
    is_shutdown,
    destroy,
    put,
    get,
    put_priority,
];

fn create(run: &Run) {
    let order = run.pick(&[FIFO, LIFO, PRIORITY, FIFO, LIFO, PRIORITY, 3, -1]);
    let maxsize = run.pick(&[0, 1, 2, 5, -1, i64::MIN, i64::MAX]);
    let destructor = run.destructor();
    let (out, variable) = run.place(Kind::Queue);
    let wrong = [(out.is_null() || !(FIFO..=PRIORITY).contains(&order), E_INVALID)];
    let wanted = refused(&wrong).otherwise(|| OK);
    call!(run, threading_queue_create(order, maxsize, destructor, out) => wanted);
    if let Some(id) = run.made(&out, variable, wanted) {
        let has_destructor = destructor.0.is_some();
        let queue =
            Queue { order, maxsize, has_destructor, items: Vec::new(), unfinished: 0, is_shutdown: false };
        run.world().queues.insert(id, queue);
    }
}

/// Whether a put would have to wait.
fn blocks(run: &Run, queue: &Handle) -> bool {
    run.world().queues.get(&queue.id).is_some_and(|queue| queue.is_full() && !queue.is_shutdown)
}

fn put(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let (item, timeout) = (run.item(), run.timeout(blocks(run, &queue)));
    let wrong = [(timeout < FOREVER, E_INVALID)];
    let wanted = run.ask(&queue, |world| &mut world.queues, &wrong, |queue, _| queue.put(item.0, 0));
    call!(run, threading_queue_put(queue, item, timeout) => wanted);
}

fn put_priority(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let (item, timeout) = (run.item(), run.timeout(blocks(run, &queue)));
    let priority = run.pick(&[0, 1, -1, 2, i64::MIN, i64::MAX]);
    let is_ordered = run.world().queues.get(&queue.id).is_none_or(|queue| queue.order == PRIORITY);
    let wrong = [(timeout < FOREVER || !is_ordered, E_INVALID)];
    let wanted = run.ask(&queue, |world| &mut world.queues, &wrong, |queue, _| queue.put(item.0, priority));
    call!(run, threading_queue_put_priority(queue, item, priority, timeout) => wanted);
}

fn get(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let waits =
        run.world().queues.get(&queue.id).is_some_and(|queue| queue.items.is_empty() && !queue.is_shutdown);
    let timeout = run.timeout(waits);
    let value: Out<Pointer> = run.out(usize::MAX as Pointer, "&value");
    let mut item = None;
    let wrong = [(timeout < FOREVER || value.is_null(), E_INVALID)];
    let wanted = run.ask(
        &queue,
        |world| &mut world.queues,
        &wrong,
        |queue, _| match queue.get() {
            Ok(got) => {
                item = Some(got);
                OK
            }
            Err(status) => status,
        },
    );
    call!(run, threading_queue_get(queue, value, timeout) => wanted);
    match item {
        Some(item) => run.wrote_item(&value, item),
        None => run.untouched(&value),
    }
}

fn task_done(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let wanted = run.ask(&queue, |world| &mut world.queues, &[], |queue, _| queue.task_done());
    call!(run, threading_queue_task_done(queue) => wanted);
}

fn join(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let blocks = run.world().queues.get(&queue.id).is_some_and(|queue| queue.unfinished > 0);
    let timeout = run.timeout(blocks);
    let wrong = [(timeout < FOREVER, E_INVALID)];
    let wanted = run.ask(
        &queue,
        |world| &mut world.queues,
        &wrong,
        |queue, _| {
            if queue.unfinished > 0 { TIMEOUT } else { OK }
        },
    );
    call!(run, threading_queue_join(queue, timeout) => wanted);
}

fn shutdown(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let immediate = run.pick(&[0, 1, -1, i32::MIN]);
    let mut expected = Vec::new();
    let wanted = run.ask(
        &queue,
        |world| &mut world.queues,
        &[],
        |queue, _| {
            expected = queue.shutdown(immediate != 0);
            OK
        },
    );
    run.world().expected.extend(expected);
    call!(run, threading_queue_shutdown(queue, immediate) => wanted);
}

fn qsize(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let wanted = run.ask(&queue, |world| &mut world.queues, &[], |queue, _| queue.items.len() as i64);
    call!(run, threading_queue_qsize(queue) => wanted);
}

fn unfinished_tasks(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let wanted = run.ask(&queue, |world| &mut world.queues, &[], |queue, _| queue.unfinished);
    call!(run, threading_queue_unfinished_tasks(queue) => wanted);
}

fn empty(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let wanted = run.ask(&queue, |world| &mut world.queues, &[], |queue, _| queue.items.is_empty() as i64);
    call!(run, threading_queue_empty(queue) => wanted);
}

fn full(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let wanted = run.ask(&queue, |world| &mut world.queues, &[], |queue, _| queue.is_full() as i64);
    call!(run, threading_queue_full(queue) => wanted);
}

fn is_shutdown(run: &Run) {
    let queue = run.handle(Kind::Queue);
    let wanted = run.ask(&queue, |world| &mut world.queues, &[], |queue, _| queue.is_shutdown as i64);
    call!(run, threading_queue_is_shutdown(queue) => wanted);
}

fn destroy(run: &Run) {
    destroy_it(run, run.handle(Kind::Queue));
}

fn destroy_it(run: &Run, queue: Handle) {
    let mut expected = Vec::new();
    let wanted = run.ask(
        &queue,
        |world| &mut world.queues,
        &[],
        |queue, _| {
            expected = queue.drop_items();
            OK
        },
    );
    run.world().expected.extend(expected);
    call!(run, threading_queue_destroy(queue) => wanted);
    if wanted.is(OK) {
        run.world().queues.remove(&queue.id);
        run.forget(Kind::Queue, queue.id);
    }
}

pub(crate) fn clear(run: &Run) {
    for queue in run.all(Kind::Queue) {
        destroy_it(run, queue);
    }
}
