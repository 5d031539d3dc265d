/* One thread waits until another has finished its part: an event is the gate between them. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static threading_event main_function_done;

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void *main_function(void *arg) {
  (void)arg;
  for (int i = 0; i < 5; i++) printf("%d\n", i);
  check(threading_event_set(main_function_done));
  return NULL;
}

static void *print_numbers(void *arg) {
  (void)arg;
  check(threading_event_wait(main_function_done, THREADING_FOREVER));
  for (int i = 0; i < 10; i++) printf("Thread: %d\n", i);
  return NULL;
}

int main(void) {
  check(threading_event_create(&main_function_done));

  threading_thread printer, worker; /* the one that waits starts first: the order does not matter */
  check(threading_thread_spawn(print_numbers, NULL, NULL, &printer));
  check(threading_thread_spawn(main_function, NULL, NULL, &worker));

  check(threading_thread_join(worker, THREADING_FOREVER));
  check(threading_thread_join(printer, THREADING_FOREVER));
  check(threading_thread_destroy(worker));
  check(threading_thread_destroy(printer));
  check(threading_event_destroy(main_function_done));
  return EXIT_SUCCESS;
}

/* Expected output:
0
1
2
3
4
Thread: 0
Thread: 1
Thread: 2
Thread: 3
Thread: 4
Thread: 5
Thread: 6
Thread: 7
Thread: 8
Thread: 9
*/
