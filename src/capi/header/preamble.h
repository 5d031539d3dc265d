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
@CONTENTS@
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
