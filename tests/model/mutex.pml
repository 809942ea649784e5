/* hypervisor/core/mutex.c with sched_block() and sched_wake() of core/sched.c: three vCPUs, each on
 * a CPU of its own, lock and unlock; a fourth process wakes them for other reasons. No wake-up may
 * be lost (then all would stop for ever), and one at a time may have the mutex.
 *
 * The two stores that a fence keeps from being overtaken by the next load wait in a store buffer
 * (x86-TSO). `variant` 0 is the code as it is; the others must be found out (run.sh). */

#define NO_FENCE_IN_BLOCK 1 /* sched_block(): between its state and ready() */
#define NO_FENCE_IN_WAKE  2 /* make_ready(): between the condition and the state */
#define WOKEN_TOO_EARLY   3 /* mutex_unlock_contended() wakes before it grants */
#define NOT_READY_ASKED   4 /* sched_block() does not look at the condition */
#define WAITERS_FORGOTTEN 5 /* mutex_unlock() does not see HAS_WAITERS */
#define NOT_OUTLASTED     6 /* mutex_lock_contended() returns without m->lock */
#define WOKEN_IS_GRANTED  7 /* a vCPU that wakes up does not look again */

byte variant;

#define VCPUS  3
#define ROUNDS 2

#define RUNNING  0
#define RUNNABLE 1
#define BLOCKED  2

/* struct mutex; vCPUs are 1 .. VCPUS, 0 is nobody */
byte owner;
bool has_waiters, mutex_lock_held;
chan waiters = [VCPUS] of { byte };
bool granted[VCPUS + 1];

byte state[VCPUS + 1];
bool queue_lock[VCPUS + 1];
bool queued[VCPUS + 1];
bool gone[VCPUS + 1]; /* ended and freed */
byte inside;

/* Store buffers. */
bool blocking[VCPUS + 1];  /* state = BLOCKED and the release of its queue's lock */
byte granting[VCPUS + 1];  /* granted[] of that vCPU */

#define DRAIN(i)                                                                              \
    :: atomic { blocking[i] -> blocking[i] = false; state[i] = BLOCKED; queue_lock[i] = false } \
    :: atomic { granting[i] -> granted[granting[i]] = true; granting[i] = 0 }

active proctype memory()
{
end:
    do
    DRAIN(1)
    DRAIN(2)
    DRAIN(3)
    od
}

#define FENCE(me) (!blocking[me] && !granting[me])

/* make_ready(v, STATE_BLOCKED). Whether it is queued now or, its domain having used up its cap, a while
 * later: sched_block() sees to both under the same lock. */
inline sched_wake(me, v)
{
    if
    :: variant != NO_FENCE_IN_WAKE -> FENCE(me)
    :: else
    fi;
    assert(!gone[v]);
    if
    :: state[v] != BLOCKED
    :: else ->
        atomic { !queue_lock[v] && FENCE(me) -> queue_lock[v] = true }
        if
        :: state[v] == BLOCKED -> state[v] = RUNNABLE; queued[v] = true
        :: else
        fi;
        queue_lock[v] = false
    fi
}

inline sched_block(me)
{
    atomic { !queue_lock[me] && FENCE(me) -> queue_lock[me] = true }
    blocking[me] = true;
    if
    :: variant != NO_FENCE_IN_BLOCK -> FENCE(me)
    :: else
    fi;
    if
    :: granted[me] && variant != NOT_READY_ASKED ->
        atomic { !queue_lock[me] && FENCE(me) -> queue_lock[me] = true }
        queued[me] = false;
        state[me] = RUNNING;
        queue_lock[me] = false
    :: else -> /* schedule(): the idle vCPU runs until it is queued */
        atomic { FENCE(me) && queued[me] && !queue_lock[me] -> queued[me] = false; state[me] = RUNNING }
    fi
}

inline mutex_lock(me)
{
    atomic {
        if
        :: owner == 0 -> owner = me; fast = true
        :: else
        fi
    }
    if
    :: fast -> fast = false
    :: else ->
        atomic { !mutex_lock_held -> mutex_lock_held = true }
        atomic { /* the loop of mutex_replace_owner */
            if
            :: owner == 0 -> owner = me; fast = true
            :: else -> has_waiters = true
            fi
        }
        if
        :: fast -> fast = false; mutex_lock_held = false
        :: else ->
            waiters ! me;
            mutex_lock_held = false;
            do
            :: granted[me] -> break
            :: else ->
                sched_block(me);
                if
                :: variant == WOKEN_IS_GRANTED -> break
                :: else
                fi
            od;
            granted[me] = false;
            if
            :: variant != NOT_OUTLASTED ->
                atomic { !mutex_lock_held -> mutex_lock_held = true }
                mutex_lock_held = false
            :: else
            fi
        fi
    fi
}

inline mutex_unlock(me)
{
    atomic {
        assert(owner == me);
        if
        :: !has_waiters || variant == WAITERS_FORGOTTEN -> owner = 0; has_waiters = false; fast = true
        :: else
        fi
    }
    if
    :: fast -> fast = false
    :: else ->
        atomic { !mutex_lock_held -> mutex_lock_held = true }
        waiters ? next;
        atomic { owner = next; has_waiters = nempty(waiters) }
        if
        :: variant == WOKEN_TOO_EARLY -> sched_wake(me, next); granting[me] = next
        :: else -> granting[me] = next; sched_wake(me, next)
        fi;
        atomic { FENCE(me) -> next = 0; mutex_lock_held = false }
    fi
}

proctype vcpu(byte me)
{
    byte round, next;
    bool fast;

    do
    :: round < ROUNDS ->
        mutex_lock(me);
        inside++;
        assert(inside == 1);
        inside--;
        mutex_unlock(me);
        round++
    :: else -> break
    od;
    gone[me] = true
}

/* An event for one of them, once. */
proctype others()
{
end:
    atomic {
        state[1] == BLOCKED && !queue_lock[1] -> state[1] = RUNNABLE; queued[1] = true
    }
}

init
{
    c_code {
        const char *text = getenv("VARIANT");

        now.variant = text ? (unsigned char)atoi(text) : 0;
    };
    atomic { run vcpu(1); run vcpu(2); run vcpu(3); run others() }
}
