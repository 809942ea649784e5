/* The auditor: checks what is counted of all frames against everything that refers to them. In
 * debug builds, where this header is found before hypervisor/core/audit.h. */
#pragma once

#include "core/arch.h"
#include "abi/errno.h"
#include "abi/lamina.h"

#define AUDIT_OPERATION OPERATION(audit_op, struct lamina_audit, true)

/* What was found to refer to a frame. */
struct audit_count {
    uint32_t refs, uses;
};

struct audit {
    struct audit_count *count; /* one for each frame; zero at first */
    unsigned findings;
    char line[2][160]; /* the first finding, and the one at hand */
};

/* LAMINA_OP_audit. */
long audit_op(struct vcpu *v, struct lamina_audit *result);
/* From now on an audit follows each call that changes memory; a finding panics. At boot. True. */
bool audit_calls(void);
/* If so, an audit now, unless an operation is suspended. */
void audit_now(const char *when);
/* The machine's run is over: one last time, and how many there were. */
void audit_end(void);

/* --- what the architecture supplies; findings are counted and logged --- */

/* From here until arch_let_others_go no other CPU does anything, and each is in its guest, idle, or
 * in cond_resched. False: another CPU does this just now. */
bool arch_stop_others(void);
void arch_let_others_go(void);
/* Something holds so many references on the frame, with so many uses. */
void arch_audit_note(struct audit *a, mfn_t frame, uint32_t refs, uint32_t uses);
/* Notes what the domain itself refers to; for each one that is not freed. */
void arch_audit_domain(struct audit *a, const struct domain *d);
/* At last: notes what pages refer to, and compares. */
void arch_audit_frames(struct audit *a);
