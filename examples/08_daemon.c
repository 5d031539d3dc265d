/* A daemon thread works in the background and does not keep the process alive. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static threading_event working;

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void *serve(void *arg) {
  (void)arg;
  printf("Daemon: serving until the process ends\n");
  check(threading_event_set(working));
  while (threading_sleep(THREADING_SECONDS(3600)) == THREADING_OK) {
  }
  return NULL;
}

int main(void) {
  check(threading_event_create(&working));

  threading_thread_options options = { .size = sizeof options, .name = "server", .daemon = THREADING_DAEMON };
  threading_thread thread;
  check(threading_thread_spawn(serve, NULL, &options, &thread));
  check(threading_event_wait(working, THREADING_FOREVER));

  /* Daemon or not is settled before the start. */
  printf("set_daemon now: %s\n", threading_status_name(threading_thread_set_daemon(thread, 0)));

  printf("Main: leaving, the daemon is alive: %d\n", threading_thread_is_alive(thread));
  return EXIT_SUCCESS;
}

/* Expected output:
Daemon: serving until the process ends
set_daemon now: THREADING_E_STATE
Main: leaving, the daemon is alive: 1
*/
