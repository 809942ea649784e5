/* Results of a test guest: a line for each, "PASS name" or "FAIL name: got .. expected ..", and at
 * the end a count. A guest's main() returns check_done(), so that it powers off only if all passed.
 */
#ifndef CHECK_H
#define CHECK_H

#include <lamina/guest.h>

void check_at(const char *name, long got, long expected);
/* The name is a printf format for the arguments after it. */
#define check(got, expected, ...)                                \
    do {                                                         \
        char check_name_[96];                                    \
        snprintf(check_name_, sizeof(check_name_), __VA_ARGS__); \
        check_at(check_name_, (long)(got), (long)(expected));    \
    } while (0)

/* A check that this hypervisor cannot be asked. */
void check_skip(const char *name, const char *reason);

/* Prints the count; 0 if nothing failed, and something passed. */
int check_done(void);

/* Whether this is Lamina; else it is Xen, where these guests run as the first domain, which may do
 * more than Lamina lets a plain domain do. */
bool on_lamina(void);

/* Our own number, which a channel to ourselves tells. Takes two ports. */
uint16_t check_own_domid(void);

/* A new stock of pages, of all that the builder mapped. */
struct lm_pool *check_pool(void);
/* A zeroed page of it. */
void *check_page(void);

#endif
