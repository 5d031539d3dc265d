// abi/layout.h against the header, when compiled as C and as C++. On 32-bit systems only what has no pointers
// has one layout; there it is the constants that are compared.
#include <stddef.h>
#include <threading.h>

#ifdef __cplusplus
#define ASSERT static_assert
#else
#define ASSERT _Static_assert
#endif

#define IS_64 (sizeof(void *) == 8)
#define VALUE(constant, number) ASSERT((constant) == (number), #constant);
#define STRUCT(type, size) ASSERT(!IS_64 || sizeof(type) == (size), #type);
#define ALIAS(type, size) ASSERT(!IS_64 || sizeof(type) == (size), #type);
#define FIELD(type, field, offset, size)                                                                    \
  ASSERT(!IS_64 || offsetof(type, field) == (offset), #type "." #field);                                  \
  ASSERT(!IS_64 || sizeof(((type *)0)->field) == (size), #type "." #field);
#include "layout.h"

// A handle is one number of 64 bits everywhere.
ASSERT(sizeof(threading_lock) == 8 && sizeof(((threading_lock *)0)->id) == 8, "handles have 64 bits");
ASSERT(sizeof(threading_status) == 4, "statuses have 32 bits");

int main(void) { return 0; }
