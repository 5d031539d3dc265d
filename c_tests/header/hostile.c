/* The header after names that other headers define as macros. */
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define near
#define far
#define interface struct
#define small char
#define IN
#define OUT
#define OPTIONAL
#define CONST const
#define VOID void
#define CALLBACK __stdcall
#define ERROR 0
#define OK 0
#define FAILED(status) ((status) < 0)
#define TIMEOUT 30
#define FOREVER for (;;)
#define INFINITE 0xffffffff
#define TRUE 1
#define FALSE 0
#define BOOL int
#define DAEMON 1
#define FIFO 1
#define Yield()
#define CreateEvent CreateEventW
#define CreateSemaphore CreateSemaphoreW
#define major(device) ((device) >> 8)
#define minor(device) ((device) & 255)
#define unix 1
#define linux 1
#define I _Complex_I
#define T int
#define N 10
#define A
#define B
#define M
#define F
#define EMPTY
#define FULL
#define LOCK(x) (x)
#define WITH(x) (x)
#include <threading.h>

int hostile_use(void);
int hostile_use(void) {
  threading_lock lock;
  return threading_lock_create(&lock) == THREADING_OK ? (int)threading_lock_destroy(lock) : 1;
}
