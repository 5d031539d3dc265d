/* Starts a thread and goes on; Python: threading.Thread(target=print_numbers).start()

   main returns without a join and nothing is lost: at the end of the process every thread that is
   no daemon is waited for. */
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

static void *print_numbers(void *arg) {
  (void)arg;
  for (int i = 0; i < 5; i++) printf("%d\n", i);
  return NULL;
}

int main(void) {
  threading_thread thread;
  threading_status status = threading_thread_create(print_numbers, NULL, NULL, &thread);
  if (status == THREADING_OK) status = threading_thread_start(thread);
  if (status != THREADING_OK) {
    fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
    return EXIT_FAILURE;
  }

  for (int i = 0; i < 10; i++) printf("Main: %d\n", i);
  return EXIT_SUCCESS;
}

/* Expected output, in any order:
0
1
2
3
4
Main: 0
Main: 1
Main: 2
Main: 3
Main: 4
Main: 5
Main: 6
Main: 7
Main: 8
Main: 9
*/
