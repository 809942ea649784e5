/* The smallest guest: says who runs it and what it got, and powers off. */
#include <lamina/guest.h>

int main(void)
{
    long version = hypercall_xen_version(XENVER_version, NULL);

    printf("Hello from a guest on hypervisor interface %ld.%ld\n", version >> 16, version & 0xffff);
    printf("%lu pages of memory, up for %lu us, command line \"%s\"\n", lm_start_info->nr_pages,
           lm_time_ns() / 1000, (const char *)lm_start_info->cmd_line);
    return 0;
}
