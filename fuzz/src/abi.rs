//! The exported functions as a program in C sees them; a handle is passed as its number.

#![allow(non_camel_case_types, reason = "these are C's names")]

use core::ffi::{c_char, c_void};

pub(crate) type Pointer = *mut c_void;
pub(crate) type Target = Option<unsafe extern "C-unwind" fn(Pointer) -> Pointer>;
pub(crate) type Callback = Option<unsafe extern "C-unwind" fn(Pointer)>;
pub(crate) type Question = Option<unsafe extern "C-unwind" fn(Pointer) -> i32>;
pub(crate) type DoneCallback = Option<unsafe extern "C-unwind" fn(u64, Pointer)>;
pub(crate) type FailureHook = Option<unsafe extern "C-unwind" fn(u64, i32, *const c_char, Pointer)>;

pub(crate) const OK: i64 = 0;
pub(crate) const TIMEOUT: i64 = 1;
pub(crate) const CANCELLED: i64 = 3;
pub(crate) const CLOSED: i64 = 4;
pub(crate) const BROKEN: i64 = 5;
pub(crate) const FAILED: i64 = 6;
pub(crate) const OWNER_DEAD: i64 = 7;
pub(crate) const E_HANDLE: i64 = -1;
pub(crate) const E_INVALID: i64 = -2;
pub(crate) const E_STATE: i64 = -3;
pub(crate) const E_NOT_OWNER: i64 = -4;
pub(crate) const E_DEADLOCK: i64 = -5;
pub(crate) const E_BUSY: i64 = -6;
pub(crate) const E_OVERFLOW: i64 = -7;

pub(crate) const FOREVER: i64 = -1;
pub(crate) const COUNT_MAX: i64 = 1_073_741_823;

#[repr(C)]
pub(crate) struct threading_thread_options {
    pub(crate) size: usize,
    pub(crate) name: *const c_char,
    pub(crate) daemon: i32,
    pub(crate) priority: i32,
    pub(crate) stack_size: usize,
    pub(crate) cpus: *const u32,
    pub(crate) cpu_count: usize,
    pub(crate) arg_size: usize,
    pub(crate) arg_destructor: Callback,
}

#[repr(C)]
pub(crate) struct threading_timer_options {
    pub(crate) size: usize,
    pub(crate) period_ns: i64,
    pub(crate) arg_destructor: Callback,
}

#[repr(C)]
pub(crate) struct threading_pool_options {
    pub(crate) size: usize,
    pub(crate) name_prefix: *const c_char,
    pub(crate) initializer: Question,
    pub(crate) initializer_arg: Pointer,
    pub(crate) stack_size: usize,
    pub(crate) priority: i32,
    pub(crate) daemon: i32,
    pub(crate) max_queued: i64,
    pub(crate) when_full: i32,
    pub(crate) min_workers: u32,
    pub(crate) idle_timeout_ns: i64,
    pub(crate) arg_destructor: Callback,
    pub(crate) finalizer: Callback,
}

#[derive(Clone, Copy, Default, PartialEq)]
#[repr(C)]
pub(crate) struct threading_pool_statistics {
    pub(crate) size: usize,
    pub(crate) workers: u32,
    pub(crate) busy: u32,
    pub(crate) idle: u32,
    pub(crate) blocked: u32,
    pub(crate) queued: i64,
    pub(crate) done: i64,
    pub(crate) most_queued: i64,
    pub(crate) wait_ns: i64,
    pub(crate) run_ns: i64,
}

unsafe extern "C-unwind" {
    pub(crate) fn threading_status_name(status: i32) -> *const c_char;
    pub(crate) fn threading_status_message(status: i32) -> *const c_char;
    pub(crate) fn threading_last_error() -> *const c_char;
    pub(crate) fn threading_last_failure(
        code: *mut i32,
        buffer: *mut c_char,
        size: usize,
        needed: *mut usize,
    ) -> i32;
    pub(crate) fn threading_seconds(seconds: f64) -> i64;
    pub(crate) fn threading_until(deadline_ns: i64) -> i64;

    pub(crate) fn threading_thread_create(
        target: Target,
        arg: Pointer,
        options: *const threading_thread_options,
        out: *mut u64,
    ) -> i32;
    pub(crate) fn threading_thread_start(thread: u64) -> i32;
    pub(crate) fn threading_thread_run(thread: u64) -> i32;
    pub(crate) fn threading_thread_join(thread: u64, timeout_ns: i64) -> i32;
    pub(crate) fn threading_thread_result(thread: u64, out: *mut Pointer) -> i32;
    pub(crate) fn threading_thread_failure(
        thread: u64,
        code: *mut i32,
        buffer: *mut c_char,
        size: usize,
        needed: *mut usize,
    ) -> i32;
    pub(crate) fn threading_thread_is_alive(thread: u64) -> i32;
    pub(crate) fn threading_thread_destroy(thread: u64) -> i32;
    pub(crate) fn threading_thread_name(
        thread: u64,
        buffer: *mut c_char,
        size: usize,
        needed: *mut usize,
    ) -> i32;
    pub(crate) fn threading_thread_set_name(thread: u64, name: *const c_char) -> i32;
    pub(crate) fn threading_thread_ident(thread: u64, out: *mut u64) -> i32;
    pub(crate) fn threading_thread_native_id(thread: u64, out: *mut u64) -> i32;
    pub(crate) fn threading_thread_is_daemon(thread: u64) -> i32;
    pub(crate) fn threading_thread_set_daemon(thread: u64, daemon: i32) -> i32;
    pub(crate) fn threading_thread_priority(thread: u64, nice: *mut i32) -> i32;
    pub(crate) fn threading_thread_set_priority(thread: u64, nice: i32) -> i32;
    pub(crate) fn threading_current_thread() -> u64;
    pub(crate) fn threading_main_thread() -> u64;
    pub(crate) fn threading_enumerate(threads: *mut u64, capacity: usize, count: *mut usize) -> i32;
    pub(crate) fn threading_get_ident() -> u64;
    pub(crate) fn threading_setpriority(ident: u64, nice: i32) -> i32;
    pub(crate) fn threading_stack_size(bytes: usize, previous: *mut usize) -> i32;
    pub(crate) fn threading_sleep(timeout_ns: i64) -> i32;
    pub(crate) fn threading_fail(code: i32, message: *const c_char) -> i32;
    pub(crate) fn threading_set_excepthook(hook: FailureHook, user: Pointer) -> i32;

    pub(crate) fn threading_local_create(destructor: Callback, out: *mut u64) -> i32;
    pub(crate) fn threading_local_destroy(local: u64) -> i32;
    pub(crate) fn threading_local_get(local: u64, out: *mut Pointer) -> i32;
    pub(crate) fn threading_local_set(local: u64, value: Pointer) -> i32;

    pub(crate) fn threading_lock_create(out: *mut u64) -> i32;
    pub(crate) fn threading_lock_destroy(lock: u64) -> i32;
    pub(crate) fn threading_lock_acquire(lock: u64, timeout_ns: i64) -> i32;
    pub(crate) fn threading_lock_release(lock: u64) -> i32;
    pub(crate) fn threading_lock_locked(lock: u64) -> i32;

    pub(crate) fn threading_rlock_create(out: *mut u64) -> i32;
    pub(crate) fn threading_rlock_destroy(rlock: u64) -> i32;
    pub(crate) fn threading_rlock_acquire(rlock: u64, timeout_ns: i64) -> i32;
    pub(crate) fn threading_rlock_release(rlock: u64) -> i32;
    pub(crate) fn threading_rlock_locked(rlock: u64) -> i32;
    pub(crate) fn threading_rlock_is_owned(rlock: u64) -> i32;
    pub(crate) fn threading_rlock_recursion_count(rlock: u64) -> i64;

    pub(crate) fn threading_condition_create(out: *mut u64) -> i32;
    pub(crate) fn threading_condition_create_with_lock(lock: u64, out: *mut u64) -> i32;
    pub(crate) fn threading_condition_create_with_rlock(rlock: u64, out: *mut u64) -> i32;
    pub(crate) fn threading_condition_destroy(condition: u64) -> i32;
    pub(crate) fn threading_condition_acquire(condition: u64, timeout_ns: i64) -> i32;
    pub(crate) fn threading_condition_release(condition: u64) -> i32;
    pub(crate) fn threading_condition_wait(condition: u64, timeout_ns: i64) -> i32;
    pub(crate) fn threading_condition_wait_for(
        condition: u64,
        predicate: Question,
        arg: Pointer,
        timeout_ns: i64,
    ) -> i32;
    pub(crate) fn threading_condition_notify(condition: u64, n: i64) -> i32;
    pub(crate) fn threading_condition_notify_all(condition: u64) -> i32;

    pub(crate) fn threading_semaphore_create(value: i64, out: *mut u64) -> i32;
    pub(crate) fn threading_semaphore_create_bounded(value: i64, out: *mut u64) -> i32;
    pub(crate) fn threading_semaphore_destroy(semaphore: u64) -> i32;
    pub(crate) fn threading_semaphore_acquire(semaphore: u64, timeout_ns: i64) -> i32;
    pub(crate) fn threading_semaphore_release(semaphore: u64, n: i64) -> i32;
    pub(crate) fn threading_semaphore_value(semaphore: u64) -> i64;

    pub(crate) fn threading_event_create(out: *mut u64) -> i32;
    pub(crate) fn threading_event_destroy(event: u64) -> i32;
    pub(crate) fn threading_event_is_set(event: u64) -> i32;
    pub(crate) fn threading_event_set(event: u64) -> i32;
    pub(crate) fn threading_event_clear(event: u64) -> i32;
    pub(crate) fn threading_event_wait(event: u64, timeout_ns: i64) -> i32;

    pub(crate) fn threading_barrier_create(
        parties: i64,
        action: Question,
        arg: Pointer,
        timeout_ns: i64,
        out: *mut u64,
    ) -> i32;
    pub(crate) fn threading_barrier_destroy(barrier: u64) -> i32;
    pub(crate) fn threading_barrier_wait(barrier: u64, timeout_ns: i64, index: *mut i64) -> i32;
    pub(crate) fn threading_barrier_reset(barrier: u64) -> i32;
    pub(crate) fn threading_barrier_abort(barrier: u64) -> i32;
    pub(crate) fn threading_barrier_parties(barrier: u64) -> i64;
    pub(crate) fn threading_barrier_n_waiting(barrier: u64) -> i64;
    pub(crate) fn threading_barrier_broken(barrier: u64) -> i32;

    pub(crate) fn threading_timer_create(
        interval_ns: i64,
        callback: Callback,
        arg: Pointer,
        options: *const threading_timer_options,
        out: *mut u64,
    ) -> i32;
    pub(crate) fn threading_timer_start(timer: u64) -> i32;
    pub(crate) fn threading_timer_cancel(timer: u64) -> i32;
    pub(crate) fn threading_timer_join(timer: u64, timeout_ns: i64) -> i32;
    pub(crate) fn threading_timer_destroy(timer: u64) -> i32;

    pub(crate) fn threading_queue_create(
        order: i32,
        maxsize: i64,
        item_destructor: Callback,
        out: *mut u64,
    ) -> i32;
    pub(crate) fn threading_queue_destroy(queue: u64) -> i32;
    pub(crate) fn threading_queue_put(queue: u64, item: Pointer, timeout_ns: i64) -> i32;
    pub(crate) fn threading_queue_put_priority(
        queue: u64,
        item: Pointer,
        priority: i64,
        timeout_ns: i64,
    ) -> i32;
    pub(crate) fn threading_queue_get(queue: u64, item: *mut Pointer, timeout_ns: i64) -> i32;
    pub(crate) fn threading_queue_task_done(queue: u64) -> i32;
    pub(crate) fn threading_queue_join(queue: u64, timeout_ns: i64) -> i32;
    pub(crate) fn threading_queue_shutdown(queue: u64, immediate: i32) -> i32;
    pub(crate) fn threading_queue_qsize(queue: u64) -> i64;
    pub(crate) fn threading_queue_unfinished_tasks(queue: u64) -> i64;
    pub(crate) fn threading_queue_empty(queue: u64) -> i32;
    pub(crate) fn threading_queue_full(queue: u64) -> i32;
    pub(crate) fn threading_queue_is_shutdown(queue: u64) -> i32;

    pub(crate) fn threading_future_create(out: *mut u64) -> i32;
    pub(crate) fn threading_future_set_running_or_notify_cancel(future: u64) -> i32;
    pub(crate) fn threading_future_set_result(future: u64, result: Pointer) -> i32;
    pub(crate) fn threading_future_set_failure(future: u64, code: i32, message: *const c_char) -> i32;
    pub(crate) fn threading_future_result(future: u64, timeout_ns: i64, out: *mut Pointer) -> i32;
    pub(crate) fn threading_future_failure(
        future: u64,
        timeout_ns: i64,
        code: *mut i32,
        buffer: *mut c_char,
        size: usize,
        needed: *mut usize,
    ) -> i32;
    pub(crate) fn threading_future_cancel(future: u64) -> i32;
    pub(crate) fn threading_future_cancelled(future: u64) -> i32;
    pub(crate) fn threading_future_running(future: u64) -> i32;
    pub(crate) fn threading_future_done(future: u64) -> i32;
    pub(crate) fn threading_future_add_done_callback(
        future: u64,
        callback: DoneCallback,
        arg: Pointer,
        destructor: Callback,
    ) -> i32;
    pub(crate) fn threading_future_destroy(future: u64) -> i32;
    pub(crate) fn threading_futures_wait(
        futures: *const u64,
        count: usize,
        when: i32,
        timeout_ns: i64,
        done_flags: *mut i32,
    ) -> i32;

    pub(crate) fn threading_pool_create(
        max_workers: u32,
        options: *const threading_pool_options,
        out: *mut u64,
    ) -> i32;
    pub(crate) fn threading_pool_submit_priority(
        pool: u64,
        target: Target,
        arg: Pointer,
        priority: i64,
        out: *mut u64,
    ) -> i32;
    pub(crate) fn threading_pool_submit(pool: u64, target: Target, arg: Pointer, out: *mut u64) -> i32;
    pub(crate) fn threading_pool_execute(pool: u64, callback: Callback, arg: Pointer) -> i32;
    pub(crate) fn threading_pool_wait(pool: u64, timeout_ns: i64) -> i32;
    pub(crate) fn threading_pool_shutdown(pool: u64, wait: i32, cancel_futures: i32) -> i32;
    pub(crate) fn threading_pool_destroy(pool: u64) -> i32;
    pub(crate) fn threading_pool_stats(pool: u64, out: *mut threading_pool_statistics) -> i32;
    pub(crate) fn threading_worker_index() -> i32;
    pub(crate) fn threading_blocking_begin() -> i32;
    pub(crate) fn threading_blocking_end() -> i32;

    pub(crate) fn threading_group_create(pool: u64, out: *mut u64) -> i32;
    pub(crate) fn threading_group_submit(group: u64, target: Target, arg: Pointer) -> i32;
    pub(crate) fn threading_group_wait(group: u64, timeout_ns: i64) -> i32;
    pub(crate) fn threading_group_cancel(group: u64) -> i32;
    pub(crate) fn threading_group_destroy(group: u64) -> i32;
}
