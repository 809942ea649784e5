#include "provoke.h"

struct lm_trap_frame provoked;
uint64_t provoke_rip, provoke_resume;

static void note(struct lm_trap_frame *frame)
{
    provoked = *frame;
    if (provoke_resume == 0)
        lm_panic("exception %lu outside PROVOKE at %#lx, address %#lx", frame->vector, frame->rip,
                 frame->fault_address);
    frame->rip = provoke_resume;
    provoke_resume = 0;
}

void provoke_init(void)
{
    for (unsigned vector = 0; vector < 32; vector++)
        lm_trap_handle(vector, note);
}
