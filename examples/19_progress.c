/* A long job says how far it is. The threads that share it report each piece when it is done, under a
   lock, so that the progress only grows.

   Who looks at a terminal sees a bar; a file or a pipe gets one line for each tenth. */
#define _POSIX_C_SOURCE 200809L /* isatty, fileno */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>
#include <unistd.h>

enum { LIMIT = 200000, PIECE = 1000 };

struct job {
  void (*report)(int64_t done, int64_t total); /* called under `lock` */
  threading_lock lock;
  int64_t done, primes; /* guarded by `lock` */
};

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void draw_bar(int64_t done, int64_t total) {
  int percent = (int)(done * 100 / total);
  printf("\r[%-25.*s] %3d %%", percent / 4, "#########################", percent);
  if (done == total) putchar('\n');
  (void)fflush(stdout);
}

static void print_tenths(int64_t done, int64_t total) {
  static int64_t tenths;
  while (tenths < done * 10 / total) printf("%d %%\n", (int)(++tenths * 10));
}

static int is_prime(int64_t n) {
  for (int64_t divisor = 2; divisor * divisor <= n; divisor++)
    if (n % divisor == 0) return 0;
  return n > 1;
}

static void count_primes(int64_t begin, int64_t end, void *arg) {
  struct job *job = arg;
  int64_t primes = 0;
  for (int64_t n = begin; n < end; n++) primes += is_prime(n);
  THREADING_WITH(job->lock) {
    job->primes += primes;
    job->done += end - begin;
    job->report(job->done, LIMIT);
  }
}

int main(void) {
  struct job job = { .report = isatty(fileno(stdout)) ? draw_bar : print_tenths };
  check(threading_lock_create(&job.lock));
  check(threading_parallel_for(threading_default_pool(), 0, LIMIT, PIECE, count_primes, &job));
  printf("%d primes below %d\n", (int)job.primes, LIMIT);
  check(threading_lock_destroy(job.lock));
  return EXIT_SUCCESS;
}

/* Expected output:
10 %
20 %
30 %
40 %
50 %
60 %
70 %
80 %
90 %
100 %
17984 primes below 200000
*/
