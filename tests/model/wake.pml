/* Waking, preempting and idling on two host CPUs: hypervisor/core/sched.c (make_ready, tell_cpus,
 * set_slice, sched_look, switch_to_next, sched_block, sched_idle) and evtchn_mark_upcall() of
 * core/evtchn_send.c. Two or three vCPUs run on both CPUs: each in its guest until an interrupt comes, or it
 * blocks. Events for them come from two other CPUs, and from one of the vCPUs.
 *
 * In which order vCPUs run is left open: whoever is in the queue may be its first, and come before or
 * after the one who runs. Caps, and CPUs on which a vCPU may not run, are not in here.
 *
 * When nothing is under way, no vCPU waits with an event due for it; and while one is in the queue, no
 * CPU is idle, and each looks again in time. No vCPU runs twice. `variant` 0 is the code as it is; the
 * others must be found out (run.sh). */

#define UNTIMED_NOT_TOLD   1 /* tell_cpus(): those who look at nothing in time */
#define SLICE_NOT_SET      2 /* sched_look() */
#define RUNNING_IS_QUEUED  3 /* make_ready() queues one that has not left its stack */
#define NOT_KICKED         4 /* evtchn_mark_upcall() leaves a vCPU that runs alone */

/* Spin finds nothing wrong with these with two vCPUs; with some because an idle CPU is never in timed_cpus,
 * and so is told also when idle_cpus does not name it. Not run as tests. */
#define NO_FENCE_IN_TELL  10 /* tell_cpus(): between the queue and idle_cpus (not searched to the end) */
#define IDLE_SAID_LATE    11 /* sched_idle() looks at the queue before it says that it is idle */
#define STAYS_IDLE        12 /* tell_cpus() leaves the CPU it tells in idle_cpus */
#define STAYS_TIMED       13 /* set_slice() leaves a CPU in timed_cpus when it cancels the timer */
#define OTHERS_NOT_TOLD   14 /* switch_to_next(): that someone else is ready, too */
#define CPU_READ_FIRST    15 /* evtchn_mark_upcall(): before its state */
#define ALL_IDLE_CLEARED  16 /* tell_cpus() takes all CPUs out of idle_cpus and tells one */

byte variant;
byte scope; /* the bits below */

#define THREE 1 /* vCPUs, not two */
#define IPI   2 /* the first vCPU sends, too */

#define CPUS  2
#define OTHER 2 /* a CPU on which none of them runs */
#define NR_VCPUS 3

#define RUNNING  0
#define RUNNABLE 1
#define BLOCKED  2
byte state[NR_VCPUS + 1];
byte cpu[NR_VCPUS + 1];
bool upcall[NR_VCPUS + 1];

bool lock;
byte queued; /* bits of vCPUs */
byte running[CPUS]; /* 0: the idle vCPU */
byte idle_cpus, timed_cpus;
bool look[CPUS], kick[CPUS]; /* interrupts */
byte adding; /* the store buffer of who has the lock: the vCPU being added */

bool settled[CPUS]; /* until an interrupt comes, nothing happens here */
byte done;

#define BIT(n) (1 << (n))

active proctype memory()
{
end:
    do
    :: atomic { adding -> queued = queued | BIT(adding); adding = 0 }
    od
}

#define QUIET(c) (settled[c] && !look[c] && !kick[c])
#define MISSED(c) \
    (running[c] == 0 || !(timed_cpus & BIT(c)) || (upcall[1] && running[c] == 1) || \
     (upcall[2] && running[c] == 2) || (upcall[3] && running[c] == 3))
#define ASLEEP(v) (upcall[v] && state[v] == BLOCKED)

active proctype monitor()
{
end:
    atomic {
        QUIET(0) && QUIET(1) && done == 2 && !lock &&
            ((queued && (MISSED(0) || MISSED(1))) || ASLEEP(1) || ASLEEP(2) || ASLEEP(3) ||
             (running[0] && upcall[running[0]]) || (running[1] && upcall[running[1]])) ->
        assert(false)
    }
}

inline take_lock()
{
    atomic { !lock -> lock = true }
}

inline leave_lock()
{
    atomic { !adding -> lock = false }
}

/* Whose running vCPU is not the idle one looks in time if another is ready. */
inline set_slice(c)
{
    if
    :: running[c] && (queued || adding) -> timed_cpus = timed_cpus | BIT(c)
    :: !(running[c] && (queued || adding)) && variant != STAYS_TIMED ->
        timed_cpus = timed_cpus & ~BIT(c)
    :: else
    fi
}

/* `last` is where it ran last; `own` does it. */
inline tell_cpus(last, own)
{
    if
    :: !queued && !adding
    :: else ->
        if
        :: variant != NO_FENCE_IN_TELL -> !adding
        :: else
        fi;
        atomic {
            if
            :: variant != UNTIMED_NOT_TOLD -> told = 3 & ~timed_cpus
            :: else -> told = 0
            fi;
            if
            :: idle_cpus ->
                if
                :: idle_cpus & BIT(last) -> told = BIT(last)
                :: else -> told = idle_cpus /* one bit: the other */
                fi
            :: else ->
                if
                :: told = told | BIT(last)
                :: true
                fi;
                told = told | 4 /* none was idle */
            fi
        }
        if
        :: told & 4 -> told = told & 3
        :: else ->
            atomic {
                !adding || variant == NO_FENCE_IN_TELL ->
                if
                :: variant == STAYS_IDLE
                :: variant == ALL_IDLE_CLEARED -> idle_cpus = 0
                :: else -> idle_cpus = idle_cpus & ~told
                fi
            }
        fi;
        atomic {
            if
            :: (told & 1) && own != 0 -> look[0] = true
            :: (told & 1) && own == 0 -> set_slice(0)
            :: else
            fi;
            if
            :: (told & 2) && own != 1 -> look[1] = true
            :: (told & 2) && own == 1 -> set_slice(1)
            :: else
            fi;
            told = 0
        }
    fi
}

inline sched_wake(v, here)
{
    if
    :: state[v] != BLOCKED
    :: else ->
        take_lock();
        if
        :: state[v] == BLOCKED && running[cpu[v]] == v && variant != RUNNING_IS_QUEUED ->
            state[v] = RUNNING
        :: state[v] == BLOCKED && !(running[cpu[v]] == v && variant != RUNNING_IS_QUEUED) ->
            atomic { state[v] = RUNNABLE; adding = v }
            tell_cpus(cpu[v], here)
        :: else
        fi;
        leave_lock()
    fi
}

inline mark_upcall(v, here)
{
    atomic { was = upcall[v]; upcall[v] = true }
    if
    :: was
    :: else ->
        c = cpu[v];
        if
        :: state[v] == RUNNING && variant != NOT_KICKED ->
            if
            :: variant != CPU_READ_FIRST -> c = cpu[v]
            :: else
            fi;
            if
            :: c != here -> kick[c] = true
            :: else
            fi
        :: state[v] == RUNNING && variant == NOT_KICKED
        :: else -> sched_wake(v, here)
        fi
    fi;
    atomic { was = false; c = 0 }
}

proctype sender(byte to)
{
    byte told, c;
    bool was;

    mark_upcall(to, OTHER);
    done++
}

/* On CPU `here`, which runs `me`: who is next. It has the lock, and so has the one who runs next. */
inline switch_to_next(me, here)
{
    atomic {
        !lock -> lock = true;
        if
        :: me && state[me] == RUNNING -> state[me] = RUNNABLE; queued = queued | BIT(me)
        :: else
        fi;
        if
        :: queued & BIT(1) -> next = 1
        :: queued & BIT(2) -> next = 2
        :: queued & BIT(3) -> next = 3
        :: !queued -> next = 0
        fi;
        if
        :: next ->
            assert(next == me || (running[0] != next && running[1] != next));
            queued = queued & ~BIT(next);
            state[next] = RUNNING;
            cpu[next] = here
        :: else
        fi;
        running[here] = next;
        set_slice(here);
        if
        :: variant != OTHERS_NOT_TOLD -> tell_cpus(here, here)
        :: else
        fi
    }
}

inline sched_look(here)
{
    if
    :: variant != SLICE_NOT_SET -> atomic { !lock -> set_slice(here) }
    :: else
    fi
}

proctype idle(byte here)
{
    byte next, told;

    if
    :: here == 0 -> goto off
    :: else
    fi;
    do
    :: true ->
        if
        :: variant == IDLE_SAID_LATE && queued
        :: variant == IDLE_SAID_LATE && !queued -> idle_cpus = idle_cpus | BIT(here); goto halt
        :: else ->
            idle_cpus = idle_cpus | BIT(here);
            if
            :: queued
            :: else ->
halt:
                settled[here] = true;
end_halt:
                if
                :: atomic { look[here] -> look[here] = false; settled[here] = false }
                    sched_look(here)
                :: atomic { kick[here] -> kick[here] = false; settled[here] = false }
                fi
            fi
        fi;
        idle_cpus = idle_cpus & ~BIT(here);
        if
        :: !queued
        :: else ->
            switch_to_next(0, here);
            if
            :: next == 0
            :: else -> next = 0;
off:
end_off:
                running[here] == 0
            fi;
            leave_lock() /* sched_resumed() */
        fi
    od
}

inline schedule(me)
{
    if
    :: state[me] == RUNNING && !queued
    :: else ->
        switch_to_next(me, cpu[me]);
        atomic {
            if
            :: next == me && !adding -> next = 0; lock = false
            :: next != me -> next = 0; goto off
            fi
        }
    fi
}

proctype vcpu(byte me)
{
    byte next, told, c;
    bool was, sends;

    sends = (me == 1 && (scope & IPI));
    if
    :: me != 1 -> goto off
    :: else
    fi;
    do
    :: true ->
        if
        :: sends -> sends = false; mark_upcall(2, cpu[me]); done++
        :: else
        fi;
runs:
        if
        :: atomic { upcall[me] -> upcall[me] = false; goto runs }
        :: atomic { !upcall[me] -> settled[cpu[me]] = true }
end_runs:
            if
            :: atomic { kick[cpu[me]] -> kick[cpu[me]] = false; settled[cpu[me]] = false }
            :: atomic { look[cpu[me]] -> look[cpu[me]] = false; settled[cpu[me]] = false }
                sched_look(cpu[me])
            :: atomic { timed_cpus & BIT(cpu[me]) -> settled[cpu[me]] = false }
                schedule(me)
            fi
        :: atomic { !upcall[me] && !lock -> state[me] = BLOCKED } /* sched_block() */
            if
            :: upcall[me] -> atomic { !lock -> state[me] = RUNNING }
            :: else -> schedule(me)
            fi
        fi;
        goto runs;
off:
end_off:
        atomic { (running[0] == me || running[1] == me) && !adding -> lock = false }
    od
}

init
{
    d_step {
        c_code {
            const char *text = getenv("VARIANT");

            now.variant = text ? (unsigned char)atoi(text) : 0;
            text = getenv("ACTORS");
            now.scope = text ? (unsigned char)atoi(text) : 0;
        };
        running[0] = 1;
        state[2] = BLOCKED;
        state[3] = BLOCKED;
        cpu[2] = 1
    }
    atomic {
        run idle(0);
        run idle(1);
        run vcpu(1);
        run vcpu(2);
        if
        :: scope & THREE -> run vcpu(3); run sender(3)
        :: else -> run sender(1)
        fi;
        if
        :: scope & IPI
        :: else -> run sender(2)
        fi
    }
}
