/* The auditor: checks what is counted of all frames against everything that refers to them. In
 * debug builds (debug/); in others audit_none.c. */
#pragma once

#include "core/arch.h"
#include "abi/errno.h"
#include "abi/lamina.h"

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
/* From now on an audit follows each call that changes memory; a finding panics. At boot. False:
 * this build cannot, and said so. */
bool audit_calls(void);
/* If so, an audit now, unless an operation is suspended. */
void audit_now(const char *when);
/* The machine's run is over: one last time, and how many there were. */
void audit_end(void);
