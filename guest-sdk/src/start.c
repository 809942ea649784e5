/* From the entry to main(). */
#include <lamina/guest.h>

extern char lm_shared_info_page[LM_PAGE_SIZE];

struct start_info *lm_start_info;
struct shared_info *lm_shared_info;

static struct lm_vcpu boot_vcpu;

void lm_start(struct start_info *si);

void lm_start(struct start_info *si)
{
    lm_start_info = si;

    /* The shared page has no address of ours yet; entries of the linear mapping around it exist. */
    lm_map(lm_shared_info_page, si->shared_info | LM_PTE_DATA);
    lm_shared_info = (struct shared_info *)lm_shared_info_page;

    boot_vcpu.self = &boot_vcpu;
    boot_vcpu.info = &lm_shared_info->vcpu_info[0];
    hypercall_set_segment_base(SEGBASE_GS_KERNEL, (uint64_t)&boot_vcpu);

    lm_traps_init();
    lm_shutdown(main() == 0 ? SHUTDOWN_poweroff : SHUTDOWN_crash);
}

void lm_shutdown(unsigned reason)
{
    struct sched_shutdown stop = {.reason = reason};

    for (;;)
        hypercall_sched_op(SCHEDOP_shutdown, &stop);
}
