/* hypervisor/arch/x86_64/cpu/call.c: CPUs have functions done on each other. Each of them is in a
 * guest, where interrupts come, or has a spin lock or waits for it, where none do, or calls.
 *
 * There is no deadlock, and when cpu_call() returns, each CPU of the mask has done its function with its
 * argument once. `variant` 0 is the code as it is; the others must be found out (run.sh). */

#define ASKED_FIRST        1 /* cpu_call_begin(): before it says what is to be done */
#define SENT_FIRST         2 /* cpu_call_begin(): the interrupt, before the CPU is asked */
#define DONE_FIRST         3 /* cpu_answer(): says so before it has done it */
#define TAKEN_IN_TWO_STEPS 4 /* cpu_answer() reads who asks, and then clears that */
#define CLEARED_LATE       5 /* cpu_answer() clears it after it has done it */
#define DEAF               6 /* cpu_call_end() does not answer while it waits */
#define LOCK_HELD          7 /* somebody calls with the lock held */
#define WAITING_LATE       8 /* cpu_call_begin() says who is to do it after it asked them */

byte variant;
byte nr_cpus; /* 2, which call twice each, or 3, which call all once */

#define CPUS  3
#define CALLS (4 - nr_cpus)
#define ALL   ((1 << nr_cpus) - 1)

bool lock;

/* struct cpu: the argument of each call is its number. */
byte arg[CPUS], waiting[CPUS], asked[CPUS];
bool irq[CPUS];

/* Not in the code: the number of the call that a CPU makes now, 0 for none, and who did it. */
byte now_made[CPUS], did[CPUS];
byte over;

#define BIT(n) (1 << (n))

inline function(whose, number)
{
    atomic {
        assert(now_made[whose] == number && !(did[whose] & BIT(me)));
        did[whose] = did[whose] | BIT(me)
    }
}

inline cpu_answer()
{
    atomic {
        from = asked[me];
        if
        :: variant != TAKEN_IN_TWO_STEPS && variant != CLEARED_LATE -> asked[me] = 0
        :: else
        fi
    }
    if
    :: variant == TAKEN_IN_TWO_STEPS -> asked[me] = 0
    :: else
    fi;
    do
    :: atomic { from ->
            c = (from & 1 -> 0 : (from & 2 -> 1 : 2));
            from = from & ~BIT(c);
            what = arg[c];
            if
            :: variant == DONE_FIRST -> waiting[c] = waiting[c] & ~BIT(me)
            :: else -> function(c, what)
            fi
        }
        atomic {
            if
            :: variant == DONE_FIRST -> function(c, what)
            :: else -> waiting[c] = waiting[c] & ~BIT(me)
            fi;
            c = 0;
            what = 0
        }
    :: else -> break
    od;
    if
    :: variant == CLEARED_LATE -> asked[me] = 0
    :: else
    fi
}

inline cpu_call()
{
    atomic {
        if
        :: nr_cpus == 2 -> select(mask : 1 .. ALL)
        :: else -> mask = ALL
        fi;
        made++;
        now_made[me] = made;
        did[me] = 0
    }
    /* Nobody looks before he is asked. */
    atomic {
        if
        :: variant != ASKED_FIRST -> arg[me] = made
        :: else
        fi;
        if
        :: variant != WAITING_LATE -> waiting[me] = mask & ~BIT(me)
        :: else
        fi;
        left = mask & ~BIT(me)
    }
    do
    :: atomic { left ->
            to = (left & 1 -> 0 : (left & 2 -> 1 : 2));
            left = left & ~BIT(to);
            if
            :: variant == SENT_FIRST -> irq[to] = true
            :: else -> asked[to] = asked[to] | BIT(me)
            fi
        }
        atomic {
            if
            :: variant == SENT_FIRST -> asked[to] = asked[to] | BIT(me)
            :: else -> irq[to] = true
            fi;
            to = 0
        }
    :: else -> break
    od;
    atomic {
        if
        :: variant == ASKED_FIRST -> arg[me] = made
        :: variant == WAITING_LATE -> waiting[me] = mask & ~BIT(me)
        :: else
        fi;
        if
        :: mask & BIT(me) -> function(me, made)
        :: else
        fi
    }
    do
    :: !waiting[me] -> break
    :: waiting[me] && variant != DEAF && asked[me] -> cpu_answer()
    od;
    atomic {
        assert(did[me] == mask);
        now_made[me] = 0;
        mask = 0
    }
}

proctype cpu(byte me)
{
    byte made, mask, left, to, from, c, what;

    do
    :: atomic { irq[me] -> irq[me] = false }
        cpu_answer()
    :: made < CALLS -> cpu_call()
    :: made < CALLS ->
        atomic { !lock -> lock = true }
        if
        :: variant == LOCK_HELD -> cpu_call()
        :: else
        fi;
        lock = false
    :: atomic { made == CALLS -> over++; break }
    od;
    do
    :: atomic { irq[me] -> irq[me] = false }
        cpu_answer()
    :: atomic { over == nr_cpus && !irq[me] -> break }
    od
}

init
{
    c_code {
        const char *text = getenv("VARIANT");

        now.variant = text ? (unsigned char)atoi(text) : 0;
        text = getenv("ACTORS");
        now.nr_cpus = text ? (unsigned char)atoi(text) : 2;
    };
    atomic {
        run cpu(0);
        run cpu(1);
        if
        :: nr_cpus == 3 -> run cpu(2)
        :: else
        fi
    }
    _nr_pr == 1;
    assert(!asked[0] && !asked[1] && !asked[2])
}
