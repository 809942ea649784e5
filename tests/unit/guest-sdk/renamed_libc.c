/* The SDK's libc under names that leave the host's alone. */
#define printf    sdk_printf
#define vprintf   sdk_vprintf
#define snprintf  sdk_snprintf
#define vsnprintf sdk_vsnprintf
#define strlen    sdk_strlen
#define strnlen   sdk_strnlen
#define strcmp    sdk_strcmp
#define strncmp   sdk_strncmp
#define strchr    sdk_strchr
#define strrchr   sdk_strrchr
#define strstr    sdk_strstr
#define strtoul   sdk_strtoul
#define memcpy    sdk_memcpy
#define memmove   sdk_memmove
#define memset    sdk_memset
#define memcmp    sdk_memcmp
#define memchr    sdk_memchr

#include "guest-sdk/src/mem.c"
#include "guest-sdk/src/string.c"
#include "guest-sdk/src/printf.c"
