/* The 2-level event ABI when a port moves to another vCPU while it is sent: mark_and_unlock() and unmask()
 * of hypervisor/core/evtchn_send.c, EVTCHNOP_bind_vcpu, and a guest like Linux's or guest-sdk/src/event.c:
 * each vCPU handles the ports only that it holds for its own, and one that moves is masked meanwhile.
 *
 * Two senders send on the port, and a vCPU of the guest moves it. Two others wait for an upcall. No event
 * is lost: when all is done, none is pending. How a vCPU that waits is woken is in events.pml and wake.pml.
 * `variant` 0 is the code as it is; the others must be found out (run.sh). */

#define NOTIFY_READ_FIRST  1 /* mark_and_unlock(): before the pending bit is set */
#define NOT_MASKED         2 /* the guest does not mask the port while it moves it */
#define UNMASKED_FIRST     3 /* the guest unmasks the port before it is moved */
#define UNMASKED_ALONE     4 /* the guest does not look at the pending bit then */

#define SENDERS 2
#define SENDS   2
#define MOVES   2

byte variant;

bool pending, mask;
bool selector[2], upcall[2];
byte notify; /* evtchn.notify */
byte owner;  /* as the guest has it */

bool news;
byte done, resting;

inline notify_vcpu(v)
{
    atomic { was = selector[v]; selector[v] = true }
    if
    :: !was -> upcall[v] = true
    :: else
    fi;
    was = false
}

proctype sender()
{
    byte count, v;
    bool was;

    do
    :: count < SENDS ->
        news = true;
        if
        :: variant == NOTIFY_READ_FIRST -> v = notify
        :: else
        fi;
        atomic { was = pending; pending = true }
        if
        :: was
        :: else ->
            if
            :: mask
            :: else ->
                if
                :: variant != NOTIFY_READ_FIRST -> v = notify
                :: else
                fi;
                notify_vcpu(v)
            fi
        fi;
        atomic { v = 0; was = false; count++ }
    :: else -> break
    od;
    done++
}

inline unmask()
{
    mask = false;
    if
    :: pending -> v = notify; notify_vcpu(v)
    :: else
    fi
}

inline guest_unmask()
{
    mask = false;
    if
    :: pending && variant != UNMASKED_ALONE -> mask = true; unmask()
    :: else
    fi
}

proctype mover()
{
    byte count, v;
    bool was;

    do
    :: count < MOVES ->
        if
        :: variant != NOT_MASKED -> mask = true
        :: else
        fi;
        if
        :: variant == UNMASKED_FIRST -> guest_unmask()
        :: else
        fi;
        notify = 1 - notify;
        owner = 1 - owner;
        if
        :: variant != UNMASKED_FIRST && variant != NOT_MASKED -> guest_unmask()
        :: else
        fi;
        atomic { v = 0; count++ }
    :: else -> break
    od;
    done++
}

proctype vcpu(byte me)
{
    bool was;

    do
    :: atomic { upcall[me] -> upcall[me] = false; resting-- }
        atomic { was = selector[me]; selector[me] = false }
        if
        :: was ->
            was = pending;
            if
            :: was && !mask && owner == me ->
                atomic {
                    if
                    :: pending -> pending = false; news = false
                    :: else
                    fi
                }
            :: else
            fi
        :: else
        fi;
        atomic { was = false; resting++ }
    :: atomic { done == SENDERS + 1 && resting == 2 && !upcall[0] && !upcall[1] -> break }
    od
}

init
{
    c_code {
        const char *text = getenv("VARIANT");

        now.variant = text ? (unsigned char)atoi(text) : 0;
    };
    resting = 2;
    atomic { run vcpu(0); run vcpu(1); run mover(); run sender(); run sender() }
    _nr_pr == 1;
    assert(!pending && !news)
}
