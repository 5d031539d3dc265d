// Rounds of a race: as many as there is time for, within bounds. With THREADING_TEST_LONG set they go on for
// longer.
#ifndef ROUNDS_H
#define ROUNDS_H
#include "harness.h"

static inline int longer(void) { return getenv("THREADING_TEST_LONG") != NULL ? 30 : 1; }

// When rounds that begin now are over.
static inline int64_t end_of(int64_t milliseconds) {
  return NOW_NS() + longer() * THREADING_MILLISECONDS(milliseconds);
}

// Whether there is another round: until `end`, but however slow the machine is there are as many as `least`.
static inline bool again(int round, int least, int most, int64_t end) {
  return round < least || (round < most * longer() && NOW_NS() < end);
}

#endif
