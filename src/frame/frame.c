/* The C frame under every user callback: when a callback is left by force (pthread_exit, cancellation,
 * a C++ exception on its way to somebody who catches it), `left` is called in passing.
 *
 * It is C because a Rust frame with a destructor may not be crossed by forced unwinding; compiled with
 * -fexceptions, the cleanup attribute makes an unwind table entry of the kind that C++ has. */
#include <stdint.h>

struct frame {
  void (*left)(void *context);
  void *context;
};

static void leave(struct frame *frame) {
  if (frame->left) frame->left(frame->context);
}

/* Two tasks under one frame: `between` says which is to be called here as the second, NULL for none. It may run other
 * callbacks that are left by force, whose `left` has then settled what this frame's settles: that must bear to be called
 * again. */
struct task {
  void (*callback)(void *arg);
  void *arg;
};

struct steps {
  const struct task *(*between)(void *context);
  void (*left)(void *context);
};

#define FRAME struct frame frame __attribute__((cleanup(leave))) = { left, context }
#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN void *threading_frame_target(void *(*target)(void *), void *arg, void (*left)(void *), void *context);
HIDDEN int32_t threading_frame_ask(int32_t (*ask)(void *), void *arg, void (*left)(void *), void *context);
HIDDEN void threading_frame_call(void (*call)(void *), void *arg, void (*left)(void *), void *context);
HIDDEN void threading_frame_pair(const struct task *first, const struct steps *steps, void *context);

void *threading_frame_target(void *(*target)(void *), void *arg, void (*left)(void *), void *context) {
  FRAME;
  void *result = target(arg);
  frame.left = 0;
  return result;
}

int32_t threading_frame_ask(int32_t (*ask)(void *), void *arg, void (*left)(void *), void *context) {
  FRAME;
  int32_t answer = ask(arg);
  frame.left = 0;
  return answer;
}

void threading_frame_call(void (*call)(void *), void *arg, void (*left)(void *), void *context) {
  FRAME;
  call(arg);
  frame.left = 0;
}

struct pair {
  const struct steps *steps;
  void *context;
};

static void leave_pair(struct pair *pair) {
  if (pair->steps) pair->steps->left(pair->context);
}

void threading_frame_pair(const struct task *first, const struct steps *steps, void *context) {
  struct pair pair __attribute__((cleanup(leave_pair))) = { steps, context };
  first->callback(first->arg);
  const struct task *second = steps->between(context);
  if (second) second->callback(second->arg);
  pair.steps = 0;
}
