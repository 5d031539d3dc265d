/* Fork and join: a part of a million numbers is split in two, and both halves are sorted at the same time.

   threading_parallel_invoke() calls one half here and offers the other to whoever has nothing to do; it
   returns when both are done. So the halves can live on the stack, and nothing has to be freed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <threading.h>

enum { COUNT = 1000000, SMALL = 4096 }; /* what is small is not worth a fork */

typedef struct part { int *begin, *end; } part;

static threading_pool pool;
static int numbers[COUNT];

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

/* Moves the small numbers to the front and the large ones to the back; says where the back begins. */
static int *divide(part all) {
  int middle = all.begin[(all.end - all.begin - 1) / 2];
  for (int *left = all.begin, *right = all.end - 1;; left++, right--) {
    while (*left < middle) left++;
    while (*right > middle) right--;
    if (left >= right) return right + 1;
    int swapped = *left;
    *left = *right;
    *right = swapped;
  }
}

static void sort(void *arg) {
  part all = *(const part *)arg;
  if (all.end - all.begin < 2) return;
  int *back = divide(all);
  part first = { all.begin, back }, second = { back, all.end };
  if (all.end - all.begin <= SMALL) {
    sort(&first);
    sort(&second);
  } else {
    threading_task halves[] = { { sort, &first }, { sort, &second } };
    check(threading_parallel_invoke(pool, halves, 2));
  }
}

int main(void) {
  uint32_t random = 1;
  int64_t before = 0, after = 0;
  for (int i = 0; i < COUNT; i++) {
    random = random * 1664525u + 1013904223u;
    numbers[i] = (int)(random >> 8);
    before += numbers[i];
  }

  pool = threading_default_pool(); /* as many workers as there are processors; { 0 } without memory */
  part all = { numbers, numbers + COUNT };
  sort(&all);

  int sorted = 1;
  for (int i = 0; i < COUNT; i++) {
    if (i > 0 && numbers[i - 1] > numbers[i]) sorted = 0;
    after += numbers[i];
  }
  printf("%d numbers: %s\n", COUNT, before != after ? "some lost" : sorted ? "sorted" : "not sorted");
  return EXIT_SUCCESS;
}

/* Expected output:
1000000 numbers: sorted
*/
