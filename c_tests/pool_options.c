// threading_pool_options: each field, what it may be, and what comes of it.
#include "pool.h"

#include <signal.h>
#include <sys/resource.h>

static void refused(threading_pool_options options) {
  threading_pool pool = { 77 };
  options.size = sizeof options;
  IS(threading_pool_create(2, &options, &pool), THREADING_E_INVALID);
  EQ(pool.id, 77);
}

// ---- Sizes and values ----

TEST(all_zero_is_all_default) {
  finish_pool(make_with(1, OPTIONS(.size = 0)));
}

TEST(sizes_that_are_refused) {
  threading_pool pool = { 77 };
  for (size_t size = 0; size < sizeof(threading_pool_options); size++) {
    const threading_pool_options options = { .size = size };
    IS(threading_pool_create(1, &options, &pool), THREADING_E_INVALID);
  }
  EQ(pool.id, 77);
}

TEST(a_larger_struct_is_accepted_when_its_tail_is_zero) {
  struct {
    threading_pool_options options;
    uint8_t more[16];
  } larger = { .options = { .size = sizeof larger } };
  threading_pool pool = { 77 };
  OK(threading_pool_create(1, &larger.options, &pool));
  finish_pool(pool);
  pool.id = 77;
  for (int i = 0; i < 16; i++) {
    larger.more[i] = 1;
    IS(threading_pool_create(1, &larger.options, &pool), THREADING_E_INVALID);
    larger.more[i] = 0;
  }
  EQ(pool.id, 77);
}

TEST(values_that_are_refused) {
  refused(OPTIONS(.daemon = 3));
  refused(OPTIONS(.daemon = -1));
  refused(OPTIONS(.when_full = 3));
  refused(OPTIONS(.when_full = -1));
  refused(OPTIONS(.max_queued = -1));
  refused(OPTIONS(.max_queued = INT64_MIN));
  refused(OPTIONS(.idle_timeout_ns = -2));
  refused(OPTIONS(.priority = 20));
  refused(OPTIONS(.priority = -21));
  refused(OPTIONS(.stack_size = 1));
  refused(OPTIONS(.stack_size = 32767));
  refused(OPTIONS(.min_workers = 3));
  refused(OPTIONS(.name_prefix = "\xff\xfe"));
}

// ---- Names ----

static atomic_bool named[8];
static const char *prefix;

static void *take_name(void *arg) {
  char name[128];
  int index = -1, length = 0;
  OK(threading_thread_name(threading_current_thread(), name, sizeof name, NULL));
  CHECK(strncmp(name, prefix, strlen(prefix)) == 0);
  EQ(sscanf(name + strlen(prefix), "_%d%n", &index, &length), 1);
  EQ(name[strlen(prefix) + (size_t)length], '\0');
  CHECK(index >= 0 && index < 8);
  CHECK(!atomic_exchange(&named[index], true));
  return stand_in_gate(arg);
}

TEST(workers_are_named_by_their_number) {
  prefix = "a longer prefix than the system's fifteen bytes";
  const threading_pool pool = make_with(8, OPTIONS(.name_prefix = prefix));
  gate gate;
  make_gate(&gate);
  threading_future futures[8];
  for (int i = 0; i < 8; i++) futures[i] = submit(pool, take_name, &gate);
  WAIT_UNTIL(atomic_load(&gate.inside) == 8);
  release_workers(&gate, 8, futures);
  for (int i = 0; i < 8; i++) CHECK(atomic_load(&named[i]));
  finish_pool(pool);
}

static void *default_name(void *arg) {
  char name[64];
  int length = 0;
  OK(threading_thread_name(threading_current_thread(), name, sizeof name, NULL));
  EQ(sscanf(name, "ThreadPoolExecutor-%d_0%n", (int *)arg, &length), 1);
  EQ(name[length], '\0');
  return arg;
}

TEST(pools_without_a_prefix_are_numbered) {
  int first = -1, second = -1;
  const threading_pool one = make_pool(1), named_one = make_with(1, OPTIONS(.name_prefix = "mine"));
  const threading_pool other = make_pool(1);
  result_of(submit(one, default_name, &first));
  result_of(submit(other, default_name, &second));
  EQ(first, 0);
  EQ(second, 1);
  finish_pool(one);
  finish_pool(other);
  finish_pool(named_one);
}

TEST(the_prefix_is_copied) {
  char text[] = "before";
  const threading_pool pool = make_with(1, OPTIONS(.name_prefix = text));
  memset(text, 'x', sizeof text - 1);
  prefix = "before";
  gate gate;
  make_gate(&gate);
  open_gate(&gate);
  result_of(submit(pool, take_name, &gate));
  finish_pool(pool);
}

// ---- Threads as they were wished for ----

static void *ask_daemon(void *arg) {
  *(int32_t *)arg = threading_thread_is_daemon(threading_current_thread());
  return arg;
}

static int32_t is_daemon(threading_pool pool) {
  int32_t answer = -77;
  result_of(submit(pool, ask_daemon, &answer));
  finish_pool(pool);
  return answer;
}

static void *of_a_daemon(void *arg) {
  EQ(is_daemon(make_pool(1)), 1);
  EQ(is_daemon(make_with(1, OPTIONS(.daemon = THREADING_NON_DAEMON))), 0);
  return arg;
}

TEST(daemon_or_not) {
  EQ(is_daemon(make_pool(1)), 0);
  EQ(is_daemon(make_with(1, OPTIONS(.daemon = THREADING_DAEMON))), 1);
  EQ(is_daemon(make_with(1, OPTIONS(.daemon = THREADING_NON_DAEMON))), 0);
  const threading_thread_options options = { .size = sizeof options, .daemon = THREADING_DAEMON };
  threading_thread thread;
  OK(threading_thread_spawn(of_a_daemon, NULL, &options, &thread));
  finish_thread(thread);
}

static void *ask_nice(void *arg) {
  *(int *)arg = getpriority(PRIO_PROCESS, (id_t)threading_get_native_id());
  return arg;
}

TEST(priority_is_the_workers_nice_value) {
  int nice = -77;
  const threading_pool pool = make_with(1, OPTIONS(.priority = 5));
  result_of(submit(pool, ask_nice, &nice));
  EQ(nice, 5);
  finish_pool(pool);
}

static void *ask_stack(void *arg) {
  pthread_attr_t attributes;
  size_t size = 0;
  EQ(pthread_getattr_np(pthread_self(), &attributes), 0);
  EQ(pthread_attr_getstacksize(&attributes, &size), 0);
  pthread_attr_destroy(&attributes);
  *(size_t *)arg = size;
  return arg;
}

TEST(the_stack_is_as_large_as_wished) {
  size_t size = 0;
  const threading_pool pool = make_with(1, OPTIONS(.stack_size = 3 << 20));
  result_of(submit(pool, ask_stack, &size));
  CHECK(size >= 3 << 20 && size < 4 << 20);
  finish_pool(pool);
}

static void *ask_signals(void *arg) {
  sigset_t blocked;
  EQ(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
  const int kept_away[] = { SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGINT, SIGCHLD, SIGPROF };
  for (size_t i = 0; i < sizeof kept_away / sizeof kept_away[0]; i++)
    EQ(sigismember(&blocked, kept_away[i]), 1);
  const int synchronous[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
  for (size_t i = 0; i < sizeof synchronous / sizeof synchronous[0]; i++)
    EQ(sigismember(&blocked, synchronous[i]), 0);
  return arg;
}

TEST(workers_block_all_but_the_synchronous_signals) {
  const threading_pool pool = make_pool(1);
  result_of(submit(pool, ask_signals, NULL));
  finish_pool(pool);
}

// ---- Initializer and finalizer ----

typedef struct service {
  _Atomic int64_t begun, ended, refuse_from;
} service;

static threading_status begin_service(void *arg) {
  service *service = arg;
  const int64_t turn = atomic_fetch_add(&service->begun, 1);
  return turn >= atomic_load(&service->refuse_from) ? THREADING_E_STATE : THREADING_OK;
}

static void end_service(void *arg) {
  service *service = arg;
  atomic_fetch_add(&service->ended, 1);
}

static threading_pool make_service(uint32_t workers, service *service, int64_t refuse_from) {
  atomic_store(&service->refuse_from, refuse_from);
  return make_with(workers, OPTIONS(.initializer = begin_service, .initializer_arg = service,
                                    .finalizer = end_service));
}

typedef struct slow_service {
  _Atomic int64_t begun;
  threading_event go_on;
} slow_service;

static threading_status begin_slowly_but_the_first(void *arg) {
  slow_service *service = arg;
  if (atomic_fetch_add(&service->begun, 1) == 0) return THREADING_OK;
  return threading_event_wait(service->go_on, THREADING_FOREVER);
}

static void *own_handle(void *arg) {
  *(threading_thread *)arg = threading_current_thread();
  return arg;
}

TEST(a_sleeping_worker_is_woken_while_another_is_in_its_initializer) {
  slow_service service = { 0, make_event() };
  const threading_pool pool =
    make_with(2, OPTIONS(.initializer = begin_slowly_but_the_first, .initializer_arg = &service));
  threading_thread first;
  result_of(submit(pool, own_handle, &first));
  gate gate;
  make_gate(&gate);
  threading_future held;
  hold_workers(pool, &gate, 1, &held);
  const threading_future other = submit(pool, give_back, &service);
  WAIT_UNTIL(atomic_load(&service.begun) == 2);
  release_workers(&gate, 1, &held);
  CHECK(result_of(other) == &service);
  for (int round = 0; round < 20; round++) {
    wait_blocked(first);
    void *result;
    const threading_future future = submit(pool, give_back, &service);
    OK(threading_future_result(future, THREADING_SECONDS(5), &result));
    OK(threading_future_destroy(future));
  }
  EQ(atomic_load(&service.begun), 2);
  OK(threading_event_set(service.go_on));
  finish_pool(pool);
  OK(threading_event_destroy(service.go_on));
}

TEST(initializer_and_finalizer_run_once_in_each_worker) {
  service service = { 0 };
  const threading_pool pool = make_service(3, &service, INT64_MAX);
  EQ(atomic_load(&service.begun), 0);
  gate gate;
  make_gate(&gate);
  threading_future held[3];
  hold_workers(pool, &gate, 3, held);
  EQ(atomic_load(&service.begun), 3);
  EQ(atomic_load(&service.ended), 0);
  release_workers(&gate, 3, held);
  for (int i = 0; i < 100; i++) result_of(submit(pool, give_back, NULL));
  EQ(atomic_load(&service.begun), 3);
  finish_pool(pool);
  EQ(atomic_load(&service.begun), 3);
  EQ(atomic_load(&service.ended), 3);
}

TEST(the_finalizer_runs_also_in_workers_that_end_by_force) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  service service = { 0 };
  const threading_pool pool = make_service(2, &service, INT64_MAX);
  for (int i = 0; i < 50; i++) OK(threading_future_destroy(submit(pool, leave_by_force, NULL)));
  result_of(submit(pool, give_back, NULL));
  finish_pool(pool);
  CHECK(atomic_load(&service.begun) > 2);
  EQ(atomic_load(&service.ended), atomic_load(&service.begun));
}

static void is_broken(threading_pool pool) {
  threading_future future = { 77 };
  void *args[1] = { NULL };
  IS(threading_pool_submit(pool, give_back, NULL, &future), THREADING_BROKEN);
  IS(threading_pool_execute(pool, nothing, NULL), THREADING_BROKEN);
  IS(threading_pool_map(pool, give_back, args, 1, NULL, THREADING_FOREVER), THREADING_BROKEN);
  EQ(future.id, 77);
}

static threading_event may_fail;

static threading_status fail_when_it_may(void *arg) {
  OK(threading_event_wait(may_fail, THREADING_FOREVER));
  return begin_service(arg);
}

TEST(an_initializer_that_fails_breaks_the_pool) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  service service = { 0 };
  may_fail = make_event();
  const threading_pool pool =
    make_with(1, OPTIONS(.initializer = fail_when_it_may, .initializer_arg = &service,
                         .finalizer = end_service));
  threading_future pending[10];
  for (int i = 0; i < 10; i++) pending[i] = submit(pool, give_back, NULL);
  OK(threading_event_set(may_fail));
  for (int i = 0; i < 10; i++) {
    void *result = &result;
    int32_t code = 77;
    IS(threading_future_result(pending[i], THREADING_FOREVER, &result), THREADING_BROKEN);
    IS(threading_future_failure(pending[i], THREADING_FOREVER, &code, NULL, 0, NULL), THREADING_BROKEN);
    CHECK(result == &result);
    EQ(code, 77);
    EQ(threading_future_done(pending[i]), 1);
    EQ(threading_future_cancelled(pending[i]), 0);
    OK(threading_future_destroy(pending[i]));
  }
  is_broken(pool);
  OK(threading_pool_wait(pool, THREADING_FOREVER));
  OK(threading_pool_shutdown(pool, 1, 0));
  EQ(atomic_load(&service.begun), 1);
  EQ(stats_of(pool).workers, 0);
  OK(threading_pool_destroy(pool));
}

TEST(one_of_several_initializers_fails) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  service service = { 0 };
  const threading_pool pool = make_service(2, &service, 1);
  gate gate;
  make_gate(&gate);
  threading_future held, pending[10];
  hold_workers(pool, &gate, 1, &held);
  // The first worker is held, so a second one is started for these.
  int count = 0;
  for (; count < 10; count++) {
    const threading_status status = threading_pool_submit(pool, give_back, NULL, &pending[count]);
    if (status == THREADING_BROKEN) break;
    OK(status);
  }
  CHECK(count >= 1);
  for (int i = 0; i < count; i++) {
    void *result;
    IS(threading_future_result(pending[i], THREADING_FOREVER, &result), THREADING_BROKEN);
    OK(threading_future_destroy(pending[i]));
  }
  is_broken(pool);
  release_workers(&gate, 1, &held);  // what runs is not torn away
  OK(threading_pool_shutdown(pool, 1, 0));
  OK(threading_pool_destroy(pool));
}

static threading_status leave_at_once(void *arg) {
  (void)arg;
  pthread_exit(NULL);
}

static threading_status fail_at_once(void *arg) {
  OK(threading_fail(7, "no service"));
  return *(threading_status *)arg;
}

TEST(an_initializer_that_is_left_or_marked_as_failed_breaks_the_pool) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  threading_status returned = THREADING_E_STATE;
  const threading_action initializers[] = { leave_at_once, fail_at_once };
  for (int i = 0; i < 2; i++) {
    const threading_pool pool =
      make_with(2, OPTIONS(.initializer = initializers[i], .initializer_arg = &returned));
    threading_future future;
    const threading_status status = threading_pool_submit(pool, give_back, NULL, &future);
    if (status == THREADING_OK) {
      void *result;
      IS(threading_future_result(future, THREADING_FOREVER, &result), THREADING_BROKEN);
      OK(threading_future_destroy(future));
    } else {
      IS(status, THREADING_BROKEN);
    }
    is_broken(pool);
    OK(threading_pool_destroy(pool));
  }
}

TEST(a_broken_pool_destroys_the_arguments_it_was_given) {
  OK(threading_set_excepthook(ignore_failures, NULL));
  service service = { 0 };
  const threading_pool pool = make_with(1, OPTIONS(.initializer = begin_service, .initializer_arg = &service,
                                                   .arg_destructor = destroy_owned));
  int64_t taken = 0;
  while (taken < 100 && threading_pool_execute(pool, nothing, owned(taken)) == THREADING_OK) taken++;
  OK(threading_pool_shutdown(pool, 1, 0));
  EQ(count_destroyed(), taken);
  OK(threading_pool_destroy(pool));
}
