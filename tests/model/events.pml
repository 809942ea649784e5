/* The 2-level event ABI between several host CPUs: hypervisor/core/evtchn_send.c, block() and poll() of
 * core/sched_op.c, core/sched.c from make_ready() to sched_idle(), register_vcpu_info() of core/vcpu_op.c,
 * the way out in cpu/entry.S; and the guest's half as guest-sdk/src/event.c has it.
 *
 * Two senders are each on a CPU of their own. The receiving vCPU may run on two others, 0 and 1, each of
 * which is a process that idles when it does not run the vCPU. Two ports share a word, and so a bit of
 * the selector. Each instruction of the code that others can see is a step.
 *
 * No event is lost: a vCPU that waits while something is due for it waits for ever (an invalid end
 * state). It does one thing at a time: nobody runs it before it has left its stack (an assertion).
 *
 * Two stores wait in a store buffer (x86-TSO): those that a fence keeps from being overtaken by the next
 * load. All others are locked instructions, or the CPU's own to read. `variant` 0 is the code as it is;
 * the others must be found out (run.sh). */

#define NO_FENCE_IN_BLOCK   1  /* sched_block(): between its state and ready() */
#define NOT_READY_ASKED     2  /* sched_block() does not look at the condition */
#define RUNNING_IS_QUEUED   3  /* make_ready() queues one that has not left its stack */
#define NO_FENCE_IN_TELL    4  /* tell_cpus(): between the queue and idle_cpus */
#define IDLE_SAID_LATE      5  /* sched_idle() looks at the queue before it says that it is idle */
#define NO_KICK             6  /* evtchn_mark_upcall() leaves a vCPU that runs alone */
#define MASK_READ_FIRST     7  /* evtchn_mark_pending(): before it sets the pending bit */
#define PENDING_READ_FIRST  8  /* unmask(): before it clears the mask bit */
#define UPCALL_FIRST        9  /* notify_vcpu(): before the selector */
#define PORTS_NOT_READ     10  /* polled_event_came() does not look at the ports */
#define POLLERS_LATE       11  /* poll() says that it polls after it looked at the ports */
#define MOVE_NOT_TOLD      12  /* register_vcpu_info() does not mark an upcall */
#define MOVE_NOT_SELECTED  13  /* register_vcpu_info() leaves the selector as it was copied */
#define LOCK_LEFT_EARLY    14  /* switch_to_next() unlocks before the stack is left */
#define CLEARED_LATE       15  /* the guest clears evtchn_upcall_pending after it has looked */
#define NOT_LOOKED_AGAIN   16  /* the guest allows upcalls without a look at evtchn_upcall_pending */
#define UNMASKED_ALONE     17  /* the guest clears the mask bit and does not look at the pending one */
#define TAKEN_IN_TWO_STEPS 18  /* the guest clears the pending bit after it has handled the event */

byte variant;
byte guest; /* what the guest does: the bits below */

#define POLLS    1
#define MASKS    2
#define MOVES    4
#define PREEMPTS 8
#define TWO_CPUS 16

#define SENDERS 2

/* shared_info, and both places of vcpu_info. The upcall mask is the vCPU's own. */
bool pending[2], mask[2];
bool selector[2], upcall[2];
byte info;
bool upcall_mask;

/* What a sender left for the receiver to find before it sent, and how many sends began that no take
 * was for yet (several sends may be one event). */
bool news[2];
byte begun[2];
byte done; /* senders */

/* struct vcpu and the scheduler */
#define RUNNING  0
#define RUNNABLE 1
#define BLOCKED  2
byte state;
byte cpu;
bool lock, queued;
bool runs[2];  /* host_cpu.running: the vCPU, and not the idle one */
bool on_stack; /* somebody's stack pointer is there */
bool idle_cpus[2];
bool irq[2];
bool polls; /* evtchn.pollers */
byte poll_port;

/* Store buffers. */
bool blocking;        /* the vCPU's: state = BLOCKED, and the release of the lock */
bool adding[SENDERS]; /* each sender's: the queue */

active proctype memory()
{
end:
    do
    :: atomic { blocking -> blocking = false; state = BLOCKED; lock = false }
    :: atomic { adding[0] -> adding[0] = false; queued = true }
    :: atomic { adding[1] -> adding[1] = false; queued = true }
    od
}

/* --- a sender's CPU --- */

inline tell_cpus(me)
{
    if
    :: variant != NO_FENCE_IN_TELL -> !adding[me]
    :: else
    fi;
    /* Its own CPU if that is idle, or else the other. */
    atomic {
        if
        :: idle_cpus[cpu] -> c = cpu
        :: !idle_cpus[cpu] && idle_cpus[1 - cpu] -> c = 1 - cpu
        :: else -> c = 2
        fi
    }
    if
    :: c < 2 -> atomic { !adding[me] -> idle_cpus[c] = false; irq[c] = true }
    :: else
    fi
}

/* What made it necessary was a locked instruction: the fence has nothing to do here (mutex.pml). */
inline sched_wake(me)
{
    if
    :: state != BLOCKED
    :: else ->
        atomic { !lock -> lock = true }
        if
        :: state == BLOCKED && runs[cpu] && variant != RUNNING_IS_QUEUED -> state = RUNNING
        :: state == BLOCKED && !(runs[cpu] && variant != RUNNING_IS_QUEUED) ->
            state = RUNNABLE;
            adding[me] = true;
            tell_cpus(me)
        :: else
        fi;
        atomic { !adding[me] -> c = 0; lock = false }
    fi
}

inline mark_upcall(me)
{
    atomic { was = upcall[info]; upcall[info] = true }
    if
    :: was
    :: else ->
        if
        :: state == RUNNING && variant != NO_KICK -> c = cpu; atomic { irq[c] = true; c = 0 }
        :: state == RUNNING && variant == NO_KICK
        :: else -> sched_wake(me)
        fi
    fi
}

inline notify_vcpu(me)
{
    if
    :: variant == UPCALL_FIRST -> mark_upcall(me)
    :: else
    fi;
    atomic { was = selector[info]; selector[info] = true }
    if
    :: !was && variant != UPCALL_FIRST -> mark_upcall(me)
    :: else
    fi;
    was = false
}

inline mark_pending(me, port)
{
    atomic { news[port] = true; begun[port]++ }
    masked = mask[port];
    atomic { was = pending[port]; pending[port] = true }
    if
    :: was -> was = false
    :: else ->
        if
        :: variant != MASK_READ_FIRST -> masked = mask[port]
        :: else
        fi;
        if
        :: !masked -> notify_vcpu(me)
        :: else
        fi;
        if
        :: polls && poll_port == port -> sched_wake(me)
        :: else
        fi
    fi;
    masked = false
}

/* The first sends twice on port 0, the other once on port 1, or 0. */
proctype sender(byte me)
{
    byte port, c;
    bool was, masked, again;

    if
    :: me == 0 -> again = true
    :: me == 1 && !(guest & MASKS) -> port = 1
    :: me == 1 && (guest & MASKS) /* another port's event would have port 0 looked at, too */
    fi;
    do
    :: true ->
        mark_pending(me, port);
        if
        :: again -> again = false
        :: else -> break
        fi
    od;
    atomic { port = 0; done++ }
}

/* --- a CPU when its idle vCPU runs --- */

proctype host(byte me)
{
    if
    :: me == 0 -> goto vcpu_runs
    :: else
    fi;
    do
    :: true ->
        if
        :: variant == IDLE_SAID_LATE && queued
        :: variant == IDLE_SAID_LATE && !queued -> idle_cpus[me] = true; goto halt
        :: else ->
            idle_cpus[me] = true;
            if
            :: queued
            :: else ->
halt:
end_halt:
                atomic { irq[me] -> irq[me] = false }
            fi
        fi;
        idle_cpus[me] = false;
        atomic { !lock -> lock = true }
        if
        :: queued ->
            atomic {
                assert(!on_stack && !runs[1 - me]);
                queued = false;
                state = RUNNING;
                cpu = me;
                runs[me] = true
            }
vcpu_runs:
end_runs:
            !runs[me];
            if
            :: variant != LOCK_LEFT_EARLY -> lock = false /* sched_resumed() */
            :: else
            fi
        :: else -> lock = false
        fi
    od
}

/* --- the receiving vCPU, in the hypervisor --- */

#define DELIVERABLE (upcall[info] && !upcall_mask)
/* What it must not sleep for. */
#define DUE                                                                            \
    (((pending[0] && !mask[0]) || (pending[1] && !mask[1])) && !upcall_mask) ||        \
        (polls && pending[poll_port])
/* Nothing more is to come for it. */
#define OVER (done == SENDERS && !(DUE))

inline switch_stacks()
{
    /* The idle vCPU of this CPU is next. */
    if
    :: variant == LOCK_LEFT_EARLY -> atomic { runs[cpu] = false; lock = false } on_stack = false
    :: else -> atomic { runs[cpu] = false; on_stack = false }
    fi;
    do
    :: atomic { runs[0] || runs[1] -> on_stack = true; lock = false; break }
    :: atomic { OVER && state == BLOCKED && !lock -> goto over }
    od
}

inline schedule()
{
    if
    :: !blocking && state == RUNNING /* woken before it left */
    :: else ->
        atomic { !lock && !blocking -> lock = true }
        if
        :: state == RUNNING -> lock = false /* it is next itself */
        :: else -> switch_stacks()
        fi
    fi
}

inline sched_block(ready)
{
    atomic { !lock -> lock = true }
    blocking = true;
    if
    :: variant != NO_FENCE_IN_BLOCK -> !blocking
    :: else
    fi;
    if
    :: (ready) && variant != NOT_READY_ASKED ->
        atomic { !lock && !blocking -> lock = true }
        state = RUNNING;
        lock = false
    :: else -> schedule()
    fi
}

inline block()
{
    upcall_mask = false;
    sched_block(DELIVERABLE)
}

inline poll(port)
{
    if
    :: DELIVERABLE || pending[port]
    :: else ->
        if
        :: variant != POLLERS_LATE -> atomic { poll_port = port; polls = true }
            sched_block(DELIVERABLE || (pending[port] && variant != PORTS_NOT_READ))
        :: else ->
            atomic { !lock -> lock = true }
            state = BLOCKED;
            lock = false;
            if
            :: pending[port] -> atomic { !lock -> lock = true; state = RUNNING; lock = false }
            :: else -> atomic { poll_port = port; polls = true }
                schedule()
            fi
        fi;
        polls = false
    fi
}

/* Another vCPU has this CPU for a while. */
inline preempted()
{
    atomic { !lock -> lock = true }
    state = RUNNABLE;
    queued = true;
    switch_stacks()
}

inline unmask(port)
{
    was = pending[port];
    mask[port] = false;
    if
    :: variant != PENDING_READ_FIRST -> was = pending[port]
    :: else
    fi;
    if
    :: was ->
        atomic { was = selector[info]; selector[info] = true }
        if
        :: !was -> upcall[info] = true
        :: else
        fi
    :: else
    fi;
    was = false
}

inline register_vcpu_info()
{
    upcall[1] = upcall[0];
    selector[1] = selector[0];
    info = 1;
    if
    :: variant != MOVE_NOT_SELECTED && variant != MOVE_NOT_TOLD -> selector[1] = true
    :: else
    fi;
    if
    :: variant != MOVE_NOT_TOLD -> upcall[1] = false; upcall[1] = true
    :: else
    fi
}

/* --- the receiving vCPU, in the guest --- */

inline test_and_clear(port)
{
    atomic { was = pending[port]; pending[port] = false }
    if
    :: was -> atomic { assert(begun[port] > 0); begun[port]--; news[port] = false; was = false }
    :: else
    fi
}

inline take(port)
{
    if
    :: ready[port] && variant != TAKEN_IN_TWO_STEPS ->
        test_and_clear(port)
    :: ready[port] && variant == TAKEN_IN_TWO_STEPS ->
        atomic { news[port] = false; begun[port]-- }
        pending[port] = false
    :: else
    fi
}

/* An interrupt may come, and has nothing to deliver now. */
inline upcall_handler()
{
    do
    :: upcall[info] ->
        if
        :: variant != CLEARED_LATE -> upcall[info] = false
        :: else
        fi;
        atomic { was = selector[info]; selector[info] = false }
        if
        :: was ->
            was = false;
            atomic { ready[0] = pending[0]; ready[1] = pending[1] }
            atomic { ready[0] = ready[0] && !mask[0]; ready[1] = ready[1] && !mask[1] }
            take(0);
            take(1);
            atomic { ready[0] = false; ready[1] = false }
        :: else
        fi;
        if
        :: variant == CLEARED_LATE -> upcall[info] = false
        :: else
        fi
    :: else -> break
    od;
    if
    :: irq[cpu] -> irq[cpu] = false
    :: true
    fi
}

/* Any way out to the guest; also where the guest allows upcalls and then looks. */
inline way_out()
{
    do
    :: DELIVERABLE ->
        upcall_mask = true;
        upcall_handler();
        upcall_mask = false;
        if
        :: variant == NOT_LOOKED_AGAIN -> break
        :: else
        fi
    :: else -> break
    od
}

inline guest_unmask(port)
{
    mask[port] = false;
    if
    :: pending[port] && variant != UNMASKED_ALONE -> mask[port] = true; unmask(port); way_out()
    :: else
    fi
}

inline wait_for(port)
{
    poll(port);
    way_out();
    test_and_clear(port)
}

/* It gets no further than the next interrupt. */
inline spin()
{
    if
    :: atomic { irq[cpu] -> irq[cpu] = false }
        way_out()
    :: atomic { OVER && !irq[cpu] -> goto over }
    fi
}

proctype receiver()
{
    bool ready[2];
    bool was;

    /* With upcalls allowed or not, as the guest likes. */
    if
    :: guest & MASKS ->
        if
        :: mask[0] = true
        :: mask[0] = true; unmask(0); way_out(); goto waits
        :: mask[0] = true; guest_unmask(0); mask[0] = true
        fi
    :: guest & POLLS ->
        if
        :: upcall_mask = true; wait_for(0); upcall_mask = false; way_out()
        :: mask[0] = true; wait_for(0)
        :: wait_for(0)
        fi
    :: guest & MOVES -> register_vcpu_info(); way_out()
    :: guest & PREEMPTS -> preempted(); way_out()
    :: block(); way_out()
    :: true
    fi;
    if
    :: guest & (MASKS | POLLS) -> guest_unmask(0)
    :: else
    fi;
waits:
    do
    :: true -> spin()
    :: true -> block(); way_out()
    od;
over:
    assert(!news[0] && !news[1] && !pending[0] && !pending[1])
}

init
{
    d_step {
        c_code {
            const char *text = getenv("VARIANT");

            now.variant = text ? (unsigned char)atoi(text) : 0;
            text = getenv("ACTORS");
            now.guest = text ? (unsigned char)atoi(text) : 0;
        };
        runs[0] = true;
        on_stack = true
    }
    atomic {
        run host(0);
        if
        :: guest & TWO_CPUS -> run host(1)
        :: else
        fi;
        run receiver();
        run sender(0);
        run sender(1)
    }
}
