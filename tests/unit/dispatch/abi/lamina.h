/* The real header, but with three published versions: the test's own table has calls of each. */
#include_next "abi/lamina.h"
#undef LAMINA_ABI_VERSION
#define LAMINA_ABI_VERSION 3
