/* Several calls in one. */
#include "check.h"

#define MANY 200

static struct multicall_entry calls[MANY];

int main(void)
{
    long version = hypercall_xen_version(XENVER_version, NULL);
    void *page = check_page();
    uint32_t port = lm_event_bind_ipi(0);
    struct evtchn_send send = {.port = port};
    unsigned right = 0;

    for (unsigned i = 0; i < MANY; i++)
        calls[i] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .result = 99};
    check(hypercall_multicall(calls, MANY), 0, "200 calls");
    for (unsigned i = 0; i < MANY; i++)
        right += calls[i].result == (uint64_t)version;
    check(right, MANY, "each has its result");

    calls[0] = (struct multicall_entry){.op = __HYPERVISOR_event_channel_op,
                                        .args = {EVTCHNOP_send, (uint64_t)&send}};
    calls[1] = (struct multicall_entry){.op = 63};
    calls[2] = (struct multicall_entry){.op = 1000};
    calls[3] = (struct multicall_entry){.op = ~0ul};
    calls[4] = (struct multicall_entry){
        .op = __HYPERVISOR_update_va_mapping,
        .args = {(uint64_t)page, lm_pte(lm_virt_to_mfn(lm_boot_root()), LM_PTE_DATA), UVMF_INVLPG}};
    calls[5] = (struct multicall_entry){
        .op = __HYPERVISOR_update_va_mapping,
        .args = {(uint64_t)page, lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA), UVMF_INVLPG}};
    calls[6] = (struct multicall_entry){.op = __HYPERVISOR_sched_op, .args = {SCHEDOP_yield}};
    calls[7] = (struct multicall_entry){.op = __HYPERVISOR_multicall,
                                        .args = {(uint64_t)&calls[MANY - 1], 1}};
    calls[8] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    calls[MANY - 1].result = 99;
    check(hypercall_multicall(calls, 9), 0, "calls good and bad");
    check(calls[0].result, 0, "an event is sent");
    check(lm_event_take(port), true, "and is there");
    check(calls[1].result, -XEN_ENOSYS, "call 63");
    check(calls[2].result, -XEN_ENOSYS, "call 1000");
    check(calls[3].result, -XEN_ENOSYS, "call 2^64 - 1");
    check(calls[4].result, -XEN_EBUSY, "a refused mapping");
    check(calls[5].result, 0, "the next one is made all the same");
    check(calls[6].result, 0, "yield");
    check(calls[7].result, -XEN_EINVAL, "a multicall in a multicall");
    check(calls[MANY - 1].result, 99, "its calls were not made");
    check(calls[8].result, version, "the last one is made");
    check(hypercall_multicall(NULL, 0), 0, "no calls");
    return check_done();
}
