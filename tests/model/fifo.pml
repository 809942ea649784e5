/* The FIFO event ABI: hypervisor/core/evtchn_fifo.c with the send and unmask of evtchn_send.c and the
 * closing, binding and moving of evtchn.c; and the guest's half as guest-sdk/src/event_fifo.c has it.
 *
 * Two senders are each on a CPU of their own, two vCPUs each take from their queues, and a third one of
 * the guest masks, moves, closes or takes port 1. How a vCPU that waits is woken by
 * evtchn_mark_upcall() is in events.pml and wake.pml; here it goes on when an upcall is pending.
 *
 * No event is lost: when nobody has anything left to do, none is pending and not masked, and what was
 * sent was seen. No queue is corrupt: what a vCPU takes out is LINKED, and was put into that queue and no
 * other. `variant` 0 is the code as it is; the others must be found out (run.sh). */

#define TAIL_KEPT           1  /* enqueue() leaves the event the last of the queue where it was */
#define TAIL_KEPT_LONGER    2  /* enqueue() forgets it there when it is LINKED in the other one */
#define LINKED_LATE         3  /* enqueue() says LINKED after the one before names it */
#define LINKED_NOT_ASKED    4  /* set_link() takes it for linked, in a queue or not */
#define LINK_LEFT           5  /* set_link() leaves the link in one that was taken out */
#define READY_BEFORE_HEAD   6  /* enqueue(): before head says where the queue begins */
#define UPCALL_BEFORE_READY 7  /* enqueue() and its caller */
#define CHANNEL_NOT_LOCKED  8  /* send() */
#define QUEUE_NOT_LOCKED    9  /* enqueue() */
#define WORD_READ_FIRST    10  /* evtchn_fifo_update(): before it is pending */
#define NOT_UNMASKED       11  /* unmask() does not queue what is pending */
#define LINK_TRIED         12  /* set_link() by five compare-and-swaps, from the second on with BUSY */
#define REUSED_IN_QUEUE    13  /* find_free() does not look at LINKED */
#define PENDING_READ_FIRST 14  /* the guest: before it clears MASKED */
#define TAKEN_IN_TWO_STEPS 15  /* the guest clears PENDING after it has handled the event */
#define UNLINKED_IN_TWO    16  /* the guest reads the link, and then clears it and LINKED */
#define READY_CLEARED_LATE 17  /* the guest: when a queue is empty */
#define UPCALL_CLEARED_LATE 18 /* the guest: after it has looked */
#define MASKED_WITHOUT_LOOK 19 /* the guest masks a port without a handler, and does not look again */
#define PEER_NOT_ASKED     20  /* send() does not look again once it has the lock */
#define CLOSED_PENDING     21  /* release() leaves it pending */

byte variant;
byte guest; /* what the third vCPU does with port 1, once */

#define MASKS  1
#define MOVES  2
#define CLOSES 4
#define TAKES  8
#define THREE  16 /* the senders: three ports */
#define MORE   32 /* sends on port 1 */

#define SENDERS 2
#define PORTS   3
#define VCPUS   2
#define QUEUES  4 /* two priorities of each vCPU */

/* Event words. */
#define PENDING 1
#define MASKED  2
#define LINKED  4
#define BUSY    8
#define LINK    48
#define NEXT(w) ((w) >> 4)
byte word[PORTS + 1];

/* Control blocks, and upcall_pending. */
byte head[QUEUES];
byte ready[VCPUS];
bool upcall[VCPUS];

/* struct evtchn, and struct evtchn_queue */
bool locked[PORTS + 1];
byte notify[PORTS + 1], prio[PORTS + 1], queue[PORTS + 1];
bool peer[PORTS + 1];
bool queue_locked[QUEUES];
byte tail[QUEUES];

/* The guest's: its place in each queue, and whether somebody opened the port. */
byte at[QUEUES];
bool handler[PORTS + 1];

/* Not in the code: what was sent and not seen, how many sends began that no take was for yet, and the
 * queue in which the event is, one more than its number. */
bool news[PORTS + 1];
byte begun[PORTS + 1];
byte in_queue[PORTS + 1];
byte resting, done;

/* --- the hypervisor --- */

inline mark_upcall(v)
{
    upcall[v] = true
}

/* Whether the event of the word follows now; l is 1 then. */
inline set_link(last, port)
{
    if
    :: variant == LINK_TRIED ->
        tries = 0;
        w = word[last];
        do
        :: tries < 5 && (w & LINKED) ->
            atomic {
                if
                :: word[last] == w -> word[last] = (w & (PENDING | MASKED | LINKED)) | (port << 4);
                    l = true;
                    break
                :: else -> w = word[last]
                fi
            }
            if
            :: tries == 0 -> word[last] = word[last] | BUSY; w = word[last]
            :: else
            fi;
            tries++
        :: else -> word[last] = word[last] & ~BUSY; break
        od;
        atomic { tries = 0; w = 0 }
    :: else ->
        atomic {
            l = ((word[last] & LINKED) || variant == LINKED_NOT_ASKED);
            word[last] = word[last] | (port << 4)
        }
        if
        :: !l && variant != LINK_LEFT -> word[last] = word[last] & ~LINK
        :: else
        fi
    fi
}

inline forget_tail(port)
{
    atomic { !queue_locked[queue[port]] ->
        if
        :: tail[queue[port]] == port -> tail[queue[port]] = 0
        :: else
        fi
    }
}

inline set_ready(v, q)
{
    if
    :: variant == UPCALL_BEFORE_READY -> mark_upcall(v)
    :: else
    fi;
    atomic {
        w = ready[v] & (1 << (q % 2));
        ready[v] = ready[v] | (1 << (q % 2))
    }
    if
    :: !w && variant != UPCALL_BEFORE_READY -> mark_upcall(v)
    :: else
    fi;
    w = 0
}

inline enqueue(v, port)
{
    q = v * 2 + prio[port];
    if
    :: variant != TAIL_KEPT && variant != TAIL_KEPT_LONGER -> forget_tail(port)
    :: else
    fi;
    atomic {
        !queue_locked[q] || variant == QUEUE_NOT_LOCKED -> queue_locked[q] = true;
        if
        :: variant != LINKED_LATE ->
            assert(!in_queue[port]);
            in_queue[port] = q + 1;
            word[port] = word[port] | LINKED
        :: else
        fi;
        t = tail[q];
        if
        :: variant != QUEUE_NOT_LOCKED -> tail[q] = port
        :: else
        fi
    }
    if
    :: variant == QUEUE_NOT_LOCKED -> tail[q] = port
    :: else
    fi;
    if
    :: t != 0 -> set_link(t, port)
    :: else
    fi;
    if
    :: variant == LINKED_LATE -> atomic { in_queue[port] = q + 1; word[port] = word[port] | LINKED }
    :: else
    fi;
    if
    :: variant == READY_BEFORE_HEAD && !l -> set_ready(v, q)
    :: else
    fi;
    if
    :: !l -> atomic { head[q] = port; queue_locked[q] = false }
    :: else -> queue_locked[q] = false
    fi;
    if
    :: variant == TAIL_KEPT_LONGER && queue[port] != q -> forget_tail(port)
    :: else
    fi;
    if
    :: !l && variant != READY_BEFORE_HEAD -> set_ready(v, q)
    :: else
    fi;
    atomic { queue[port] = q; q = 0; t = 0; l = false }
}

/* The channel is locked. */
inline evtchn_fifo_update(port, pending, clear)
{
    if
    :: variant == WORD_READ_FIRST -> u = word[port] | PENDING
    :: else
    fi;
    if
    :: pending -> word[port] = word[port] | PENDING
    :: else -> word[port] = word[port] & ~clear
    fi;
    if
    :: variant != WORD_READ_FIRST -> u = word[port]
    :: else
    fi;
    if
    :: (u & (PENDING | MASKED | LINKED)) == PENDING && !(clear && variant == NOT_UNMASKED) ->
        u = 0;
        enqueue(v, port)
    :: else
    fi;
    atomic { u = 0; v = 0; locked[port] = false }
}

/* Also reads whom to notify. */
inline lock_channel(port)
{
    !locked[port] || variant == CHANNEL_NOT_LOCKED -> locked[port] = true;
    v = notify[port]
}

inline sent(port)
{
    news[port] = true;
    begun[port]++
}

inline send(port)
{
    bound = peer[port];
    if
    :: !bound
    :: else ->
        atomic {
            lock_channel(port);
            bound = (peer[port] || variant == PEER_NOT_ASKED);
            if
            :: bound -> sent(port)
            :: else
            fi
        }
        if
        :: bound -> evtchn_fifo_update(port, true, 0)
        :: else -> locked[port] = false
        fi
    fi;
    bound = false
}

/* The first sends on port 1, and on 3 if that is in use; the other on 2, and on 1 if nobody else has to do
 * with that. */
proctype sender(byte me)
{
    byte q, t, w, u, v, tries, count;
    bool l, bound;

    if
    :: me == 0 -> count = 1 + !(guest & (MASKS | CLOSES)) + ((guest & MORE) > 0)
    :: else
    fi;
    do
    :: count > 0 -> send(1); count--
    :: else -> break
    od;
    if
    :: me == 1 -> send(2)
    :: me == 0 && (guest & THREE) -> send(3)
    :: else
    fi;
    if
    :: me == 1 && !guest -> send(1)
    :: else
    fi;
    done++
}

/* --- the guest --- */

inline test_and_clear(port)
{
    atomic {
        if
        :: word[port] & PENDING ->
            word[port] = word[port] & ~PENDING;
            assert(begun[port] > 0);
            begun[port]--;
            news[port] = false
        :: else
        fi
    }
}

inline lm_event_take(port)
{
    if
    :: variant != TAKEN_IN_TWO_STEPS -> test_and_clear(port)
    :: else ->
        if
        :: word[port] & PENDING ->
            atomic { begun[port]--; news[port] = false }
            word[port] = word[port] & ~PENDING
        :: else
        fi
    fi
}

inline lm_event_unmask(port)
{
    if
    :: variant == PENDING_READ_FIRST -> u = word[port]
    :: else
    fi;
    atomic { !(word[port] & BUSY) -> word[port] = word[port] & ~MASKED }
    if
    :: variant != PENDING_READ_FIRST -> u = word[port]
    :: else
    fi;
    if
    :: u & PENDING ->
        atomic { lock_channel(port); u = 0 }
        evtchn_fifo_update(port, false, MASKED)
    :: else
    fi;
    u = 0
}

inline lm_event_deliver(port)
{
    if
    :: handler[port] -> lm_event_take(port)
    :: else ->
        word[port] = word[port] | MASKED;
        if
        :: handler[port] && variant != MASKED_WITHOUT_LOOK -> lm_event_unmask(port)
        :: else
        fi
    fi
}

inline unlink(port)
{
    if
    :: variant == UNLINKED_IN_TWO -> u = word[port]
    :: else
    fi;
    atomic {
        if
        :: variant != UNLINKED_IN_TWO -> u = word[port]
        :: else
        fi;
        assert(port != 0 && (word[port] & LINKED));
        assert(in_queue[port] == mine + 1);
        in_queue[port] = 0;
        word[port] = word[port] & ~(LINKED | LINK);
        at[mine] = NEXT(u);
        if
        :: !at[mine] -> todo = todo & ~(1 << (mine % 2))
        :: else
        fi;
        u = 0
    }
}

proctype vcpu(byte me)
{
    byte q, t, w, u, v, tries, todo, port, mine;
    bool l;

    do
    :: atomic { upcall[me] ->
            resting--;
            if
            :: variant != UPCALL_CLEARED_LATE -> upcall[me] = false
            :: else
            fi
        }
        do
        :: atomic {
                todo = todo | ready[me];
                if
                :: variant != READY_CLEARED_LATE -> ready[me] = 0
                :: else
                fi;
                if
                :: !todo -> break
                :: else
                fi;
                mine = me * 2 + (todo & 1 -> 0 : 1)
            }
            atomic { port = (at[mine] -> at[mine] : head[mine]) }
            unlink(port);
            if
            :: variant == READY_CLEARED_LATE && !at[mine] -> ready[me] = ready[me] & ~(1 << (mine % 2))
            :: else
            fi;
            if
            :: (word[port] & (PENDING | MASKED)) == PENDING -> lm_event_deliver(port)
            :: else
            fi;
            atomic { port = 0; mine = 0 }
        od;
        atomic {
            if
            :: variant == UPCALL_CLEARED_LATE -> upcall[me] = false
            :: else
            fi;
            resting++
        }
    :: atomic { done == SENDERS + 1 && resting == VCPUS && !upcall[0] && !upcall[1] -> break }
    od
}

inline close()
{
    word[1] = word[1] | MASKED;
    atomic {
        lock_channel(1);
        peer[1] = false;
        if
        :: variant != CLOSED_PENDING -> word[1] = word[1] & ~PENDING
        :: else
        fi;
        news[1] = false;
        begun[1] = 0
    }
    locked[1] = false;
    handler[1] = false
}

/* Open again, for the other vCPU. */
inline rebind()
{
    atomic { !(word[1] & LINKED) || variant == REUSED_IN_QUEUE ->
        assert(!in_queue[1] && !(word[1] & PENDING));
        prio[1] = 0
    }
    notify[1] = 1;
    peer[1] = true;
    atomic { lock_channel(1); sent(1) }
    evtchn_fifo_update(1, true, 0);
    handler[1] = true;
    lm_event_unmask(1)
}

proctype third_vcpu()
{
    byte q, t, w, u, v, tries;
    bool l;

    if
    :: guest & MASKS -> word[1] = word[1] | MASKED; lm_event_unmask(1)
    :: else
    fi;
    if
    :: guest & MOVES -> prio[1] = 1; notify[1] = 1
    :: else
    fi;
    if
    :: guest & CLOSES -> close(); rebind()
    :: else
    fi;
    if
    :: guest & TAKES ->
        do
        :: word[1] & PENDING -> test_and_clear(1)
        :: true -> break
        od
    :: else
    fi;
    done++
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
        peer[1] = true; peer[2] = true; peer[3] = true;
        handler[1] = true; handler[2] = true; handler[3] = true;
        resting = VCPUS
    }
    atomic {
        run vcpu(0);
        if
        :: guest & (MOVES | CLOSES) -> run vcpu(1)
        :: else
        fi;
        run third_vcpu();
        run sender(0);
        run sender(1)
    }
    _nr_pr == 1;
    assert(!(word[1] & LINKED) && !(word[2] & LINKED) && !(word[3] & LINKED));
    assert(!news[1] && !news[2] && !news[3])
}
