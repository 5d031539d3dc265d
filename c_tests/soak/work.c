// Queues, timers, tasks of a pool, groups and loops.
#include "soak.h"

// ---- Queues: each item exactly once, those of one producer in their order ----

#define KINDS 3

typedef struct channel {
  threading_queue queue;
  // What went in and came out: how many, and a sum of their scrambled numbers.
  _Atomic uint64_t in, out, sum_in, sum_out;
} channel;

static channel channels[KINDS];
static const int64_t bounds[KINDS] = { 16, 0, 64 };

// The order of the first channel is looked at by one at a time.
static threading_lock looking;
static uint64_t last_seen[ACTORS];
static uint64_t put_by[KINDS][ACTORS];

// An item is the number of its producer and how many that one has put before.
static uint64_t item_of(int producer, uint64_t turn) { return (uint64_t)(producer + 1) << 40 | turn; }
static int producer_of(uint64_t item) { return (int)(item >> 40) - 1; }
static uint64_t turn_of(uint64_t item) { return item & ((UINT64_C(1) << 40) - 1); }
static uint64_t scrambled(uint64_t item) { return (item ^ item >> 29) * UINT64_C(0xbf58476d1ce4e5b9); }
static int64_t priority_of(uint64_t item) { return (int64_t)(scrambled(item) >> 60); }

static void open_queues(void) {
  for (int i = 0; i < KINDS; i++) DONE(threading_queue_create(i, bounds[i], NULL, &channels[i].queue));
  DONE(threading_lock_create(&looking));
}

static void put(actor *who, int kind) {
  channel *at = &channels[kind];
  const uint64_t item = item_of(who->number, put_by[kind][who->number] + 1);
  void *const pointer = (void *)(uintptr_t)item;
  // Those who take need not come by: a full queue stays full for so long.
  const int64_t timeout = (int64_t)pick(who, 50000);
  const threading_status status =
    kind == THREADING_PRIORITY ? threading_queue_put_priority(at->queue, pointer, priority_of(item), timeout)
                               : threading_queue_put(at->queue, pointer, timeout);
  if (!in_time(status, timeout)) return;
  put_by[kind][who->number]++;
  atomic_fetch_add(&at->in, 1);
  atomic_fetch_add(&at->sum_in, scrambled(item));
}

static uint64_t take(channel *at, int64_t timeout) {
  void *pointer = NULL;
  if (!in_time(threading_queue_get(at->queue, &pointer, timeout), timeout)) return 0;
  if (soak_planted("item")) return 0;
  const uint64_t item = (uint64_t)(uintptr_t)pointer;
  HOLDS(producer_of(item) >= 0 && producer_of(item) < ACTORS && turn_of(item) > 0);
  atomic_fetch_add(&at->out, 1);
  atomic_fetch_add(&at->sum_out, scrambled(item));
  DONE(threading_queue_task_done(at->queue));
  return item;
}

static void check_order(uint64_t item) {
  uint64_t *last = &last_seen[producer_of(item)];
  EQUALS(turn_of(item), *last + 1);
  *last = turn_of(item);
}

static void get_in_order(actor *who) {
  if (!in_time(threading_lock_acquire(looking, 0), 0)) return;
  for (uint32_t i = 0; i <= pick(who, 4); i++) {
    const uint64_t item = take(&channels[THREADING_FIFO], 0);
    if (item != 0 && !soak_planted("order")) check_order(item);
  }
  DONE(threading_lock_release(looking));
}

static void step_queues(actor *who) {
  const int kind = (int)pick(who, KINDS);
  if (pick(who, 2) == 0) put(who, kind);
  else if (kind == THREADING_FIFO) get_in_order(who);
  else take(&channels[kind], (int64_t)pick(who, 50000));
}

// What is left comes out as the order says: nobody else is there.
static void drain(int kind) {
  channel *at = &channels[kind];
  uint64_t above[ACTORS], item;
  int64_t priority = INT64_MIN;
  memset(above, 0xff, sizeof above);
  while ((item = take(at, 0)) != 0) {
    if (kind == THREADING_FIFO) check_order(item);
    if (kind == THREADING_LIFO) {
      HOLDS(turn_of(item) < above[producer_of(item)]);
      above[producer_of(item)] = turn_of(item);
    }
    if (kind == THREADING_PRIORITY) {
      HOLDS(priority_of(item) >= priority);
      priority = priority_of(item);
    }
  }
  EQUALS(atomic_load(&at->sum_in), atomic_load(&at->sum_out));
}

static void rest_queues(void) {
  static unsigned turns;
  for (int i = 0; i < KINDS; i++) {
    const uint64_t left = atomic_load(&channels[i].in) - atomic_load(&channels[i].out);
    EQUALS(threading_queue_qsize(channels[i].queue), left);
    EQUALS(threading_queue_unfinished_tasks(channels[i].queue), left);
    if (turns++ % 2 == 0) drain(i);
  }
}

static void close_queues(void) {
  for (int i = 0; i < KINDS; i++) {
    drain(i);
    DONE(threading_queue_join(channels[i].queue, 0));
    DONE(threading_queue_shutdown(channels[i].queue, 0));
    GIVES(threading_queue_put(channels[i].queue, &looking, 0), THREADING_CLOSED);
    DONE(threading_queue_destroy(channels[i].queue));
  }
  DONE(threading_lock_destroy(looking));
}

const station soak_queues = { "queues", open_queues, step_queues, rest_queues, close_queues };

// ---- Timers: fired once or cancelled, and the argument ended once ----

#define TIMERS 8

typedef struct shot {
  threading_timer timer;
  bool in_use, cancelled;
  _Atomic int fired, ended;
} shot;

static shot shots[ACTORS][TIMERS];

static void fire(void *arg) {
  shot *at = arg;
  atomic_fetch_add(&at->fired, soak_planted("timer") ? 2 : 1);
}

static void end_shot(void *arg) { atomic_fetch_add(&((shot *)arg)->ended, 1); }

static void open_timers(void) {}

static void begin_shot(actor *who, shot *at) {
  const threading_timer_options options = { .size = sizeof options, .arg_destructor = end_shot };
  const int64_t interval = pick(who, 4) == 0 ? THREADING_SECONDS(3600) : (int64_t)pick(who, 2000000);
  DONE(threading_timer_create(interval, fire, at, &options, &at->timer));
  DONE(threading_timer_start(at->timer));
  at->in_use = true;
  // Nobody waits an hour.
  at->cancelled = interval == THREADING_SECONDS(3600);
  if (at->cancelled) DONE(threading_timer_cancel(at->timer));
}

static void finish_shot(actor *who, shot *at) {
  if (pick(who, 3) == 0) {
    at->cancelled = true;
    DONE(threading_timer_cancel(at->timer));
  }
  const threading_status status = threading_timer_join(at->timer, soak_patience);
  if (status == THREADING_CANCELLED) HOLDS(at->cancelled);
  else DONE(status);
  EQUALS(atomic_exchange(&at->fired, 0), status == THREADING_OK);
  EQUALS(atomic_exchange(&at->ended, 0), 1);
  DONE(threading_timer_destroy(at->timer));
  at->in_use = false;
}

static void step_timers(actor *who) {
  shot *at = &shots[who->number][pick(who, TIMERS)];
  if (at->in_use) finish_shot(who, at);
  else begin_shot(who, at);
}

static void rest_timers(void) {
  for (int i = 0; i < ACTORS * TIMERS; i++) {
    const shot *at = &shots[i / TIMERS][i % TIMERS];
    HOLDS(atomic_load(&at->fired) <= 1 && atomic_load(&at->ended) <= 1);
  }
}

static void close_timers(void) {
  actor nobody = { 0, 1, 0 };
  for (int i = 0; i < ACTORS * TIMERS; i++) {
    shot *at = &shots[i / TIMERS][i % TIMERS];
    if (at->in_use) finish_shot(&nobody, at);
  }
}

const station soak_timers = { "timers", open_timers, step_timers, rest_timers, close_timers };
