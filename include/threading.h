/*
 * threading.h: Python's threading for C.
 *
 * Threads with names, daemons and results; locks with timeouts; conditions without spurious wake-ups;
 * semaphores, events, barriers, thread locals and timers; queues, pools with futures, groups, parallel loops.
 * Misuse is answered with a status and never with undefined behaviour: a handle that is zero, stale, of
 * another kind or garbage makes a call fail, and nothing else.
 *
 * A complete program; compile it with `cc program.c -lthreading`:
 *
 *   #include <stdio.h>
 *   #include <threading.h>
 *
 *   static threading_lock lock;
 *   static int counter;
 *
 *   static void *count(void *arg) {
 *     for (int i = 0; i < 100000; i++) THREADING_WITH(lock) counter++;
 *     return arg;
 *   }
 *
 *   int main(void) {
 *     threading_thread workers[2];
 *     if (threading_lock_create(&lock) != THREADING_OK) return 1;
 *     for (int i = 0; i < 2; i++)
 *       if (threading_thread_spawn(count, NULL, NULL, &workers[i]) != THREADING_OK) return 1;
 *     for (int i = 0; i < 2; i++) threading_thread_join(workers[i], THREADING_FOREVER);
 *     printf("counter: %d\n", counter);
 *     return 0;
 *   }
 *
 * It prints `counter: 200000`. To link the static library instead, see the README; CMake finds both by
 * find_package(threading), other builds by pkg-config threading.
 *
 *
 * CONVENTIONS, said once and not repeated below
 *
 * Status.      A function that can fail returns a threading_status. 0 is done; above 0 is an outcome to
 *              branch on, such as THREADING_TIMEOUT; below 0 is misuse or failure. A question (`locked`,
 *              `is_set`) answers 1 for yes and 0 for no, a count answers 0 or more; below 0 both are a
 *              status. Any function that takes a handle can answer THREADING_E_HANDLE, and any can answer
 *              THREADING_E_INTERNAL, which is a defect of this library. threading_last_error() has the
 *              story of this thread's last negative status. errno is left as it was.
 * Handles.     Each kind of object has a struct of its own around a 64-bit number, passed by value; a
 *              foreign function interface can pass the number itself. 0 names nothing. `create` makes an
 *              object, `destroy` ends it; no handle ever comes to name another object. Destroying what is
 *              held or waited on answers THREADING_E_BUSY and changes nothing.
 * Time.        A timeout is relative, in nanoseconds, on the monotonic clock: 0 tries once,
 *              THREADING_FOREVER has no limit, anything below that is THREADING_E_INVALID, also when the
 *              call would not have waited. Very long timeouts saturate, they never wrap. A wait ends for
 *              the reason that its status names: there are no spurious wake-ups and no interruptions by
 *              signals.
 * Results.     Out-parameters are written only when the status is THREADING_OK or THREADING_OWNER_DEAD; the
 *              flags of threading_futures_wait() also on THREADING_TIMEOUT.
 * Pointers.    Where NULL is allowed the parameter says so; elsewhere it is THREADING_E_INVALID. Every
 *              other pointer is trusted.
 * Callbacks.   A callback comes with an argument. Where a destructor can be given with it, the destructor
 *              runs exactly once, however things end; when the call itself fails, the argument stays the
 *              caller's. Without a destructor the argument must outlive the object. A callback may call
 *              this library. `pthread_exit` and `pthread_cancel` in the target of a thread end that thread
 *              cleanly, and its joiners learn of it; in a task of a pool they end that task, and another
 *              thread takes the place. A C++ exception that leaves a target ends the process, as in
 *              std::thread.
 * Options.     An options struct begins with its own size, `sizeof`. Zero means the default in every field,
 *              and NULL instead of the struct means all defaults. Statistics structs begin with their
 *              size, too, which the caller sets; at most that much is written.
 * Text.        Text is UTF-8 and copied on entry. A getter fills `buffer` with at most `size` bytes, always
 *              terminated and cut only between characters; `*needed` is the size of the whole text with its
 *              NUL.
 * Memory.      What a thread did before it released, notified, set, put, submitted, started a thread or
 *              ended is seen by the thread that acquires, is woken, waits, gets, runs, joins or reads
 *              the result in return; a barrier orders all before it with all after it.
 * Signals.     Signal handlers may call threading_event_set(), threading_semaphore_release() and what says so
 *              under its thread safety, nothing else.
 * Names.       Every name is `threading_` or `THREADING_`, then the noun of its section, then a verb of
 *              Python's. Where a function has a counterpart in Python, its last line names it.
 *
 *
 * CONTENTS
 *
 *   Version, status and time          threading_status_name()            8 functions
 *   Threads                           threading_thread_spawn()          21 functions
 *   Who else is there                 threading_current_thread()        12 functions
 *   Hooks and the end of the process  threading_set_excepthook()         5 functions
 *   Locals                            threading_local_create()           4 functions
 *   Lock                              threading_lock_acquire()           5 functions
 *   RLock                             threading_rlock_acquire()          7 functions
 *   Condition                         threading_condition_wait_for()    10 functions
 *   Semaphore                         threading_semaphore_acquire()      6 functions
 *   Event                             threading_event_wait()             6 functions
 *   Barrier                           threading_barrier_wait()           8 functions
 *   Timer                             threading_timer_create()           5 functions
 *   Queue                             threading_queue_put()             13 functions
 *   Future                            threading_future_result()         13 functions
 *   Pool                              threading_pool_submit()           15 functions
 *   Group                             threading_group_submit()           6 functions
 *   Parallel loops                    threading_parallel_for()           3 functions
 *   THREADING_WITH                    THREADING_WITH
 */
#ifndef THREADING_H
#define THREADING_H

#include <stddef.h>
#include <stdint.h>

/*
 * Stands before each function, and has the compiler call it by its address instead of by a jump to that
 * address, where it can: half a nanosecond to one less per call of the shared library. Define it as nothing
 * for a tool that reads headers without attributes.
 */
#ifndef THREADING_API
#ifdef __has_attribute
#if __has_attribute(__noplt__)
#define THREADING_API __attribute__((__noplt__))
#endif
#endif
#endif
#ifndef THREADING_API
#define THREADING_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version, status and time -------------------------------------------------------------------------- */

/**
 * The major version: a program compiled with another one must not use the library.
 */
#define THREADING_VERSION_MAJOR 0

/**
 * The minor version: it grows with each function that is added.
 */
#define THREADING_VERSION_MINOR 1

/**
 * The patch version.
 */
#define THREADING_VERSION_PATCH 0

/**
 * All three in one number: major * 1000000 + minor * 1000 + patch.
 */
#define THREADING_VERSION 1000

/**
 * How a call ended: 0 is done, above 0 is an outcome to branch on, below 0 is misuse or failure.
 */
typedef int32_t threading_status;

/**
 * Done.
 */
#define THREADING_OK 0

/**
 * The time ran out first; nothing has changed.
 */
#define THREADING_TIMEOUT 1

/**
 * A cancel token in force ended the wait.
 */
#define THREADING_INTERRUPTED 2

/**
 * It was cancelled.
 */
#define THREADING_CANCELLED 3

/**
 * It is shut down.
 */
#define THREADING_CLOSED 4

/**
 * The barrier is broken, or the pool: one of its initializers failed.
 */
#define THREADING_BROKEN 5

/**
 * The target or callback itself failed: it has a code and a message.
 */
#define THREADING_FAILED 6

/**
 * Acquired, but the owner before ended without releasing; what it guards may be half changed.
 */
#define THREADING_OWNER_DEAD 7

/**
 * The handle names no living object of this kind.
 */
#define THREADING_E_HANDLE (-1)

/**
 * An argument is wrong: a NULL callback, a negative count, a timeout below -1.
 */
#define THREADING_E_INVALID (-2)

/**
 * Not allowed now: a second start, a join before the start, the release of an unlocked lock.
 */
#define THREADING_E_STATE (-3)

/**
 * The caller does not hold it.
 */
#define THREADING_E_NOT_OWNER (-4)

/**
 * The wait could never end: the caller waits for itself, or in a circle of up to 64 threads. Of those who close a
 * circle at once one is refused, and the others wait for it.
 */
#define THREADING_E_DEADLOCK (-5)

/**
 * What is to be destroyed is in use.
 */
#define THREADING_E_BUSY (-6)

/**
 * A counter is at its limit.
 */
#define THREADING_E_OVERFLOW (-7)

/**
 * No memory.
 */
#define THREADING_E_NO_MEMORY (-8)

/**
 * The system starts no more threads.
 */
#define THREADING_E_NO_THREAD (-9)

/**
 * The system does not allow it.
 */
#define THREADING_E_PERMISSION (-10)

/**
 * This system has no such thing.
 */
#define THREADING_E_UNSUPPORTED (-11)

/**
 * What ran behind this handle stayed in the parent process.
 */
#define THREADING_E_FORKED (-12)

/**
 * The system refused for another reason; threading_last_error() has its errno.
 */
#define THREADING_E_SYSTEM (-13)

/**
 * A defect of this library, caught at its boundary.
 */
#define THREADING_E_INTERNAL (-14)

/**
 * The timeout without limit.
 */
#define THREADING_FOREVER ((int64_t)-1)

/**
 * The limit of a semaphore's value, of a barrier's parties and of an rlock's depth.
 */
#define THREADING_COUNT_MAX INT64_C(1073741823)

/**
 * What a thread or a task of a pool runs; what it returns is the result.
 */
typedef void *(*threading_target)(void *arg);

/**
 * What a timer, a pool or the end of the process calls.
 */
typedef void (*threading_callback)(void *arg);

/**
 * What ends an argument or a value; it runs once for each.
 */
typedef void (*threading_destructor)(void *arg);

/**
 * What threading_condition_wait_for() waits for: anything but 0 is true.
 */
typedef int32_t (*threading_predicate)(void *arg);

/**
 * What one thread of a barrier does for all, and each new worker of a pool: anything but #THREADING_OK says that it failed.
 */
typedef threading_status (*threading_action)(void *arg);

/**
 * Tells the version of the library that the program runs with; #THREADING_VERSION is the one it was compiled
 * with.
 *
 * \returns major * 1000000 + minor * 1000 + patch
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 */
THREADING_API uint32_t threading_version(void);

/**
 * Names `status` as this header does, for example `THREADING_E_BUSY`.
 *
 * \param status  any number
 * \returns a text that is good for ever, never NULL; `unknown status` when `status` is none of this version
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 */
THREADING_API const char *threading_status_name(threading_status status);

/**
 * Says in a few words what `status` means; threading_last_error() knows more of a certain failure.
 *
 * \param status  any number
 * \returns a text that is good for ever, never NULL, also when `status` is none of this version
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 */
THREADING_API const char *threading_status_message(threading_status status);

/**
 * Tells the story of this thread's last negative status: which call, which object, why.
 *
 * A call that succeeds, or ends with an outcome above 0, leaves it as it is. An example:
 * `threading_lock_release: lock 0x0200000000000001: it is not locked`.
 *
 * \returns a text that is good until this thread's next call with a negative status, never NULL; "" when
 *          there was none. Without memory for the story it is what threading_status_message() says of the
 *          status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API const char *threading_last_error(void);

/**
 * Gets code and message of the failure behind this thread's last #THREADING_FAILED.
 *
 * That is the failure of a barrier's action, a future, a map, a group or a parallel loop. The code is what an
 * action returned, or what was given to threading_fail(). The failure of a thread's
 * target is the thread's: see threading_thread_failure().
 *
 * \param code    where the code is written
 * \param buffer  where the message is written, cut to `size` bytes; NULL when `size` is 0
 * \param size    bytes in `buffer`
 * \param needed  where the size of the whole message with its NUL is written; may be NULL
 * \returns #THREADING_OK, also when the message was cut; #THREADING_E_STATE when there was none;
 *          #THREADING_E_INVALID when `code` is NULL, or `buffer` is with a `size` above 0
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_last_failure(int32_t *code,
                                                      char *buffer,
                                                      size_t size,
                                                      size_t *needed);

/**
 * Turns seconds, as Python counts time, into a timeout.
 *
 * It saturates, and rounds up to the next nanosecond, so that a tiny wait never becomes a poll.
 *
 * \param seconds  how long, with fractions
 * \returns nanoseconds; -2 for NaN and for every negative number, which each call refuses as
 *          #THREADING_E_INVALID
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 */
THREADING_API int64_t threading_seconds(double seconds);

/**
 * Reads the monotonic clock, from which deadlines are made: `threading_now() + THREADING_SECONDS(2)`.
 *
 * \returns nanoseconds since a moment that stays the same while the system runs
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `time.monotonic_ns`
 */
THREADING_API int64_t threading_now(void);

/**
 * Turns a deadline into a timeout, for several waits that end at the same moment.
 *
 * \param deadline_ns  a moment of threading_now(), in nanoseconds
 * \returns the nanoseconds left until then; 0 when it has passed, never below
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 */
THREADING_API int64_t threading_until(int64_t deadline_ns);

/**
 * Whether `status` says that a lock is now held: #THREADING_OK or #THREADING_OWNER_DEAD. The argument is
 * evaluated twice.
 */
#define THREADING_ACQUIRED(status) ((status) == THREADING_OK || (status) == THREADING_OWNER_DEAD)

/**
 * A constant number of seconds as a timeout, `THREADING_SECONDS(2)` or `THREADING_SECONDS(0.5)`. For values
 * that the program computes use threading_seconds(), which saturates.
 */
#define THREADING_SECONDS(x) ((int64_t)((x) * 1000000000LL))

/**
 * A constant number of milliseconds as a timeout.
 */
#define THREADING_MILLISECONDS(x) ((int64_t)((x) * 1000000LL))

/* ---- Threads ------------------------------------------------------------------------------------------- */

/**
 * A daemon if its creator is one.
 */
#define THREADING_DAEMON_INHERIT 0

/**
 * A daemon: the end of the process does not wait for it.
 */
#define THREADING_DAEMON 1

/**
 * Not a daemon: the end of the process waits for it.
 */
#define THREADING_NON_DAEMON 2

/**
 * A thread, from its creation until it has ended and its creator has destroyed it.
 *
 * Its number is never reused, and is its ident. Threads that the library did not start have a handle too:
 * see threading_current_thread().
 */
typedef struct threading_thread {
  /**
   * The number by which languages in one process share the thread; 0 names nothing.
   */
  uint64_t id;
} threading_thread;

/**
 * How a thread is to be; zero is the default in every field.
 *
 * \code
 * threading_thread_options options = { sizeof options };
 * options.name = "reader";
 * options.daemon = THREADING_DAEMON;
 * threading_thread_spawn(read_all, &source, &options, &reader);
 * \endcode
 */
typedef struct threading_thread_options {
  /**
   * `sizeof(threading_thread_options)`.
   */
  size_t size;
  /**
   * UTF-8 of any length, of which the system is told the first 15 bytes; NULL or "": `Thread-1`, `Thread-2`
   * and so on.
   */
  const char *name;
  /**
   * #THREADING_DAEMON_INHERIT, #THREADING_DAEMON or #THREADING_NON_DAEMON.
   */
  int32_t daemon;
  /**
   * Niceness, -20 to 19, lower runs more; 0: as its creator.
   */
  int32_t priority;
  /**
   * Bytes, at least 32 KiB; 0: as threading_stack_size() says.
   */
  size_t stack_size;
  /**
   * The numbers of the processors that it may run on; NULL when `cpu_count` is 0.
   */
  const uint32_t *cpus;
  /**
   * How many `cpus` there are; 0: those of its creator.
   */
  size_t cpu_count;
  /**
   * Above 0: the thread gets a copy of that many bytes at `arg`, aligned to 16, which is freed when it
   * ends.
   */
  size_t arg_size;
  /**
   * Ends the argument, or its copy, on the thread when the target has returned or was left; NULL: nothing
   * to end.
   */
  threading_destructor arg_destructor;
} threading_thread_options;

/**
 * Makes a thread that runs `target` with `arg` once it is started.
 *
 * Its name, priority, scheduler, processors and daemon flag can still be set. A thread that is never started
 * has to be destroyed; that ends its argument.
 *
 * \param target   what it runs
 * \param arg      given to `target`; the thread's when the call succeeds, the caller's when it fails
 * \param options  NULL: all defaults
 * \param out      where the thread is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `target` or `out` is NULL, an
 *          option is out of its range or not UTF-8, or `arg` is NULL with an `arg_size` above 0
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread`
 */
THREADING_API threading_status threading_thread_create(threading_target target,
                                                       void *arg,
                                                       const threading_thread_options *options,
                                                       threading_thread *out);

/**
 * Starts `thread`: from then on it is alive, and its target runs with the signal mask of the caller.
 *
 * When the call fails the thread is unstarted as before, with what was set, and may be started again. A
 * priority, scheduler or processors that the system refuses make the call fail; they are never left out
 * silently.
 *
 * \param thread  the thread
 * \returns #THREADING_OK; #THREADING_E_STATE when it was started or run before; #THREADING_E_NO_THREAD when
 *          the system has no room for another thread; #THREADING_E_NO_MEMORY, also for a stack too large;
 *          #THREADING_E_PERMISSION when the system refuses what was set; #THREADING_E_UNSUPPORTED;
 *          #THREADING_E_SYSTEM
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread.start`
 */
THREADING_API threading_status threading_thread_start(threading_thread thread);

/**
 * Makes a thread and starts it: threading_thread_create() and threading_thread_start() in one call.
 *
 * When the call fails there is no thread, and `arg` stays the caller's: its destructor does not run.
 *
 * \param target   what it runs
 * \param arg      given to `target`; the thread's when the call succeeds, the caller's when it fails
 * \param options  NULL: all defaults
 * \param out      where the thread is written; the thread may run before that
 * \returns #THREADING_OK; #THREADING_E_INVALID when `target` or `out` is NULL, an option is out of its range
 *          or not UTF-8, or `arg` is NULL with an `arg_size` above 0; #THREADING_E_NO_MEMORY, also for a
 *          stack too large; #THREADING_E_NO_THREAD when the system has no room for another thread;
 *          #THREADING_E_PERMISSION when it refuses the priority or the processors; #THREADING_E_UNSUPPORTED;
 *          #THREADING_E_SYSTEM
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread`
 */
THREADING_API threading_status threading_thread_spawn(threading_target target,
                                                      void *arg,
                                                      const threading_thread_options *options,
                                                      threading_thread *out);

/**
 * Runs the target of `thread` here and now, on the calling thread; afterwards `thread` has ended.
 *
 * Only its target and its argument are used: the running thread stays who it is. No hook hears of a failure.
 * When the target leaves by `pthread_exit`, cancellation or an exception, `thread` ends too and this call
 * does not return.
 *
 * \param thread  a thread that has not been started
 * \returns #THREADING_OK; #THREADING_FAILED when the target failed, see threading_thread_failure();
 *          #THREADING_E_STATE when it was started or run before; #THREADING_E_NO_MEMORY
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread.run`
 */
THREADING_API threading_status threading_thread_run(threading_thread thread);

/**
 * Waits for the end of `thread`, as long as `timeout_ns` says; any number of times, from any number of
 * threads.
 *
 * When it returns, the thread's argument and its values in locals have been destroyed. The status tells of
 * the wait: for how the target ended see threading_thread_result().
 *
 * \param thread      the thread; the main thread and foreign threads can be waited for too
 * \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK when it has ended; #THREADING_TIMEOUT when the time ran out first;
 *          #THREADING_E_STATE when it has not been started; #THREADING_E_DEADLOCK when it is the caller, or
 *          waits without limit for the caller, at once or through others; #THREADING_E_FORKED when it stayed
 *          in the parent process; #THREADING_E_INVALID when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread.join`
 */
THREADING_API threading_status threading_thread_join(threading_thread thread,
                                                     int64_t timeout_ns);

/**
 * Gets what the target of `thread` returned; it never waits, threading_thread_join() does.
 *
 * \param thread  the thread
 * \param out     where the result is written
 * \returns #THREADING_OK; #THREADING_FAILED when the target failed, see threading_thread_failure();
 *          #THREADING_E_STATE before its end; #THREADING_E_FORKED when it stayed in the parent process;
 *          #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.result`
 */
THREADING_API threading_status threading_thread_result(threading_thread thread,
                                                       void **out);

/**
 * Gets code and message with which the target of `thread` failed.
 *
 * They are what it gave to threading_fail(). A target that was left by `pthread_exit` or cancellation has
 * failed with the code #THREADING_CANCELLED and no message.
 *
 * \param thread  the thread
 * \param code    where the code is written
 * \param buffer  where the message is written, cut to `size` bytes; NULL when `size` is 0
 * \param size    bytes in `buffer`
 * \param needed  where the size of the whole message with its NUL is written; may be NULL
 * \returns #THREADING_OK, also when the message was cut; #THREADING_E_STATE before its end, or when it did
 *          not fail; #THREADING_E_FORKED when it stayed in the parent process; #THREADING_E_INVALID when
 *          `code` is NULL, or `buffer` is with a `size` above 0
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.exception`
 */
THREADING_API threading_status threading_thread_failure(threading_thread thread,
                                                        int32_t *code,
                                                        char *buffer,
                                                        size_t size,
                                                        size_t *needed);

/**
 * Asks whether `thread` has been started and has not ended; the answer may be out of date when it arrives.
 *
 * \param thread  the thread
 * \returns 1 when it is alive; 0 when not, also when it stayed in the parent process; or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread.is_alive`
 */
THREADING_API int32_t threading_thread_is_alive(threading_thread thread);

/**
 * Gives `thread` up, once for each thread that was created; a thread that runs is not disturbed.
 *
 * The handle stays good, for everybody, until the thread has ended; then it names nothing, and the thread's
 * result is lost. One that was never started is gone at once, and its argument is destroyed by this call, on
 * the caller.
 *
 * \param thread  the thread
 * \returns #THREADING_OK; #THREADING_E_STATE when it was given up before, or is the main thread or a foreign
 *          one, which are nobody's to give up
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_thread_destroy(threading_thread thread);

/**
 * The usual policy: threads share the processors fairly, by their niceness.
 */
#define THREADING_SCHED_OTHER 0

/**
 * As #THREADING_SCHED_OTHER, for long computations that need not react quickly.
 */
#define THREADING_SCHED_BATCH 1

/**
 * Runs only when nothing else wants to.
 */
#define THREADING_SCHED_IDLE 2

/**
 * Real time: runs until it waits or a thread of higher priority wants to run.
 */
#define THREADING_SCHED_FIFO 3

/**
 * Real time: as #THREADING_SCHED_FIFO, taking turns with threads of the same priority.
 */
#define THREADING_SCHED_RR 4

/**
 * Gets the whole name of `thread`.
 *
 * \param thread  the thread
 * \param buffer  where the name is written, cut to `size` bytes; NULL when `size` is 0
 * \param size    bytes in `buffer`
 * \param needed  where the size of the whole name with its NUL is written; may be NULL
 * \returns #THREADING_OK, also when the name was cut; #THREADING_E_INVALID when `buffer` is NULL with a
 *          `size` above 0
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread.name`
 */
THREADING_API threading_status threading_thread_name(threading_thread thread,
                                                     char *buffer,
                                                     size_t size,
                                                     size_t *needed);

/**
 * Names `thread`, at any time; several threads may have the same name.
 *
 * The system is told the first 15 bytes, cut at a character, for its own lists of threads.
 *
 * \param thread  the thread
 * \param name    UTF-8 of any length; copied
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `name` is NULL or not UTF-8
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread.name`
 */
THREADING_API threading_status threading_thread_set_name(threading_thread thread,
                                                         const char *name);

/**
 * Gets the ident of `thread`: the number of its handle, known from its creation and never reused.
 *
 * \param thread  the thread
 * \param out     where the ident is written
 * \returns #THREADING_OK; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread.ident`
 */
THREADING_API threading_status threading_thread_ident(threading_thread thread,
                                                      uint64_t *out);

/**
 * Gets the number that the system gave `thread`, as debuggers and `ps -L` show it.
 *
 * The system reuses these numbers. A thread that has just been started may have to be waited for until it
 * knows its own.
 *
 * \param thread  the thread
 * \param out     where the number is written
 * \returns #THREADING_OK; #THREADING_E_STATE when it has not been started, has ended, or is run by
 *          threading_thread_run() and so by another thread; #THREADING_E_FORKED when it stayed in the parent
 *          process; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread.native_id`
 */
THREADING_API threading_status threading_thread_native_id(threading_thread thread,
                                                          uint64_t *out);

/**
 * Asks whether `thread` is a daemon: the end of the process does not wait for daemons.
 *
 * \param thread  the thread
 * \returns 1 when it is a daemon, as foreign threads are; 0 when not; or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread.daemon`
 */
THREADING_API int32_t threading_thread_is_daemon(threading_thread thread);

/**
 * Makes `thread` a daemon, or not; only before it is started.
 *
 * \param thread  the thread
 * \param daemon  1, which is #THREADING_DAEMON, for a daemon; 0 or #THREADING_NON_DAEMON for none
 * \returns #THREADING_OK; #THREADING_E_STATE when it was started before; #THREADING_E_INVALID when `daemon`
 *          is none of these numbers
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Thread.daemon`
 */
THREADING_API threading_status threading_thread_set_daemon(threading_thread thread,
                                                           int32_t daemon);

/**
 * Gets the niceness of `thread`: -20 to 19, lower runs more.
 *
 * \param thread  the thread; of one that has not been started, what it is to have
 * \param nice    where the niceness is written
 * \returns #THREADING_OK; #THREADING_E_STATE when it has ended; #THREADING_E_FORKED when it stayed in the
 *          parent process; #THREADING_E_INVALID when `nice` is NULL; #THREADING_E_SYSTEM
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `os.getpriority`
 */
THREADING_API threading_status threading_thread_priority(threading_thread thread,
                                                         int32_t *nice);

/**
 * Sets the niceness of `thread`; for one that has not been started it is kept until the start, which asks
 * the system.
 *
 * Most systems let everybody raise it, and few let others than root lower it again.
 *
 * \param thread  the thread
 * \param nice    -20 to 19, lower runs more
 * \returns #THREADING_OK; #THREADING_E_PERMISSION when the system refuses; #THREADING_E_STATE when it has
 *          ended; #THREADING_E_FORKED when it stayed in the parent process; #THREADING_E_INVALID when `nice`
 *          is out of its range; #THREADING_E_SYSTEM
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `os.setpriority`
 */
THREADING_API threading_status threading_thread_set_priority(threading_thread thread,
                                                             int32_t nice);

/**
 * Gets scheduling policy and real-time priority of `thread`.
 *
 * \param thread    the thread; of one that has not been started, what it is to have
 * \param policy    where the policy is written: #THREADING_SCHED_OTHER, #THREADING_SCHED_BATCH,
 *                  #THREADING_SCHED_IDLE, #THREADING_SCHED_FIFO or #THREADING_SCHED_RR
 * \param priority  where the real-time priority is written: 1 to 99, higher runs first; 0 with the first
 *                  three
 * \returns #THREADING_OK; #THREADING_E_STATE when it has ended; #THREADING_E_FORKED when it stayed in the
 *          parent process; #THREADING_E_UNSUPPORTED when its policy is none of these; #THREADING_E_INVALID
 *          when `policy` or `priority` is NULL; #THREADING_E_SYSTEM
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `os.sched_getscheduler`
 */
THREADING_API threading_status threading_thread_scheduler(threading_thread thread,
                                                          int32_t *policy,
                                                          int32_t *priority);

/**
 * Sets scheduling policy and real-time priority of `thread`; for one that has not been started they are kept
 * until the start, which asks the system.
 *
 * \param thread    the thread
 * \param policy    #THREADING_SCHED_OTHER, #THREADING_SCHED_BATCH, #THREADING_SCHED_IDLE,
 *                  #THREADING_SCHED_FIFO or #THREADING_SCHED_RR
 * \param priority  1 to 99 with #THREADING_SCHED_FIFO and #THREADING_SCHED_RR, higher runs first; else 0
 * \returns #THREADING_OK; #THREADING_E_PERMISSION when the system refuses, as most do for real time;
 *          #THREADING_E_STATE when it has ended; #THREADING_E_FORKED when it stayed in the parent process;
 *          #THREADING_E_UNSUPPORTED; #THREADING_E_INVALID when `policy` is none of these or `priority` is
 *          out of its range; #THREADING_E_SYSTEM
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `os.sched_setscheduler`
 */
THREADING_API threading_status threading_thread_set_scheduler(threading_thread thread,
                                                              int32_t policy,
                                                              int32_t priority);

/**
 * Gets the numbers of the processors that `thread` may run on, the lowest first.
 *
 * \param thread    the thread; of one that has not been started, those it is to have
 * \param cpus      where at most `capacity` numbers are written; NULL when `capacity` is 0
 * \param capacity  numbers that `cpus` has room for
 * \param count     where is written how many there are in all, also when that is more than `capacity`
 * \returns #THREADING_OK; #THREADING_E_STATE when it has ended; #THREADING_E_FORKED when it stayed in the
 *          parent process; #THREADING_E_INVALID when `count` is NULL, or `cpus` is with a `capacity` above
 *          0; #THREADING_E_SYSTEM
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `os.sched_getaffinity`
 */
THREADING_API threading_status threading_thread_affinity(threading_thread thread,
                                                         uint32_t *cpus,
                                                         size_t capacity,
                                                         size_t *count);

/**
 * Lets `thread` run on these processors only; for one that has not been started they are kept until the
 * start, which asks the system.
 *
 * \param thread  the thread
 * \param cpus    the numbers of the processors, from 0, in any order
 * \param count   how many there are, at least 1
 * \returns #THREADING_OK; #THREADING_E_STATE when it has ended; #THREADING_E_FORKED when it stayed in the
 *          parent process; #THREADING_E_INVALID when `cpus` is NULL, `count` is 0, a number is above 8191,
 *          or the system lets the thread run on none of them; #THREADING_E_PERMISSION;
 *          #THREADING_E_NO_MEMORY; #THREADING_E_SYSTEM
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `os.sched_setaffinity`
 */
THREADING_API threading_status threading_thread_set_affinity(threading_thread thread,
                                                             const uint32_t *cpus,
                                                             size_t count);

/* ---- Who else is there --------------------------------------------------------------------------------- */

/**
 * Tells which thread calls.
 *
 * A thread that the library did not start is registered by its first call that needs it to be known: it has
 * a name such as `Dummy-1`, is a daemon, and can be joined and asked like others until it ends.
 *
 * \returns the thread; { 0 } only for such a thread, when there is no memory to register it, or when it has
 *          run most of its key destructors
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.current_thread`
 */
THREADING_API threading_thread threading_current_thread(void);

/**
 * Tells which thread is the main one: where the process began, or in a forked child the thread that forked.
 *
 * \returns the thread, also when it has ended; { 0 } only when there is no memory to register it
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.main_thread`
 */
THREADING_API threading_thread threading_main_thread(void);

/**
 * Counts the threads that are alive: the main one, those started here, and foreign ones that were
 * registered.
 *
 * \returns how many there are; #THREADING_E_NO_MEMORY
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.active_count`
 */
THREADING_API int64_t threading_active_count(void);

/**
 * Lists the threads that are alive; some may have ended, and others begun, when the list arrives.
 *
 * \param threads   where at most `capacity` threads are written; NULL when `capacity` is 0
 * \param capacity  threads that `threads` has room for
 * \param count     where is written how many there are in all, also when that is more than `capacity`
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `count` is NULL, or `threads` is
 *          with a `capacity` above 0
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.enumerate`
 */
THREADING_API threading_status threading_enumerate(threading_thread *threads,
                                                   size_t capacity,
                                                   size_t *count);

/**
 * Tells the ident of the thread that calls: the number of its handle.
 *
 * \returns the ident; 0 only where threading_current_thread() answers { 0 }
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.get_ident`
 */
THREADING_API uint64_t threading_get_ident(void);

/**
 * Tells the number that the system gave the thread that calls, as debuggers and `ps -L` show it.
 *
 * \returns the number, never 0
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.get_native_id`
 */
THREADING_API uint64_t threading_get_native_id(void);

/**
 * Sets the niceness of the thread with this ident, as threading_thread_set_priority() does.
 *
 * \param ident  what threading_thread_ident() or threading_get_ident() told, not a number of the system's
 * \param nice   -20 to 19, lower runs more
 * \returns #THREADING_OK; #THREADING_E_INVALID when no thread has this ident or `nice` is out of its range;
 *          #THREADING_E_PERMISSION when the system refuses; #THREADING_E_STATE when the thread has ended;
 *          #THREADING_E_FORKED when it stayed in the parent process; #THREADING_E_SYSTEM
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `os.setpriority`
 */
THREADING_API threading_status threading_setpriority(uint64_t ident,
                                                     int32_t nice);

/**
 * Sets the stack size of all threads that are started from now on and have none of their own.
 *
 * \param bytes     at least 32 KiB; 0: the system's default. Rounded up to whole pages
 * \param previous  where the size so far is written; may be NULL
 * \returns #THREADING_OK; #THREADING_E_INVALID when `bytes` is neither 0 nor at least 32 KiB
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.stack_size`
 */
THREADING_API threading_status threading_stack_size(size_t bytes, size_t *previous);

/**
 * Tells the longest timeout with a limit, some 292 years.
 *
 * \returns nanoseconds; no timeout is too long
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.TIMEOUT_MAX`
 */
THREADING_API int64_t threading_timeout_max(void);

/**
 * Sleeps as long as `timeout_ns` says; signals do not shorten the sleep.
 *
 * \param timeout_ns  nanoseconds: 0 returns at once, #THREADING_FOREVER never
 * \returns #THREADING_OK when the time has passed; #THREADING_E_INVALID when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `time.sleep`
 */
THREADING_API threading_status threading_sleep(int64_t timeout_ns);

/**
 * Lets another thread run that is ready to, if there is one.
 *
 * It is no way to wait for something: a thread that yields in a loop keeps a processor busy.
 *
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `os.sched_yield`
 */
THREADING_API void threading_yield(void);

/**
 * Counts the processors that the calling thread may use: its affinity, and the quota of its control group.
 *
 * It asks anew each time, because both can change.
 *
 * \returns how many, at least 1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `os.process_cpu_count`
 */
THREADING_API uint32_t threading_cpu_count(void);

/* ---- Hooks and the end of the process ------------------------------------------------------------------ */

/**
 * Hears of each thread whose target failed, on that thread: its code and its message, "" when it has none.
 */
typedef void (*threading_failure_hook)(threading_thread thread,
                                       int32_t code,
                                       const char *message,
                                       void *user);

/**
 * Hears of what happens, on the thread to which it happens: `event` is one of THREADING_HOOK_*.
 */
typedef void (*threading_event_hook)(int32_t event,
                                     threading_thread thread,
                                     uint64_t object,
                                     void *user);

/**
 * A thread begins, before its target; `object` is 0.
 */
#define THREADING_HOOK_THREAD_START 1

/**
 * A thread ends, after its target and all its destructors; `object` is 0.
 */
#define THREADING_HOOK_THREAD_EXIT 2

/**
 * A thread begins to wait for `object`; a call that need not wait is not told of.
 */
#define THREADING_HOOK_WAIT_BEGIN 3

/**
 * The wait for `object` is over, whatever its outcome.
 */
#define THREADING_HOOK_WAIT_END 4

/**
 * A task begins; `object` is its future, or 0.
 */
#define THREADING_HOOK_TASK_BEGIN 5

/**
 * A task ends; `object` is its future, or 0.
 */
#define THREADING_HOOK_TASK_END 6

/**
 * Marks what runs on this thread, the innermost target or action, as failed; it goes on, and should then
 * return.
 *
 * It takes the place of raising an exception. Of several calls the last one counts. Where a thread's target
 * fails the hook of threading_set_excepthook() is called when it has returned, and threading_thread_result()
 * answers #THREADING_FAILED; the others learn of it from the call that ran the action.
 *
 * \param code     any number that says why
 * \param message  UTF-8 of any length, copied; NULL is ""
 * \returns #THREADING_OK; #THREADING_E_STATE when no target or action runs on this thread;
 *          #THREADING_E_INVALID when `message` is not UTF-8; #THREADING_E_NO_MEMORY
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `raise`
 */
THREADING_API threading_status threading_fail(int32_t code,
                                              const char *message);

/**
 * Sets the hook that hears of each thread whose target failed, on that thread, when the target has returned.
 *
 * It also hears of what fails and has nobody to ask for it: timers, tasks without a future, initializers.
 * A target that was left by `pthread_exit` or cancellation is not told of, and neither is
 * threading_thread_run(). The hook may still run on another thread when it has been replaced.
 *
 * \param hook  NULL: the default, which writes one line with name, code and message to standard error
 * \param user  given to `hook`; it has to live as long as a thread may fail
 * \returns #THREADING_OK
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.excepthook`
 */
THREADING_API threading_status threading_set_excepthook(threading_failure_hook hook,
                                                        void *user);

/**
 * Sets the hook that hears of threads that start and end and of waits that begin and end, in all threads.
 *
 * It is called on the thread that it tells of. What the hook itself does is not told, so it may wait. It may
 * still run on another thread when it has been replaced. Without a hook nothing is slower.
 *
 * \param hook  NULL: none, as it is at first
 * \param user  given to `hook`; it has to live as long as the hook may run
 * \returns #THREADING_OK
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.setprofile`
 */
THREADING_API threading_status threading_set_profile(threading_event_hook hook,
                                                     void *user);

/**
 * Waits for all threads that are not daemons, then calls what threading_at_exit() was given, the latest
 * first.
 *
 * The process does the same inside exit(), at the place of the first started thread among its exit handlers;
 * a call at the end of main does it earlier, while everything is still there. The caller, the main thread
 * and threads that are in this call themselves are not waited for. Each callback is called once; the call
 * may be repeated.
 *
 * \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out first, then no callback was called;
 *          #THREADING_E_DEADLOCK when more than 64 of the threads wait for the caller; #THREADING_E_INVALID
 *          when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading._shutdown`
 */
THREADING_API threading_status threading_shutdown(int64_t timeout_ns);

/**
 * Lets `callback` be called when all threads that are not daemons have ended, before the process does.
 *
 * It is called once, by threading_shutdown() or inside exit(), and not at all when the process ends without
 * exit(). Those given last are called first.
 *
 * \param callback    what is called
 * \param arg         given to `callback`
 * \param destructor  ends `arg` after `callback` has returned; may be NULL
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `callback` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `atexit.register`
 */
THREADING_API threading_status threading_at_exit(threading_callback callback,
                                                 void *arg,
                                                 threading_destructor destructor);

/* ---- Locals -------------------------------------------------------------------------------------------- */

/**
 * A local: a pointer of which every thread has a value of its own, NULL until the thread sets it.
 *
 * A thread's value is destroyed when the thread ends, before a join of it returns; the values of all threads
 * are destroyed with the local. There is no limit on the number of locals. When the process exits, the
 * values of the threads that still run are not destroyed.
 *
 * \code
 * void *buffer = NULL;
 * threading_local_get(buffers, &buffer);  // threading_local_create(free, &buffers) made it
 * if (buffer == NULL) {
 *   buffer = malloc(4096);
 *   threading_local_set(buffers, buffer);
 * }
 * \endcode
 */
typedef struct threading_local {
  /**
   * The number by which languages in one process share the local; 0 names nothing.
   */
  uint64_t id;
} threading_local;

/**
 * Makes a local without a value in any thread.
 *
 * \param destructor  gets each value other than NULL once, on its thread when that ends or on the thread
 *                    that destroys the local; NULL when values need none
 * \param out         where the local is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.local`
 */
THREADING_API threading_status threading_local_create(threading_destructor destructor,
                                                      threading_local *out);

/**
 * Ends `local` and destroys its values in all threads; from then on its handle names nothing.
 *
 * The destructor runs here, also for the values of other threads: these must not use them any more. What
 * unwinds from it, a C++ exception or `pthread_exit`, passes through this call; values that are left then
 * die with their threads.
 *
 * \param local  the local
 * \returns #THREADING_OK
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_local_destroy(threading_local local);

/**
 * Reads the value that the calling thread has set.
 *
 * \param local  the local
 * \param out    where the value is written; NULL when this thread has set none
 * \returns #THREADING_OK; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_local_get(threading_local local, void **out);

/**
 * Sets the value of the calling thread.
 *
 * The value before is not destroyed: it is the caller's again. A value that is set while the thread ends, by
 * a destructor of another value, is destroyed as well; destructors that go on setting values for ever are
 * left alone after some rounds.
 *
 * \param local  the local
 * \param value  the value; NULL is as if none had been set
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_local_set(threading_local local,
                                                   void *value);

/* ---- Lock ---------------------------------------------------------------------------------------------- */

/**
 * A lock: held by one thread at a time, not recursive, released by any thread.
 */
typedef struct threading_lock {
  /**
   * The number by which languages in one process share the lock; 0 names nothing.
   */
  uint64_t id;
} threading_lock;

/**
 * Makes an unlocked lock.
 *
 * \param out  where the lock is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Lock`
 */
THREADING_API threading_status threading_lock_create(threading_lock *out);

/**
 * Ends `lock`; from then on its handle names nothing.
 *
 * \param lock  the lock
 * \returns #THREADING_OK; #THREADING_E_BUSY when it is locked, waited for or under a living condition: then
 *          nothing has changed
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_lock_destroy(threading_lock lock);

/**
 * Acquires `lock`, waiting for it as long as `timeout_ns` says.
 *
 * Not recursive: a holder that acquires again waits for itself, until another thread releases the lock; see
 * threading_rlock_acquire(). Nobody starves: a thread that has waited for a millisecond is handed the lock.
 *
 * \param lock        the lock
 * \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out, then nothing has changed;
 *          #THREADING_E_INVALID when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Lock.acquire`
 */
THREADING_API threading_status threading_lock_acquire(threading_lock lock,
                                                      int64_t timeout_ns);

/**
 * Releases `lock`, whichever thread acquired it, and lets one of those who wait go on.
 *
 * \param lock  the lock
 * \returns #THREADING_OK; #THREADING_E_STATE when it is not locked
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Lock.release`
 */
THREADING_API threading_status threading_lock_release(threading_lock lock);

/**
 * Asks whether `lock` is locked; the answer may be out of date when it arrives.
 *
 * \param lock  the lock
 * \returns 1 when it is locked, 0 when not, or an error status
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.Lock.locked`
 */
THREADING_API int32_t threading_lock_locked(threading_lock lock);

/* ---- RLock --------------------------------------------------------------------------------------------- */

/**
 * A recursive lock: owned by one thread, which may acquire it again and then releases it as often.
 *
 * An owner that ends without releasing does not block the others for ever: the next one to acquire gets the
 * rlock and #THREADING_OWNER_DEAD with it, and should put right what the dead one may have left half done.
 * An owner that waits for itself through others, in a circle of rlocks, joins and futures, gets
 * #THREADING_E_DEADLOCK.
 *
 * \code
 * threading_status status = threading_rlock_acquire(tree_lock, THREADING_FOREVER);
 * if (status == THREADING_OWNER_DEAD) tree_repair();
 * if (THREADING_ACQUIRED(status)) {
 *   tree_insert(item);  // may acquire tree_lock again
 *   threading_rlock_release(tree_lock);
 * }
 * \endcode
 */
typedef struct threading_rlock {
  /**
   * The number by which languages in one process share the rlock; 0 names nothing.
   */
  uint64_t id;
} threading_rlock;

/**
 * Makes an rlock that nobody owns.
 *
 * \param out  where the rlock is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.RLock`
 */
THREADING_API threading_status threading_rlock_create(threading_rlock *out);

/**
 * Ends `rlock`; from then on its handle names nothing.
 *
 * \param rlock  the rlock
 * \returns #THREADING_OK; #THREADING_E_BUSY when it is owned, also by the caller or by a dead thread, waited
 *          for or under a living condition: then nothing has changed
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_rlock_destroy(threading_rlock rlock);

/**
 * Acquires `rlock`, waiting for it as long as `timeout_ns` says; its owner acquires it once more at once.
 *
 * Nobody starves: a thread that has waited for a millisecond is handed the rlock.
 *
 * \param rlock       the rlock
 * \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_OWNER_DEAD when it is acquired as well, once, but the owner before
 *          ended without releasing it; #THREADING_TIMEOUT when the time ran out, then nothing has changed;
 *          #THREADING_E_DEADLOCK when the wait, without a limit, would close a cycle of threads that wait
 *          for each other; #THREADING_E_OVERFLOW when the caller has acquired it #THREADING_COUNT_MAX times;
 *          #THREADING_E_INVALID when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.RLock.acquire`
 */
THREADING_API threading_status threading_rlock_acquire(threading_rlock rlock,
                                                       int64_t timeout_ns);

/**
 * Takes back one acquisition of `rlock`; with the last it is released, and one of those who wait goes on.
 *
 * \param rlock  the rlock
 * \returns #THREADING_OK; #THREADING_E_NOT_OWNER when the caller does not own it
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.RLock.release`
 */
THREADING_API threading_status threading_rlock_release(threading_rlock rlock);

/**
 * Asks whether some thread owns `rlock`; the answer may be out of date when it arrives.
 *
 * \param rlock  the rlock
 * \returns 1 when it is owned, 0 when not, or an error status
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.RLock.locked`
 */
THREADING_API int32_t threading_rlock_locked(threading_rlock rlock);

/**
 * Asks whether the calling thread owns `rlock`; the answer is never out of date.
 *
 * \param rlock  the rlock
 * \returns 1 when the caller owns it, 0 when not, or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API int32_t threading_rlock_is_owned(threading_rlock rlock);

/**
 * Counts how often the calling thread must release `rlock` until others can acquire it.
 *
 * \param rlock  the rlock
 * \returns the count, 0 when the caller does not own it, or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API int64_t threading_rlock_recursion_count(threading_rlock rlock);

/* ---- Condition ----------------------------------------------------------------------------------------- */

/**
 * A condition: under its lock, threads wait until another thread notifies them that something has changed.
 *
 * Who waits, notifies or changes what is waited for holds the lock; a wait gives it up and has it again when
 * it returns. Those who wait are notified in the order of their arrival, and none wakes without a
 * notification. But another thread may come in between: so wait for what has to be true, not for the
 * notification alone.
 *
 * \code
 * threading_condition_acquire(changed, THREADING_FOREVER);
 * threading_status status = threading_condition_wait_for(changed, has_items, &list, THREADING_SECONDS(1));
 * if (THREADING_ACQUIRED(status)) item = list_pop(&list);
 * threading_condition_release(changed);
 * \endcode
 */
typedef struct threading_condition {
  /**
   * The number by which languages in one process share the condition; 0 names nothing.
   */
  uint64_t id;
} threading_condition;

/**
 * Makes a condition over an rlock of its own.
 *
 * \param out  where the condition is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Condition`
 */
THREADING_API threading_status threading_condition_create(threading_condition *out);

/**
 * Makes a condition over `lock`, which any number of conditions may share.
 *
 * The lock cannot be destroyed as long as the condition lives. To the condition the lock is held by the
 * thread that acquired it last, although any thread may release it.
 *
 * \param lock  the lock; acquiring it and acquiring the condition are the same
 * \param out   where the condition is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Condition(lock)`
 */
THREADING_API threading_status threading_condition_create_with_lock(threading_lock lock,
                                                                    threading_condition *out);

/**
 * Makes a condition over `rlock`, which any number of conditions may share.
 *
 * The rlock cannot be destroyed as long as the condition lives.
 *
 * \param rlock  the rlock; acquiring it and acquiring the condition are the same
 * \param out    where the condition is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Condition(rlock)`
 */
THREADING_API threading_status threading_condition_create_with_rlock(threading_rlock rlock,
                                                                     threading_condition *out);

/**
 * Ends `condition`, and its rlock when that is its own; from then on its handle names nothing.
 *
 * A lock or rlock that it was created with lives on.
 *
 * \param condition  the condition
 * \returns #THREADING_OK; #THREADING_E_BUSY when somebody waits on it, or owns or waits for the rlock of its
 *          own: then nothing has changed
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_condition_destroy(threading_condition condition);

/**
 * Acquires the lock of `condition`, waiting for it as long as `timeout_ns` says.
 *
 * It is threading_lock_acquire() or threading_rlock_acquire(), whichever belongs to the lock; with a lock of
 * its own the condition is recursive.
 *
 * \param condition   the condition
 * \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out, then nothing has changed;
 *          #THREADING_E_INVALID when `timeout_ns` is below -1; over an rlock also #THREADING_OWNER_DEAD when
 *          it is acquired as well, but the owner before ended without releasing it, #THREADING_E_DEADLOCK
 *          when the wait, without a limit, would close a cycle of threads that wait for each other, and
 *          #THREADING_E_OVERFLOW when the caller has acquired it #THREADING_COUNT_MAX times
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Condition.acquire`
 */
THREADING_API threading_status threading_condition_acquire(threading_condition condition,
                                                           int64_t timeout_ns);

/**
 * Releases the lock of `condition`, as threading_lock_release() or threading_rlock_release() does.
 *
 * \param condition  the condition
 * \returns #THREADING_OK; over a lock #THREADING_E_STATE when it is not locked; over an rlock
 *          #THREADING_E_NOT_OWNER when the caller does not own it
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Condition.release`
 */
THREADING_API threading_status threading_condition_release(threading_condition condition);

/**
 * Gives the lock up, waits to be notified as long as `timeout_ns` says, and acquires the lock again.
 *
 * However the wait ends, the caller holds the lock when this returns, so it can take longer than
 * `timeout_ns`. An rlock is given up wholly and acquired again as often as before. A waiter whose time runs
 * out when it has been notified already gets #THREADING_OK: no notification is lost.
 *
 * \param condition   the condition
 * \param timeout_ns  longest wait for a notification in nanoseconds: 0 gives other threads a chance to take
 *                    the lock, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK when it was notified; #THREADING_TIMEOUT when the time ran out first; over an rlock
 *          #THREADING_OWNER_DEAD instead of these two when the owner before ended without releasing it;
 *          #THREADING_E_NOT_OWNER when the caller does not hold the lock; #THREADING_E_INVALID when
 *          `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Condition.wait`
 */
THREADING_API threading_status threading_condition_wait(threading_condition condition,
                                                        int64_t timeout_ns);

/**
 * Waits on `condition`, as threading_condition_wait() does, until `predicate` is true.
 *
 * The predicate is asked with the lock held: before the first wait, after every notification, and once more
 * when the time runs out. However the wait ends, the caller holds the lock when this returns.
 *
 * What unwinds from the predicate, a C++ exception or `pthread_exit`, passes through this call; the lock is
 * then still held.
 *
 * \param condition   the condition
 * \param predicate   what is waited for; any value but 0 is true
 * \param arg         the argument of the predicate
 * \param timeout_ns  longest wait over all in nanoseconds: 0 gives other threads one chance,
 *                    #THREADING_FOREVER has no limit
 * \returns #THREADING_OK when the predicate is true; #THREADING_TIMEOUT when the time ran out and it is
 *          still false; over an rlock #THREADING_OWNER_DEAD instead of these two when an owner ended
 *          meanwhile without releasing it; #THREADING_E_NOT_OWNER when the caller does not hold the lock;
 *          #THREADING_E_INVALID when `predicate` is NULL or `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Condition.wait_for`
 */
THREADING_API threading_status threading_condition_wait_for(threading_condition condition,
                                                            threading_predicate predicate,
                                                            void *arg,
                                                            int64_t timeout_ns);

/**
 * Notifies the `n` threads that have waited longest, or all when fewer wait.
 *
 * They go on when they have acquired the lock, so not before the caller releases it.
 *
 * \param condition  the condition
 * \param n          how many; 0 notifies nobody
 * \returns #THREADING_OK, also when nobody waits; #THREADING_E_NOT_OWNER when the lock is not the caller's;
 *          #THREADING_E_INVALID when `n` is below 0
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Condition.notify`
 */
THREADING_API threading_status threading_condition_notify(threading_condition condition,
                                                          int64_t n);

/**
 * Notifies all threads that wait on `condition`.
 *
 * They go on one after another, each when it has acquired the lock, so not before the caller releases it.
 *
 * \param condition  the condition
 * \returns #THREADING_OK, also when nobody waits; #THREADING_E_NOT_OWNER when the lock is not the caller's
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Condition.notify_all`
 */
THREADING_API threading_status threading_condition_notify_all(threading_condition condition);

/* ---- Semaphore ----------------------------------------------------------------------------------------- */

/**
 * A semaphore: a number of permits, of which acquire takes one and release gives some back.
 *
 * Permits belong to nobody: one thread may release what another acquired, or what nobody did. A bounded
 * semaphore refuses more permits than it was created with, which finds a release too many.
 *
 * \code
 * threading_semaphore_create_bounded(4, &connections);
 * if (threading_semaphore_acquire(connections, THREADING_SECONDS(1)) == THREADING_OK) {
 *   download(url);  // at most 4 threads at once
 *   threading_semaphore_release(connections, 1);
 * }
 * \endcode
 */
typedef struct threading_semaphore {
  /**
   * The number by which languages in one process share the semaphore; 0 names nothing.
   */
  uint64_t id;
} threading_semaphore;

/**
 * Makes a semaphore with `value` permits.
 *
 * \param value  how many permits there are at first: 0 to #THREADING_COUNT_MAX
 * \param out    where the semaphore is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `value` is out of its range or
 *          `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Semaphore`
 */
THREADING_API threading_status threading_semaphore_create(int64_t value,
                                                          threading_semaphore *out);

/**
 * Makes a semaphore with `value` permits that never has more.
 *
 * \param value  how many permits there are at first and at most: 0 to #THREADING_COUNT_MAX
 * \param out    where the semaphore is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `value` is out of its range or
 *          `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.BoundedSemaphore`
 */
THREADING_API threading_status threading_semaphore_create_bounded(int64_t value,
                                                                  threading_semaphore *out);

/**
 * Ends `semaphore`; from then on its handle names nothing.
 *
 * Permits that are still acquired do not keep it.
 *
 * \param semaphore  the semaphore
 * \returns #THREADING_OK; #THREADING_E_BUSY when somebody waits for a permit: then nothing has changed
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_semaphore_destroy(threading_semaphore semaphore);

/**
 * Takes a permit, waiting for one as long as `timeout_ns` says.
 *
 * \param semaphore   the semaphore
 * \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out, then nothing has changed;
 *          #THREADING_E_INVALID when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Semaphore.acquire`
 */
THREADING_API threading_status threading_semaphore_acquire(threading_semaphore semaphore,
                                                           int64_t timeout_ns);

/**
 * Gives `n` permits back, all or none, and lets as many of those who wait go on.
 *
 * \param semaphore  the semaphore
 * \param n          how many permits, at least 1
 * \returns #THREADING_OK; #THREADING_E_OVERFLOW when there would be more permits than the semaphore is
 *          bounded to or, unbounded, more than #THREADING_COUNT_MAX: then nothing has changed;
 *          #THREADING_E_INVALID when `n` is below 1
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.Semaphore.release`
 */
THREADING_API threading_status threading_semaphore_release(threading_semaphore semaphore,
                                                           int64_t n);

/**
 * Counts the permits that `semaphore` has left; the answer may be out of date when it arrives.
 *
 * \param semaphore  the semaphore
 * \returns the count, or an error status
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 */
THREADING_API int64_t threading_semaphore_value(threading_semaphore semaphore);

/* ---- Event --------------------------------------------------------------------------------------------- */

/**
 * An event: a flag that threads wait for until another thread, or a signal handler, sets it.
 *
 * It stays set until it is cleared, and as long as it is set nobody waits. Nothing is used up: one set lets
 * all go on.
 *
 * \code
 * while (threading_event_wait(stop, THREADING_SECONDS(1)) == THREADING_TIMEOUT) {
 *   write_heartbeat();  // every second, until somebody calls threading_event_set(stop)
 * }
 * \endcode
 */
typedef struct threading_event {
  /**
   * The number by which languages in one process share the event; 0 names nothing.
   */
  uint64_t id;
} threading_event;

/**
 * Makes an event that is not set.
 *
 * \param out  where the event is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Event`
 */
THREADING_API threading_status threading_event_create(threading_event *out);

/**
 * Ends `event`; from then on its handle names nothing.
 *
 * \param event  the event
 * \returns #THREADING_OK; #THREADING_E_BUSY when somebody waits for it: then nothing has changed
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_event_destroy(threading_event event);

/**
 * Asks whether `event` is set; the answer may be out of date when it arrives.
 *
 * \param event  the event
 * \returns 1 when it is set, 0 when not, or an error status
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.Event.is_set`
 */
THREADING_API int32_t threading_event_is_set(threading_event event);

/**
 * Sets `event` and lets all who wait for it go on; nothing happens when it is set already.
 *
 * Every thread that waits at this moment goes on, also when the event is cleared before it has woken up.
 *
 * \param event  the event
 * \returns #THREADING_OK, also when it was set
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.Event.set`
 */
THREADING_API threading_status threading_event_set(threading_event event);

/**
 * Clears `event`: who waits from now on waits for the next set.
 *
 * \param event  the event
 * \returns #THREADING_OK, also when it was not set
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.Event.clear`
 */
THREADING_API threading_status threading_event_clear(threading_event event);

/**
 * Waits until `event` is set, as long as `timeout_ns` says; returns at once when it is.
 *
 * #THREADING_OK says that it was set during the wait; another thread may have cleared it since.
 *
 * \param event       the event
 * \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out before it was set; #THREADING_E_INVALID
 *          when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Event.wait`
 */
THREADING_API threading_status threading_event_wait(threading_event event,
                                                    int64_t timeout_ns);

/* ---- Barrier ------------------------------------------------------------------------------------------- */

/**
 * A barrier: a fixed number of parties wait until all have arrived, then all go on; round after round.
 *
 * When one of them gives up (its time runs out, the action fails, somebody aborts) the others would wait in
 * vain: so the barrier is broken, and everybody who waits or comes gets #THREADING_BROKEN until it is reset.
 *
 * \code
 * for (int step = 0; step < steps; step++) {
 *   simulate(part, step);
 *   threading_status status = threading_barrier_wait(barrier, THREADING_FOREVER, NULL);
 *   if (status != THREADING_OK) return NULL;  // another party gave up
 * }
 * \endcode
 */
typedef struct threading_barrier {
  /**
   * The number by which languages in one process share the barrier; 0 names nothing.
   */
  uint64_t id;
} threading_barrier;

/**
 * Makes a barrier for `parties` threads.
 *
 * \param parties     how many threads make a round: 1 to #THREADING_COUNT_MAX
 * \param action      what one of the parties does when all have arrived, before any goes on; a return other
 *                    than #THREADING_OK, or threading_fail() in it, breaks the barrier; NULL for nothing
 * \param arg         the argument of the action
 * \param timeout_ns  longest wait of those who wait with #THREADING_FOREVER, in nanoseconds:
 *                    #THREADING_FOREVER has no limit
 * \param out         where the barrier is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `parties` is out of its range,
 *          `timeout_ns` is below -1 or `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Barrier`
 */
THREADING_API threading_status threading_barrier_create(int64_t parties,
                                                        threading_action action,
                                                        void *arg,
                                                        int64_t timeout_ns,
                                                        threading_barrier *out);

/**
 * Ends `barrier`; from then on its handle names nothing.
 *
 * \param barrier  the barrier
 * \returns #THREADING_OK; #THREADING_E_BUSY when somebody waits or acts: then nothing has changed
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_barrier_destroy(threading_barrier barrier);

/**
 * Arrives at `barrier` and waits for the other parties as long as `timeout_ns` says.
 *
 * A party whose time runs out gets #THREADING_TIMEOUT and has broken the barrier for all others: this is the
 * one timeout that changes something. It counts in every phase, also while the action of the last round
 * runs.
 *
 * The action runs on the stack of one of the parties, in its call of this function. When it fails, that
 * party gets #THREADING_FAILED, with the story in threading_last_failure(), and all others get
 * #THREADING_BROKEN. What unwinds from the action, a C++ exception or `pthread_exit`, passes through this
 * call and breaks the barrier for the others.
 *
 * \param barrier     the barrier
 * \param timeout_ns  longest wait in nanoseconds: 0 succeeds only for the last party to arrive,
 *                    #THREADING_FOREVER waits as long as the barrier's own timeout says
 * \param index       where a number from 0 to `parties` - 1 is written, a different one for each party of
 *                    the round; NULL when nobody wants it
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out; #THREADING_BROKEN when the barrier is
 *          broken already, or is broken or reset during the wait; #THREADING_FAILED when the action ran here
 *          and failed; #THREADING_E_INVALID when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Barrier.wait`
 */
THREADING_API threading_status threading_barrier_wait(threading_barrier barrier,
                                                      int64_t timeout_ns,
                                                      int64_t *index);

/**
 * Makes `barrier` as new, whatever state it is in; those who wait at it get #THREADING_BROKEN.
 *
 * \param barrier  the barrier
 * \returns #THREADING_OK
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Barrier.reset`
 */
THREADING_API threading_status threading_barrier_reset(threading_barrier barrier);

/**
 * Breaks `barrier`: those who wait and those who come get #THREADING_BROKEN, until it is reset.
 *
 * For a party that has to give up, so that the others do not wait for it.
 *
 * \param barrier  the barrier
 * \returns #THREADING_OK, also when it was broken
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Barrier.abort`
 */
THREADING_API threading_status threading_barrier_abort(threading_barrier barrier);

/**
 * Counts the parties that make a round of `barrier`, as it was created.
 *
 * \param barrier  the barrier
 * \returns the count, or an error status
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.Barrier.parties`
 */
THREADING_API int64_t threading_barrier_parties(threading_barrier barrier);

/**
 * Counts the parties that have arrived and wait for others; the answer may be out of date when it arrives.
 *
 * \param barrier  the barrier
 * \returns the count, 0 once all have arrived, or an error status
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.Barrier.n_waiting`
 */
THREADING_API int64_t threading_barrier_n_waiting(threading_barrier barrier);

/**
 * Asks whether `barrier` is broken; the answer may be out of date when it arrives.
 *
 * \param barrier  the barrier
 * \returns 1 when it is broken, 0 when not, or an error status
 * \threadsafety any thread, also in a signal handler
 * \since 0.1.0
 * \sa Python `threading.Barrier.broken`
 */
THREADING_API int32_t threading_barrier_broken(threading_barrier barrier);

/* ---- Timer --------------------------------------------------------------------------------------------- */

/**
 * A timer: calls a function when some time has passed, once or again and again.
 *
 * A few threads of the library serve all timers, however many there are. A callback that takes long or
 * blocks delays no other timer. Unlike in Python, a timer that is pending does not keep the process alive.
 *
 * \code
 * threading_timer_options every_second = { .size = sizeof every_second, .period_ns = THREADING_SECONDS(1) };
 * threading_timer_create(THREADING_SECONDS(1), write_heartbeat, &log, &every_second, &timer);
 * threading_timer_start(timer);
 * work();
 * threading_timer_cancel(timer);
 * threading_timer_join(timer, THREADING_FOREVER);  // from here on it does not run
 * threading_timer_destroy(timer);
 * \endcode
 */
typedef struct threading_timer {
  /**
   * The number by which languages in one process share the timer; 0 names nothing.
   */
  uint64_t id;
} threading_timer;

/**
 * What a timer can be given beside its interval and callback; zero is the default in every field.
 */
typedef struct threading_timer_options {
  /**
   * `sizeof(threading_timer_options)`.
   */
  size_t size;
  /**
   * Nanoseconds from one run to the next, after the first; 0 runs once. The runs do not drift: they are
   * due at multiples of the period after the first. One that is due while the run before is still going on
   * is left out.
   */
  int64_t period_ns;
  /**
   * Gets the argument of the callback, once, when that will not run any more; NULL when it needs none.
   */
  threading_destructor arg_destructor;
} threading_timer_options;

/**
 * Makes a timer that is not started.
 *
 * The callback runs on a thread of the library, and never twice at the same time. `pthread_exit` in it ends
 * that run and nothing else; a C++ exception that leaves it ends the process.
 *
 * \param interval_ns  nanoseconds from the start to the (first) run; 0 runs at once
 * \param callback     what is called
 * \param arg          the argument of the callback; without a destructor it must outlive the last run
 * \param options      period and destructor of the argument; NULL for neither
 * \param out          where the timer is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `callback` or `out` is NULL, the
 *          interval or the period is below 0, or the options have a wrong size
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Timer`
 */
THREADING_API threading_status threading_timer_create(int64_t interval_ns,
                                                      threading_callback callback,
                                                      void *arg,
                                                      const threading_timer_options *options,
                                                      threading_timer *out);

/**
 * Starts `timer`: the callback runs when its interval has passed from now.
 *
 * \param timer  the timer
 * \returns #THREADING_OK; #THREADING_CANCELLED when it was cancelled before: it does not run;
 *          #THREADING_E_STATE when it was started before; #THREADING_E_NO_MEMORY and #THREADING_E_NO_THREAD,
 *          then it is not started and this can be tried again
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Timer.start`
 */
THREADING_API threading_status threading_timer_start(threading_timer timer);

/**
 * Cancels `timer`: a run that has not begun will not begin.
 *
 * A run that is going on is neither interrupted nor waited for: threading_timer_join() waits. When there is
 * none, the destructor of the argument runs here, unless it has run before; what unwinds from it passes
 * through this call. A timer may be cancelled before its start, and from its own callback.
 *
 * \param timer  the timer
 * \returns #THREADING_OK, also when it was cancelled before or has run
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Timer.cancel`
 */
THREADING_API threading_status threading_timer_cancel(threading_timer timer);

/**
 * Waits until `timer` will not run any more and its callback has returned, as long as `timeout_ns` says.
 *
 * A periodic timer goes on until it is cancelled.
 *
 * \param timer       the timer
 * \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK when it has run; #THREADING_CANCELLED when it was cancelled or destroyed;
 *          #THREADING_TIMEOUT when the time ran out; #THREADING_E_STATE when it was not started;
 *          #THREADING_E_DEADLOCK from its own callback; #THREADING_E_FORKED when it was started in the
 *          parent process; #THREADING_E_INVALID when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `threading.Timer.join`
 */
THREADING_API threading_status threading_timer_join(threading_timer timer,
                                                    int64_t timeout_ns);

/**
 * Gives `timer` up, whatever state it is in; from then on its handle names nothing.
 *
 * A run that has not begun will not begin; one that is going on is not waited for. When there is none, the
 * destructor of the argument runs here, unless it has run before; what unwinds from it passes through this
 * call. Those who join get #THREADING_CANCELLED. A timer may be destroyed from its own callback.
 *
 * \param timer  the timer
 * \returns #THREADING_OK
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_timer_destroy(threading_timer timer);

/* ---- Queue --------------------------------------------------------------------------------------------- */

/**
 * A queue: some threads put items, others get them, and either waits for the other.
 *
 * An item is any pointer, NULL too, and belongs to the queue from a put to the get. A thread that has
 * worked an item off says so by threading_queue_task_done(); threading_queue_join() waits until all are.
 *
 * \code
 * threading_queue_create(THREADING_FIFO, 100, free, &jobs);
 * // one thread:
 * threading_queue_put(jobs, job, THREADING_FOREVER);
 * threading_queue_shutdown(jobs, 0);  // no more to come
 * // others:
 * while (threading_queue_get(jobs, &job, THREADING_FOREVER) == THREADING_OK) {
 *   work(job);
 *   threading_queue_task_done(jobs);
 * }
 * \endcode
 */
typedef struct threading_queue {
  /**
   * The number by which languages in one process share the queue; 0 names nothing.
   */
  uint64_t id;
} threading_queue;

/**
 * Of a queue: what was put first is got first. Python's `queue.Queue`.
 */
#define THREADING_FIFO 0

/**
 * Of a queue: what was put last is got first. Python's `queue.LifoQueue`.
 */
#define THREADING_LIFO 1

/**
 * Of a queue: what has the lowest priority is got first. Python's `queue.PriorityQueue`.
 */
#define THREADING_PRIORITY 2

/**
 * Makes an empty queue.
 *
 * \param order            in which order items are got: #THREADING_FIFO, #THREADING_LIFO or
 *                         #THREADING_PRIORITY
 * \param maxsize          how many items it holds; below 1 there is no bound
 * \param item_destructor  gets each item that nobody gets, once: at an immediate shutdown, or when the
 *                         queue is destroyed; NULL when items need none
 * \param out              where the queue is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `order` is none of the three
 *          or `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue`, `queue.LifoQueue`, `queue.PriorityQueue`
 */
THREADING_API threading_status threading_queue_create(int32_t order,
                                                      int64_t maxsize,
                                                      threading_destructor item_destructor,
                                                      threading_queue *out);

/**
 * Ends `queue`; from then on its handle names nothing.
 *
 * Items that are left go to the destructor, here; what unwinds from it passes through this call, and then
 * the items after it are lost.
 *
 * \param queue  the queue
 * \returns #THREADING_OK; #THREADING_E_BUSY when somebody waits for an item, for room or in
 *          threading_queue_join(): then nothing has changed
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_queue_destroy(threading_queue queue);

/**
 * Puts an item into `queue`, waiting for room as long as `timeout_ns` says.
 *
 * Into a queue in the order of priorities it goes with priority 0. Where the call fails the item stays the
 * caller's.
 *
 * \param queue       the queue
 * \param item        the item; NULL is one like any other
 * \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the queue is full and the time ran out;
 *          #THREADING_CLOSED when it is shut down, also when that happens during the wait;
 *          #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue.put`
 */
THREADING_API threading_status threading_queue_put(threading_queue queue,
                                                   void *item,
                                                   int64_t timeout_ns);

/**
 * Puts an item with a priority into `queue`, waiting for room as long as `timeout_ns` says.
 *
 * The lowest is got first, and of those with the same priority the one that was put first.
 *
 * \param queue       the queue, whose order is #THREADING_PRIORITY
 * \param item        the item; NULL is one like any other
 * \param priority    any number
 * \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the queue is full and the time ran out;
 *          #THREADING_CLOSED when it is shut down, also when that happens during the wait;
 *          #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when the order of the queue is another or
 *          `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.PriorityQueue.put`
 */
THREADING_API threading_status threading_queue_put_priority(threading_queue queue,
                                                            void *item,
                                                            int64_t priority,
                                                            int64_t timeout_ns);

/**
 * Takes an item out of `queue`, waiting for one as long as `timeout_ns` says.
 *
 * A queue that is shut down gives what it still has. A try that meets another thread in the middle of a
 * put may find nothing yet.
 *
 * \param queue       the queue
 * \param item        where the item is written
 * \param timeout_ns  longest wait in nanoseconds: 0 tries once, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the queue is empty and the time ran out;
 *          #THREADING_CLOSED when it is shut down and empty, also when that happens during the wait;
 *          #THREADING_E_INVALID when `item` is NULL or `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue.get`
 */
THREADING_API threading_status threading_queue_get(threading_queue queue,
                                                   void **item,
                                                   int64_t timeout_ns);

/**
 * Says that an item that was got is worked off.
 *
 * \param queue  the queue
 * \returns #THREADING_OK; #THREADING_E_OVERFLOW when this was said for all items already that were put
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue.task_done`
 */
THREADING_API threading_status threading_queue_task_done(threading_queue queue);

/**
 * Waits until all items that were put are worked off, as long as `timeout_ns` says.
 *
 * Each item counts from its put until threading_queue_task_done() was called for it, or an immediate
 * shutdown dropped it.
 *
 * \param queue       the queue
 * \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out; #THREADING_E_INVALID when `timeout_ns`
 *          is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue.join`
 */
THREADING_API threading_status threading_queue_join(threading_queue queue,
                                                    int64_t timeout_ns);

/**
 * Shuts `queue` down: from now on nothing is put, and those who wait for room get #THREADING_CLOSED.
 *
 * What is in it can still be got, then a get gives #THREADING_CLOSED too. An immediate shutdown drops what
 * is in it: each item goes to the destructor, here, and counts as worked off; what unwinds from the
 * destructor passes through this call, and then the items after it wait for the queue's end. Items that
 * were got before still have to be reported by threading_queue_task_done() before threading_queue_join()
 * returns.
 *
 * \param queue      the queue
 * \param immediate  not 0 drops the items that are in it; after that a shutdown with 0 changes nothing
 * \returns #THREADING_OK, also when it was shut down before
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue.shutdown`
 */
THREADING_API threading_status threading_queue_shutdown(threading_queue queue,
                                                        int32_t immediate);

/**
 * Counts the items that are in `queue`; the answer may be out of date when it arrives.
 *
 * \param queue  the queue
 * \returns the count, or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue.qsize`
 */
THREADING_API int64_t threading_queue_qsize(threading_queue queue);

/**
 * Counts the items that were put and are not worked off yet; the answer may be out of date when it
 * arrives.
 *
 * \param queue  the queue
 * \returns the count, or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue.unfinished_tasks`
 */
THREADING_API int64_t threading_queue_unfinished_tasks(threading_queue queue);

/**
 * Asks whether `queue` has no items; the answer may be out of date when it arrives.
 *
 * \param queue  the queue
 * \returns 1 when it is empty, 0 when not, or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue.empty`
 */
THREADING_API int32_t threading_queue_empty(threading_queue queue);

/**
 * Asks whether `queue` has as many items as it holds; the answer may be out of date when it arrives.
 *
 * \param queue  the queue
 * \returns 1 when it is full, 0 when not or when it has no bound, or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue.full`
 */
THREADING_API int32_t threading_queue_full(threading_queue queue);

/**
 * Asks whether `queue` was shut down.
 *
 * \param queue  the queue
 * \returns 1 when it was, 0 when not, or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `queue.Queue.is_shutdown`
 */
THREADING_API int32_t threading_queue_is_shutdown(threading_queue queue);

/* ---- Future -------------------------------------------------------------------------------------------- */

/**
 * A future: a result that comes later, from a task of a pool or from whoever made it.
 *
 * threading_pool_submit() gives one for its task. One that threading_future_create() makes is a promise: any
 * thread may set its result or its failure, once. Whoever got the handle destroys it, at any time: a task
 * goes on without it.
 *
 * \code
 * threading_pool_submit(pool, parse, file, &future);
 * other_work();
 * threading_status status = threading_future_result(future, THREADING_FOREVER, &tree);
 * if (status == THREADING_FAILED) threading_future_failure(future, 0, &code, text, sizeof text, NULL);
 * threading_future_destroy(future);
 * \endcode
 */
typedef struct threading_future {
  /**
   * The number by which languages in one process share the future; 0 names nothing.
   */
  uint64_t id;
} threading_future;

/**
 * What is called when a future is done. `future` is good until the callback returns, also when the handle was
 * destroyed before; it is not the callback's to destroy then.
 */
typedef void (*threading_future_callback)(threading_future future, void *arg);

/**
 * Of threading_futures_wait(): until one is done, however it ended. Python's `FIRST_COMPLETED`.
 */
#define THREADING_FIRST_COMPLETED 0

/**
 * Of threading_futures_wait(): until one has failed, or all are done. Python's `FIRST_EXCEPTION`.
 */
#define THREADING_FIRST_FAILED 1

/**
 * Of threading_futures_wait(): until all are done. Python's `ALL_COMPLETED`.
 */
#define THREADING_ALL_COMPLETED 2

/**
 * Makes a future that no pool runs: a promise, whose result or failure somebody sets.
 *
 * \param out  where the future is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future`
 */
THREADING_API threading_status threading_future_create(threading_future *out);

/**
 * Says that work on a promise begins, unless it was cancelled; from then on it cannot be cancelled.
 *
 * \param future  a future of threading_future_create()
 * \returns #THREADING_OK when it runs now, Python's True; #THREADING_CANCELLED when it was cancelled: there
 *          is nothing to do, Python's False; #THREADING_E_STATE when it runs or is done, when this was said
 *          before, and for the future of a pool's task
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.set_running_or_notify_cancel`
 */
THREADING_API threading_status threading_future_set_running_or_notify_cancel(threading_future future);

/**
 * Sets the result of a promise, which is done with that.
 *
 * The callbacks of the future run here; what unwinds from one passes through this call, and the others run in
 * passing.
 *
 * \param future  a future of threading_future_create(), begun or not
 * \param result  the result; NULL is one like any other
 * \returns #THREADING_OK; #THREADING_E_STATE when it is done or was cancelled, and for the future of a pool's
 *          task
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.set_result`
 */
THREADING_API threading_status threading_future_set_result(threading_future future,
                                                           void *result);

/**
 * Sets the failure of a promise, which is done with that.
 *
 * The callbacks of the future run here, as in threading_future_set_result().
 *
 * \param future   a future of threading_future_create(), begun or not
 * \param code     any number
 * \param message  what went wrong, copied; NULL for nothing
 * \returns #THREADING_OK; #THREADING_E_STATE when it is done or was cancelled, and for the future of a pool's
 *          task; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `message` is not UTF-8
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.set_exception`
 */
THREADING_API threading_status threading_future_set_failure(threading_future future,
                                                            int32_t code,
                                                            const char *message);

/**
 * Gets the result of `future`, waiting until it is done as long as `timeout_ns` says.
 *
 * A task of a pool that waits for another task of its pool that has not begun runs it here, unless
 * `timeout_ns` is 0; while it sleeps, another thread of the pool works in its place. So tasks that wait for
 * tasks never starve a pool, not even one of a single worker. A task that has begun is not given up when the
 * time runs out.
 *
 * \param future      the future
 * \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
 * \param out         where the result is written
 * \returns #THREADING_OK; #THREADING_FAILED when it failed, see threading_future_failure() and
 *          threading_last_failure(); #THREADING_CANCELLED when it was cancelled; #THREADING_BROKEN when its
 *          pool broke before it began; #THREADING_TIMEOUT when the time ran out; #THREADING_E_DEADLOCK when
 *          it could never end: its task waits without limit for the caller, at once or through others, or
 *          nobody is left to begin it; #THREADING_E_FORKED when its task stayed in the parent process;
 *          #THREADING_E_HANDLE also when it is destroyed during the wait; #THREADING_E_INVALID when `out` is
 *          NULL or `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.result`
 */
THREADING_API threading_status threading_future_result(threading_future future,
                                                       int64_t timeout_ns,
                                                       void **out);

/**
 * Gets code and message with which `future` failed, waiting until it is done as long as `timeout_ns` says.
 *
 * They are what the task gave to threading_fail(), or what threading_future_set_failure() got. A task that
 * was left by `pthread_exit` or cancellation has failed with the code #THREADING_CANCELLED and no message. It
 * waits as threading_future_result() does.
 *
 * \param future      the future
 * \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
 * \param code        where the code is written
 * \param buffer      where the message is written, cut to `size` bytes; NULL when `size` is 0
 * \param size        bytes in `buffer`
 * \param needed      where the size of the whole message with its NUL is written; may be NULL
 * \returns #THREADING_OK, also when the message was cut; #THREADING_E_STATE when it did not fail: it has a
 *          result; #THREADING_CANCELLED, #THREADING_BROKEN, #THREADING_TIMEOUT, #THREADING_E_DEADLOCK and
 *          #THREADING_E_FORKED as threading_future_result(); #THREADING_E_INVALID when `code` is NULL,
 *          `buffer` is with a `size` above 0, or `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.exception`
 */
THREADING_API threading_status threading_future_failure(threading_future future,
                                                        int64_t timeout_ns,
                                                        int32_t *code,
                                                        char *buffer,
                                                        size_t size,
                                                        size_t *needed);

/**
 * Cancels `future` if nobody has begun it: it is done, and its task will not run.
 *
 * Its callbacks run here, as in threading_future_set_result(). The argument of a task goes to the destructor
 * of its pool when that comes to it.
 *
 * \param future  the future
 * \returns #THREADING_OK when it is cancelled, also when it was before; #THREADING_E_STATE when it runs or
 *          has ended, Python's False; #THREADING_E_FORKED when its task stayed in the parent process
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.cancel`
 */
THREADING_API threading_status threading_future_cancel(threading_future future);

/**
 * Asks whether `future` was cancelled.
 *
 * \param future  the future
 * \returns 1 when it was, 0 when not, or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.cancelled`
 */
THREADING_API int32_t threading_future_cancelled(threading_future future);

/**
 * Asks whether `future` has begun and is not done; the answer may be out of date when it arrives.
 *
 * \param future  the future
 * \returns 1 when it runs, 0 when not, or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.running`
 */
THREADING_API int32_t threading_future_running(threading_future future);

/**
 * Asks whether `future` is done: it has a result or a failure, was cancelled, or its pool broke.
 *
 * \param future  the future
 * \returns 1 when it is done, 0 when not, or an error status
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.done`
 */
THREADING_API int32_t threading_future_done(threading_future future);

/**
 * Lets `callback` be called when `future` is done, however that happens; at once and here if it is done
 * already.
 *
 * The callbacks of a future run in the order in which they were added, on the thread that ends it: the
 * pool's, the one that sets the result, or the one that cancels. They run outside all locks of the library
 * and may call it. Those who wait for the future may be woken before they have run.
 *
 * \param future      the future
 * \param callback    what is called, once; with a handle that is good until it returns
 * \param arg         the second argument of the callback
 * \param destructor  gets `arg`, once, after the callback, or when the future is destroyed without being
 *                    done; NULL when it needs none
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `callback` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.Future.add_done_callback`
 */
THREADING_API threading_status threading_future_add_done_callback(threading_future future,
                                                                  threading_future_callback callback,
                                                                  void *arg,
                                                                  threading_destructor destructor);

/**
 * Gives `future` up; from then on its handle names nothing.
 *
 * A task is neither cancelled nor waited for: it runs, and so do its callbacks. The callbacks of a promise
 * that is not done will not be called; their arguments go to their destructors, here, and what unwinds from
 * one passes through this call. Those who wait for the future get #THREADING_E_HANDLE.
 *
 * \param future  the future
 * \returns #THREADING_OK
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_future_destroy(threading_future future);

/**
 * Waits for several futures, as long as `timeout_ns` says.
 *
 * A cancelled future is done. It waits as threading_future_result() does: a task of a pool runs here what it
 * waits for. The same future may stand in the list more than once. A wait for any of several closes no
 * circle, whatever these wait for: neither it nor who waits for the caller is refused.
 *
 * \param futures     the futures; NULL when `count` is 0
 * \param count       how many there are; a wait for none is over at once
 * \param when        #THREADING_FIRST_COMPLETED, #THREADING_FIRST_FAILED or #THREADING_ALL_COMPLETED; a
 *                    future whose pool broke has failed, one that was cancelled has not
 * \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
 * \param done_flags  where for each future 1 is written if it is done, 0 if not, also when the time ran out;
 *                    may be NULL
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out; #THREADING_E_DEADLOCK and
 *          #THREADING_E_FORKED as threading_future_result(); #THREADING_E_HANDLE also when one is destroyed
 *          during the wait; #THREADING_E_INVALID when `futures` is NULL with a `count` above 0, `when` is
 *          none of the three, or `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.wait`
 */
THREADING_API threading_status threading_futures_wait(const threading_future *futures,
                                                      size_t count,
                                                      int32_t when,
                                                      int64_t timeout_ns,
                                                      int32_t *done_flags);

/* ---- Pool ---------------------------------------------------------------------------------------------- */

/**
 * A pool: threads that run tasks, which come from any thread and wait in a queue for their turn.
 *
 * Its threads, the workers, start when there is something for them to do, up to as many as the pool was made
 * for; one that is idle is woken before another is started. A task may submit tasks and wait for them: that
 * never starves the pool, see threading_future_result(). When the process ends it waits for the tasks of
 * pools that are not daemons, also for those that are queued. In a forked child a pool begins anew, without
 * tasks.
 *
 * A task that ends by `pthread_exit` or cancellation ends its worker, and another takes its place; a C++
 * exception that leaves it ends the process.
 *
 * \code
 * threading_pool_create(0, NULL, &pool);
 * threading_pool_submit(pool, read_page, url, &page);
 * threading_pool_execute(pool, write_log, line);  // nobody asks for its result
 * threading_future_result(page, THREADING_FOREVER, &text);
 * threading_future_destroy(page);
 * threading_pool_shutdown(pool, 1, 0);
 * threading_pool_destroy(pool);
 * \endcode
 */
typedef struct threading_pool {
  /**
   * The number by which languages in one process share the pool; 0 names nothing.
   */
  uint64_t id;
} threading_pool;

/**
 * Of a full pool: whoever submits waits for room.
 */
#define THREADING_FULL_BLOCK 0

/**
 * Of a full pool: whoever submits gets #THREADING_TIMEOUT.
 */
#define THREADING_FULL_REJECT 1

/**
 * Of a full pool: whoever submits runs the task himself, before the call returns.
 */
#define THREADING_FULL_CALLER_RUNS 2

/**
 * How a pool is to be; zero is the default in every field.
 */
typedef struct threading_pool_options {
  /**
   * `sizeof(threading_pool_options)`.
   */
  size_t size;
  /**
   * The workers are named `<prefix>_0`, `<prefix>_1` and so on, in UTF-8; NULL or "":
   * `ThreadPoolExecutor-0` for the first pool that is given none, `ThreadPoolExecutor-1` for the next.
   */
  const char *name_prefix;
  /**
   * Runs once in each worker, before its first task. When it answers anything but #THREADING_OK, or is left
   * by `pthread_exit` or cancellation, the pool is broken: it runs nothing any more, and the hook of
   * threading_set_excepthook() hears of it.
   */
  threading_action initializer;
  /**
   * The argument of the initializer and of the finalizer; it must outlive the last worker.
   */
  void *initializer_arg;
  /**
   * Bytes of a worker's stack, at least 32 KiB; 0: as threading_stack_size() says.
   */
  size_t stack_size;
  /**
   * Niceness of the workers, -20 to 19, lower runs more; 0: as the thread that starts the worker.
   */
  int32_t priority;
  /**
   * #THREADING_DAEMON_INHERIT, #THREADING_DAEMON or #THREADING_NON_DAEMON: whether the end of the process
   * waits for the tasks.
   */
  int32_t daemon;
  /**
   * How many tasks wait in the queue at most, those that run not counted; 0: there is no bound. It does not
   * hold for what a task of this very pool submits.
   */
  int64_t max_queued;
  /**
   * What becomes of a task when the queue is full: #THREADING_FULL_BLOCK, #THREADING_FULL_REJECT or
   * #THREADING_FULL_CALLER_RUNS.
   */
  int32_t when_full;
  /**
   * Workers that stay when there is nothing to do for longer than `idle_timeout_ns`; 0: none.
   */
  uint32_t min_workers;
  /**
   * Nanoseconds after which a worker with nothing to do ends; 0: workers stay.
   */
  int64_t idle_timeout_ns;
  /**
   * Gets the argument of each task of this pool, once: after it has run, or when it will not run. NULL when
   * arguments need none.
   */
  threading_destructor arg_destructor;
  /**
   * Runs in each worker before it ends, with `initializer_arg`, also when a task has ended it by force; NULL
   * for nothing. It does not run in a worker whose `initializer` was left by force.
   */
  threading_callback finalizer;
} threading_pool_options;

/**
 * Makes a pool; its threads start when there is something for them to do.
 *
 * \param max_workers  how many threads it may have, at most 3072; 0: as many as threading_cpu_count() says
 * \param options      NULL: all defaults
 * \param out          where the pool is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL, `max_workers` or
 *          an option is out of its range, `min_workers` is above `max_workers`, or the prefix is not UTF-8
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.ThreadPoolExecutor`
 */
THREADING_API threading_status threading_pool_create(uint32_t max_workers,
                                                     const threading_pool_options *options,
                                                     threading_pool *out);

/**
 * Gives the pool that everybody in the process may use, which is made on first use.
 *
 * It has as many workers as threading_cpu_count() says, is no daemon, and cannot be destroyed.
 *
 * \returns the pool; { 0 } only when there is no memory to make it
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_pool threading_default_pool(void);

/**
 * Submits a task, and gives a future for its result.
 *
 * Tasks of the same priority begin in the order in which one thread has submitted them; what a task itself
 * submits is begun by its own worker first, in that order, unless others have nothing to do. The future must
 * be destroyed, at any time.
 *
 * \param pool    the pool
 * \param target  what is called; what it returns is the result. It fails by threading_fail()
 * \param arg     the argument of the target; the pool's when the call succeeds, the caller's when it fails
 * \param out     where the future is written
 * \returns #THREADING_OK; #THREADING_CLOSED when the pool is shut down; #THREADING_BROKEN when its
 *          initializer has failed; #THREADING_TIMEOUT when its queue is full and it rejects;
 *          #THREADING_E_NO_MEMORY; #THREADING_E_NO_THREAD and #THREADING_E_PERMISSION when it has no thread
 *          yet and the system refuses one; #THREADING_E_INVALID when `target` or `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.ThreadPoolExecutor.submit`
 */
THREADING_API threading_status threading_pool_submit(threading_pool pool,
                                                     threading_target target,
                                                     void *arg,
                                                     threading_future *out);

/**
 * Submits a task with a priority, and gives a future for its result.
 *
 * Of those that wait in the pool's queue the lowest is begun first, and of those with the same priority the
 * one that was submitted first. threading_pool_submit() submits with 0.
 *
 * \param pool      the pool
 * \param target    what is called; what it returns is the result. It fails by threading_fail()
 * \param arg       the argument of the target; the pool's when the call succeeds, the caller's when it fails
 * \param priority  any number
 * \param out       where the future is written
 * \returns as threading_pool_submit(): #THREADING_OK; #THREADING_CLOSED; #THREADING_BROKEN;
 *          #THREADING_TIMEOUT; #THREADING_E_NO_MEMORY; #THREADING_E_NO_THREAD; #THREADING_E_PERMISSION;
 *          #THREADING_E_INVALID when `target` or `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_pool_submit_priority(threading_pool pool,
                                                              threading_target target,
                                                              void *arg,
                                                              int64_t priority,
                                                              threading_future *out);

/**
 * Submits a task whose end nobody will ask about; it is the fastest way.
 *
 * When the task fails by threading_fail(), the hook of threading_set_excepthook() hears of it, once for each.
 *
 * \param pool      the pool
 * \param callback  what is called
 * \param arg       the argument of the callback; the pool's when the call succeeds, the caller's when it
 *                  fails
 * \returns #THREADING_OK; #THREADING_CLOSED when the pool is shut down; #THREADING_BROKEN when its
 *          initializer has failed; #THREADING_TIMEOUT when its queue is full and it rejects;
 *          #THREADING_E_NO_MEMORY; #THREADING_E_NO_THREAD and #THREADING_E_PERMISSION when it has no thread
 *          yet and the system refuses one; #THREADING_E_INVALID when `callback` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_pool_execute(threading_pool pool,
                                                      threading_callback callback,
                                                      void *arg);

/**
 * Calls `target` for each of several arguments, and waits for all, as long as `timeout_ns` says.
 *
 * The first failure, or the end of the time, cancels the calls that have not begun; those that have begun go
 * on, and write nothing to `results` later. The destructor of the pool gets each argument when its call has
 * ended, or will not come; with #THREADING_CLOSED and every status below 0 the arguments stay the caller's. A
 * task of the pool that maps works itself meanwhile. The bound of the queue does not hold.
 *
 * \param pool        the pool
 * \param target      what is called with one argument at a time, on several threads at once
 * \param args        the arguments; NULL when `count` is 0
 * \param count       how many there are
 * \param results     where what the calls returned is written, in the order of the arguments, only when all
 *                    went well; may be NULL
 * \param timeout_ns  longest wait in nanoseconds, from this call on; #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_FAILED when a call failed, see threading_last_failure();
 *          #THREADING_TIMEOUT when the time ran out; #THREADING_CLOSED when the pool is shut down;
 *          #THREADING_CANCELLED when it is during the call, and cancels what is queued; #THREADING_BROKEN
 *          when its initializer has failed; #THREADING_E_NO_MEMORY; #THREADING_E_NO_THREAD and
 *          #THREADING_E_PERMISSION when it has no thread yet and the system refuses one; #THREADING_E_INVALID
 *          when `target` is NULL, `args` is with a `count` above 0, or `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.ThreadPoolExecutor.map`
 */
THREADING_API threading_status threading_pool_map(threading_pool pool,
                                                  threading_target target,
                                                  void *const *args,
                                                  size_t count,
                                                  void **results,
                                                  int64_t timeout_ns);

/**
 * Waits until `pool` has nothing more to do, neither queued nor running, as long as `timeout_ns` says.
 *
 * Tasks that come during the wait are waited for too. The pool stays open.
 *
 * \param pool        the pool
 * \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK; #THREADING_TIMEOUT when the time ran out; #THREADING_E_DEADLOCK from a task of the
 *          pool; #THREADING_E_NO_MEMORY, #THREADING_E_NO_THREAD and #THREADING_E_PERMISSION when tasks are
 *          queued, no thread is there and the system refuses one; #THREADING_E_INVALID when `timeout_ns` is
 *          below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_pool_wait(threading_pool pool,
                                                   int64_t timeout_ns);

/**
 * Shuts `pool` down: it takes no more tasks, and its threads end when they have nothing more to do.
 *
 * Those who wait for room in its queue get #THREADING_CLOSED. The tasks that are cancelled here end here: the
 * callbacks of their futures and the destructor of their arguments run in this call, and what unwinds from
 * one passes through it. For a limit to the wait shut down without one, then call threading_pool_wait().
 *
 * \param pool            the pool
 * \param wait            not 0 waits until all tasks have ended, and all threads of the pool too
 * \param cancel_futures  not 0 cancels the tasks that have not begun; after that a shutdown with 0 changes
 *                        nothing
 * \returns #THREADING_OK, also when it was shut down before; #THREADING_E_DEADLOCK from a task of the pool
 *          that wants to wait: then nothing has changed
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `concurrent.futures.ThreadPoolExecutor.shutdown`
 */
THREADING_API threading_status threading_pool_shutdown(threading_pool pool,
                                                       int32_t wait,
                                                       int32_t cancel_futures);

/**
 * Changes how many threads `pool` may have.
 *
 * More start as there is work for them; those that are too many end when they have done the task that they
 * are at. It never waits.
 *
 * \param pool         the pool
 * \param max_workers  how many threads it may have, at most 3072; 0: as many as threading_cpu_count() says
 * \returns #THREADING_OK; #THREADING_E_INVALID when `max_workers` is out of its range
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_pool_resize(threading_pool pool,
                                                     uint32_t max_workers);

/**
 * Gives `pool` up, as threading_pool_shutdown() without waiting and cancelling; from then on its handle names
 * nothing.
 *
 * Tasks that are queued still run. The futures and groups of the pool stay good. To wait for the end of its
 * threads, shut it down first. A pool may be destroyed from its own task.
 *
 * \param pool  the pool
 * \returns #THREADING_OK; #THREADING_E_STATE for the pool of threading_default_pool()
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_pool_destroy(threading_pool pool);

/**
 * What a pool is doing and has done; the numbers are read one after another, so they need not fit together.
 */
typedef struct threading_pool_statistics {
  /**
   * `sizeof(threading_pool_statistics)`, set by the caller: no more than that is written.
   */
  size_t size;
  /**
   * Threads of the pool, from before their start to their end.
   */
  uint32_t workers;
  /**
   * Threads that work, also those from outside that take part in a loop.
   */
  uint32_t busy;
  /**
   * Workers that have nothing to do.
   */
  uint32_t idle;
  /**
   * Threads that wait inside a task, or have called threading_blocking_begin().
   */
  uint32_t blocked;
  /**
   * Tasks that nobody has begun.
   */
  int64_t queued;
  /**
   * Tasks that have run and ended, however; those that never began are not counted.
   */
  int64_t done;
  /**
   * The most tasks that ever waited in the pool's queue.
   */
  int64_t most_queued;
  /**
   * Nanoseconds that all tasks together have waited in the queue; where many wait at once, not each is timed, and
   * this may be up to four percent too large.
   */
  int64_t wait_ns;
  /**
   * Nanoseconds that all workers together have worked.
   */
  int64_t run_ns;
} threading_pool_statistics;

/**
 * Tells what `pool` is doing and has done.
 *
 * \param pool  the pool
 * \param out   where the numbers are written; its `size` must be set
 * \returns #THREADING_OK; #THREADING_E_INVALID when `out` is NULL or its `size` is below that of this version
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_pool_stats(threading_pool pool,
                                                    threading_pool_statistics *out);

/**
 * Tells which worker of its pool the running thread is, for example to use a place of its own in an array.
 *
 * No two threads that work in a pool at the same time have the same number, and it is below the pool's
 * `max_workers`, but for one case: while a worker waits inside a task, another may stand in for it, with a
 * number from `max_workers` on and below `max_workers` + 64. It takes tasks, and no part in others' loops.
 * A thread that runs a parallel loop, or a task that the pool had no room for, while all workers are busy has
 * no number of its own: until one is free it works alone, as number 0.
 *
 * \returns 0 or more inside a task or the body of a loop, of the innermost pool; -1 elsewhere
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API int32_t threading_worker_index(void);

/**
 * Says that the running task is about to wait for something that the library does not know, a socket or a
 * file: another thread may work in its place until threading_blocking_end().
 *
 * Where a task waits by a function of this library for a future, a group or a map, that is done by itself.
 * The pool starts at most 64 threads more than it was made for. Calls nest; each needs its end in the same
 * task.
 *
 * \returns #THREADING_OK; #THREADING_E_STATE when no task of a pool runs on this thread
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_blocking_begin(void);

/**
 * Says that the wait of threading_blocking_begin() is over.
 *
 * It never waits: the thread that has taken the place stops when it is done with its task.
 *
 * \returns #THREADING_OK; #THREADING_E_STATE when there is nothing to end, or no task of a pool runs on this
 *          thread
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_blocking_end(void);

/**
 * Sets how many threads may do parallel work at the same time, of all pools and nested loops.
 *
 * Parallel work are the loops, reductions and calls of the section Parallel loops; the threads that call them
 * count too. Where all are taken nobody helps, and who calls works alone. At first it is what the system
 * gives the process: its processors as far as affinity and the quota of its control group go.
 *
 * \param threads   how many threads; 0: what the system gives
 * \param previous  where is written how many there were before; may be NULL
 * \returns #THREADING_OK
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_set_parallelism(uint32_t threads,
                                                         uint32_t *previous);

/* ---- Group --------------------------------------------------------------------------------------------- */

/**
 * A group: tasks of a pool that are waited for together, and of which the first failure cancels those that
 * have not begun.
 *
 * \code
 * threading_group_create(pool, &group);
 * for (size_t i = 0; i < count; i++) threading_group_submit(group, check_file, &files[i]);
 * if (threading_group_wait(group, THREADING_FOREVER) == THREADING_FAILED)
 *   threading_last_failure(&code, text, sizeof text, NULL);
 * threading_group_destroy(group);
 * \endcode
 */
typedef struct threading_group {
  /**
   * The number by which languages in one process share the group; 0 names nothing.
   */
  uint64_t id;
} threading_group;

/**
 * Makes a group without tasks.
 *
 * \param pool  the pool that runs its tasks; it may be destroyed before the group
 * \param out   where the group is written
 * \returns #THREADING_OK; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID when `out` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `asyncio.TaskGroup`
 */
THREADING_API threading_status threading_group_create(threading_pool pool, threading_group *out);

/**
 * Submits a task of `group`, also from another of its tasks.
 *
 * The argument goes to the destructor of the pool when the task has ended, or will not run.
 *
 * \param group   the group
 * \param target  what is called; what it returns is dropped. It fails by threading_fail()
 * \param arg     the argument of the target; the pool's when the call succeeds, the caller's when it fails
 * \returns #THREADING_OK; #THREADING_CANCELLED when the group was cancelled, or one of its tasks has failed;
 *          #THREADING_CLOSED when the pool is shut down; #THREADING_BROKEN when its initializer has failed;
 *          #THREADING_TIMEOUT when its queue is full and it rejects; #THREADING_E_NO_MEMORY;
 *          #THREADING_E_NO_THREAD and #THREADING_E_PERMISSION when it has no thread yet and the system
 *          refuses one; #THREADING_E_FORKED when the group was made in the parent process;
 *          #THREADING_E_INVALID when `target` is NULL
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `asyncio.TaskGroup.create_task`
 */
THREADING_API threading_status threading_group_submit(threading_group group,
                                                      threading_target target,
                                                      void *arg);

/**
 * Sets how many tasks of `group` may run at once; the others wait in the order of coming.
 *
 * Tasks that wait for their turn take no thread of the pool; those that run when the limit is lowered go on.
 *
 * \param group  the group
 * \param limit  the most tasks at once; 0: as many as the pool has threads for, as in a new group
 * \returns #THREADING_OK; #THREADING_E_FORKED when the group was made in the parent process
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_group_set_limit(threading_group group,
                                                         uint32_t limit);

/**
 * Waits until all tasks of `group` have ended, as long as `timeout_ns` says, and tells how.
 *
 * A task of the same pool that waits runs tasks of the group here, unless `timeout_ns` is 0; while it sleeps,
 * another thread of the pool works in its place. A group that went well can be given more tasks afterwards,
 * one that failed or was cancelled stays so. A task that was left by `pthread_exit` or cancellation has
 * failed with the code #THREADING_CANCELLED.
 *
 * \param group       the group
 * \param timeout_ns  longest wait in nanoseconds: 0 only asks, #THREADING_FOREVER has no limit
 * \returns #THREADING_OK when all went well; #THREADING_FAILED when one failed, of the first see
 *          threading_last_failure(); #THREADING_CANCELLED when the group was cancelled, or the pool was shut
 *          down and cancelled its tasks; #THREADING_BROKEN when the pool broke; #THREADING_TIMEOUT when the
 *          time ran out; #THREADING_E_DEADLOCK from a task of the group; #THREADING_E_FORKED when tasks
 *          stayed in the parent process; #THREADING_E_INVALID when `timeout_ns` is below -1
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_group_wait(threading_group group,
                                                    int64_t timeout_ns);

/**
 * Cancels `group`: tasks that have not begun will not run, and it takes no more.
 *
 * The destructor of the pool gets the arguments of those tasks, here; what unwinds from it passes through
 * this call. Tasks that run are neither interrupted nor waited for: threading_group_wait() waits.
 *
 * \param group  the group
 * \returns #THREADING_OK, also when it was cancelled before or one of its tasks has failed;
 *          #THREADING_E_FORKED when the group was made in the parent process
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_group_cancel(threading_group group);

/**
 * Ends `group`; from then on its handle names nothing.
 *
 * \param group  the group
 * \returns #THREADING_OK; #THREADING_E_BUSY when a task has not ended or somebody waits: then nothing has
 *          changed
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_group_destroy(threading_group group);

/* ---- Parallel loops ------------------------------------------------------------------------------------ */

/**
 * The body of a loop: it does the numbers from `begin` up to, but without, `end`.
 */
typedef void (*threading_range_body)(int64_t begin, int64_t end, void *arg);

/**
 * The body of a reduction: it adds what the numbers from `begin` up to, but without, `end` give to
 * `accumulator`, which is aligned to 16.
 */
typedef void (*threading_range_fold)(int64_t begin, int64_t end, void *accumulator, void *arg);

/**
 * Adds the accumulator `from`, of later numbers, to the accumulator `into`, of earlier ones.
 */
typedef void (*threading_combine)(void *into, const void *from, void *arg);

/**
 * One of the functions that threading_parallel_invoke() calls.
 */
typedef struct threading_task {
  /**
   * What is called.
   */
  threading_callback callback;
  /**
   * Its argument.
   */
  void *arg;
} threading_task;

/**
 * Calls `body` for all numbers from `begin` up to, but without, `end`, on several threads at once.
 *
 * The caller works too, on its own stack, and the range is split only while somebody has nothing to do: a
 * loop that nobody can help with, or that is over too soon, is done by the caller alone. Loops nest, and may
 * be called from tasks; waiting for the parts of others a thread only does parts of its own loop. Nothing is
 * allocated. The whole is over when the call returns.
 *
 * When a piece fails by threading_fail(), pieces that have not begun are left out. `pthread_exit` in the body
 * makes the work fail with the code #THREADING_CANCELLED; on the calling thread, where a C++ exception may
 * leave it too, it goes on through this call when the parts of others have ended.
 *
 * \code
 * static void scale(int64_t begin, int64_t end, void *arg) {
 *   double *values = arg;
 *   for (int64_t i = begin; i < end; i++) values[i] *= 2;
 * }
 * threading_parallel_for(threading_default_pool(), 0, count, 0, scale, values);
 * \endcode
 *
 * \param pool   the pool whose threads help
 * \param begin  the first number
 * \param end    the number after the last; at or below `begin` there is nothing to do
 * \param grain  how many numbers each call of `body` gets but the last; 0 leaves it to the library
 * \param body   what is called with a piece of the range
 * \param arg    the last argument of `body`
 * \returns #THREADING_OK; #THREADING_FAILED when a piece failed, see threading_last_failure();
 *          #THREADING_CLOSED when the pool is shut down and the caller is none of its workers;
 *          #THREADING_BROKEN when its initializer has failed; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID
 *          when `body` is NULL or `grain` is below 0
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_parallel_for(threading_pool pool,
                                                      int64_t begin,
                                                      int64_t end,
                                                      int64_t grain,
                                                      threading_range_body body,
                                                      void *arg);

/**
 * Folds all numbers from `begin` up to, but without, `end` into one result, on several threads at once.
 *
 * Each part begins with a copy of `identity`, to which `fold` adds; then `combine` adds the accumulator of a
 * part to that of the part before it. So `combine` need not be commutative, but how the range is cut differs
 * from call to call: sums of floating point numbers may too. It works as threading_parallel_for(); memory is
 * allocated only for accumulators above 64 bytes.
 *
 * \param pool      the pool whose threads help
 * \param begin     the first number
 * \param end       the number after the last; at or below `begin` the result is `identity`
 * \param grain     how many numbers each call of `fold` gets but the last; 0 leaves it to the library
 * \param identity  what a part begins with, copied byte by byte: adding it changes nothing
 * \param size      bytes of `identity`, of each accumulator and of `result`
 * \param fold      what is called with a piece of the range and an accumulator
 * \param combine   what adds two accumulators
 * \param arg       the last argument of `fold` and `combine`
 * \param result    where the result is written, only when all went well; it may be `identity`
 * \returns #THREADING_OK; #THREADING_FAILED when a piece failed, see threading_last_failure();
 *          #THREADING_CLOSED when the pool is shut down and the caller is none of its workers;
 *          #THREADING_BROKEN when its initializer has failed; #THREADING_E_NO_MEMORY; #THREADING_E_INVALID
 *          when `identity`, `fold`, `combine` or `result` is NULL or `grain` is below 0
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 * \sa Python `functools.reduce`
 */
THREADING_API threading_status threading_parallel_reduce(threading_pool pool,
                                                         int64_t begin,
                                                         int64_t end,
                                                         int64_t grain,
                                                         const void *identity,
                                                         size_t size,
                                                         threading_range_fold fold,
                                                         threading_combine combine,
                                                         void *arg,
                                                         void *result);

/**
 * Calls several functions, each once, on several threads at once; the whole is over when the call returns.
 *
 * The caller works too, on its own stack; nothing is allocated. Unlike a loop, it begins all of them, also
 * when one has failed. It nests, and passes on what unwinds, as threading_parallel_for() does.
 *
 * \param pool   the pool whose threads help
 * \param tasks  the functions with their arguments; NULL when `count` is 0
 * \param count  how many there are
 * \returns #THREADING_OK; #THREADING_FAILED when one failed by threading_fail(), see
 *          threading_last_failure(); #THREADING_CLOSED when the pool is shut down and the caller is none of
 *          its workers; #THREADING_BROKEN when its initializer has failed; #THREADING_E_NO_MEMORY;
 *          #THREADING_E_INVALID when `tasks` is NULL with a `count` above 0, or one of the callbacks is: then
 *          none is called
 * \threadsafety any thread, but no signal handler
 * \since 0.1.0
 */
THREADING_API threading_status threading_parallel_invoke(threading_pool pool,
                                                         const threading_task *tasks,
                                                         size_t count);

/* ---- THREADING_WITH ------------------------------------------------------------------------------------ */

/*
 * THREADING_WITH(x) { ... } is Python's `with x:` for a lock, an rlock, a condition or a semaphore. It
 * acquires `x`, waiting as long as it takes, runs the block once and releases `x` however the block is
 * left: at its end, by return or by goto, and by pthread_exit or pthread_cancel when the program is
 * compiled with -fexceptions.
 *
 *   THREADING_WITH(lock) {
 *     if (list_is_empty()) return NULL;
 *     item = list_pop();
 *   }
 *
 * !!  `break` and `continue` LEAVE THE BLOCK and release `x`. They do not reach a loop around the block:
 * !!
 * !!    for (int i = 0; i < n; i++) {
 * !!      THREADING_WITH(lock) {
 * !!        if (done[i]) break;       // ends this block; the loop goes on with i + 1
 * !!      }
 * !!    }
 * !!
 * !!  To end the loop, set a variable that the loop tests, or use goto. longjmp releases nothing.
 *
 * The block runs when the acquire answers #THREADING_OK or #THREADING_OWNER_DEAD, and does not run
 * otherwise. THREADING_WITH_STATUS takes a timeout and stores the status, so that the program can see why
 * the block did not run:
 *
 *   threading_status status;
 *   THREADING_WITH_STATUS(lock, THREADING_MILLISECONDS(10), &status) { counter++; }
 *   if (status == THREADING_TIMEOUT) puts("too busy");
 *
 * `x` is evaluated once. Both need C11 and the cleanup attribute of GCC and Clang, and are not defined
 * elsewhere. What ends in an underscore, and what begins with threading_with, is theirs alone.
 */
#if defined(__GNUC__) && !defined(__cplusplus) && defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
typedef struct threading_with {
  uint64_t id;
  int32_t kind;
  int32_t held;
} threading_with;

#define THREADING_WITH_DEFINE_(kind_, noun_)                                                               \
  static inline threading_with threading_with_##noun_(threading_##noun_ x, int64_t timeout_ns,             \
                                                      threading_status *status) {                          \
    threading_with with = { x.id, kind_, 0 };                                                              \
    *status = threading_##noun_##_acquire(x, timeout_ns);                                                  \
    with.held = THREADING_ACQUIRED(*status);                                                               \
    return with;                                                                                           \
  }
THREADING_WITH_DEFINE_(0, lock)
THREADING_WITH_DEFINE_(1, rlock)
THREADING_WITH_DEFINE_(2, condition)
THREADING_WITH_DEFINE_(3, semaphore)
#undef THREADING_WITH_DEFINE_

static inline void threading_with_end(threading_with *with) {
  const threading_lock lock = { with->id };
  const threading_rlock rlock = { with->id };
  const threading_condition condition = { with->id };
  const threading_semaphore semaphore = { with->id };
  if (!with->held) return;
  with->held = 0;
  switch (with->kind) {
    case 0: (void)threading_lock_release(lock); break;
    case 1: (void)threading_rlock_release(rlock); break;
    case 2: (void)threading_condition_release(condition); break;
    default: (void)threading_semaphore_release(semaphore, 1); break;
  }
}

#define THREADING_WITH_JOIN_(a, b) a##b
#define THREADING_WITH_NAME_(line) THREADING_WITH_JOIN_(threading_with_, line)
#define THREADING_WITH_AS_(with, x, timeout_ns, status)                                                    \
  for (threading_with with __attribute__((__cleanup__(threading_with_end))) =                              \
         _Generic((x), threading_lock: threading_with_lock, threading_rlock: threading_with_rlock,         \
                  threading_condition: threading_with_condition,                                           \
                  threading_semaphore: threading_with_semaphore)((x), (timeout_ns), (status));             \
       with.held; threading_with_end(&with))

#define THREADING_WITH_STATUS(x, timeout_ns, status)                                                       \
  THREADING_WITH_AS_(THREADING_WITH_NAME_(__LINE__), x, timeout_ns, status)
#define THREADING_WITH(x) THREADING_WITH_STATUS(x, THREADING_FOREVER, &(threading_status){ 0 })
#endif

#ifdef __cplusplus
}
#endif

#endif /* THREADING_H */
