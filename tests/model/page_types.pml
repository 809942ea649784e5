/* The page-type protocol of hypervisor/arch/x86_64/paging, on one frame: its reference and type
 * words, the entries and TLBs that can reach it, the flush clock, the allocator.
 *
 * Three CPUs. 0 and 1 run vCPUs of the frame's domain, GUEST; 2 runs PEER, to which the frame is
 * granted, and which may own it after it was freed. Each process is one CPU and does the
 * hypervisor's operations on the frame in any order, for ever. What the code does in one atomic
 * instruction is one step here, and a loop of compare-and-swap whose outcome depends on nothing
 * else is one step too; names are those of the code.
 *
 * The processor does its worst: an entry that it can see is in every TLB that could have it, and
 * stays there after the entry is gone until that TLB is flushed. Stores to page-table entries wait
 * in a store buffer until the CPU's next locked instruction, or an earlier moment (x86-TSO).
 *
 * A stamp of the flush clock is only ever compared with the times of flushes, so what is kept of it
 * is the outcome: the CPUs that have not flushed since (tlb_stale). clock.pml looks at the clock.
 *
 * `variant` 0 keeps every rule. The others each break one, and must be found out (run.sh); 10 and 16
 * are what the code did before Spin found them (docs/assurance.md). */

#define NO_FLUSH_BEFORE_TABLE  1  /* claim() does not flush */
#define USE_DROPPED_EARLY      2  /* update_l1 drops the old entry's use before it writes the new */
#define NO_FLUSH_IN_ALLOC      3  /* frames_alloc() does not look at the stamp */
#define OWNER_NOT_CHECKED      4  /* frame_ref() does not look at the owner again */
#define STALE_TABLE_WRITABLE   5  /* frame_get_writable_slow() does not ask frame_stale_cpus() */
#define NO_FLUSH_OF_PEER       6  /* l1_entry_put() does not flush for frames of others */
#define RETYPED_IN_USE         7  /* claim() does not look at the uses */
#define NO_STAMP               8  /* frame_put_use() leaves the old stamp */
#define GIVEN_UP_TWICE         9  /* frame_give_up() reads and writes in two steps */
#define PLAIN_STORE           10  /* write_entry() is no barrier: the stamp may be older than it */
#define LEFT_EARLY            11  /* load() leaves tlb_cpus before CR3 is changed */
#define JOINED_LATE           12  /* load() joins tlb_cpus after CR3 is changed */
#define NAME_FORGOTTEN        13  /* drop_type() makes it TYPE_NONE */
#define UNLOCKED_GET          14  /* table_get() without page_lock */
#define UNMAP_WITHOUT_FLUSH   15  /* arch_grant_unmap() drops before it flushes */
#define STAMP_AT_LAST_USE     16 /* frame_put_use() writes a stamp only when no use is left */
#define MARK_LOOKED_AT        17 /* take() looks at FRAME_ALLOCATED and leaves it until it has refs */

byte variant;

#define NONE     0 /* enum frame_type */
#define L1       1
#define L2       2
#define WRITABLE 3

#define NOBODY 0
#define GUEST  1
#define PEER   2

#define BIT(cpu)   (1 << (cpu))
#define GUEST_CPUS 3
#define PEER_CPU   4
#define ALL_CPUS   7

/* struct frame */
byte refs, owner, type, uses, stamp;
bool pinned, allocated;
bool in_pool;
byte free_stamp;

/* struct domain of GUEST */
byte page_lock; /* CPU + 1 */
bool demoted;
byte tlb_cpus = GUEST_CPUS;

/* What the processor's walkers see. */
#define NOT_PRESENT 0
#define READ_ONLY   1
#define READ_WRITE  2
byte entry;      /* an L1 entry of GUEST's for the frame */
byte link;       /* an L2 entry of GUEST's that names the frame as L1 table */
byte peer_entry; /* an L1 entry of PEER's */
byte loaded = GUEST_CPUS;                  /* CPUs whose CR3 is GUEST's */
byte tlb_writable, tlb_read, tlb_walk;     /* CPUs whose TLB has it, with the entry gone */
bool granted;                              /* PEER holds a pin on the grant */

/* Contents were checked as a table or descriptor page, and have to stay so. */
bool checked;

/* Store buffers. */
#define EMPTY      0
#define ENTRY      1
#define LINK       2
#define PEER_ENTRY 3
byte buffered[3], buffered_value[3];

/* Each CPU's copy of the type word, and a stamp in a register. */
byte word_type[3], word_uses[3], word_stamp[3], then[3];

#define SAFE                                                                                      \
    assert(!((entry == READ_WRITE || peer_entry == READ_WRITE || tlb_writable) &&                 \
             (checked || link || tlb_walk)));                                                     \
    assert(!(checked && type == L2 && (link || tlb_walk)))

inline apply(where, value)
{
    if
    :: where == ENTRY ->
        if
        :: entry == READ_WRITE && value != READ_WRITE -> tlb_writable = tlb_writable | loaded
        :: else
        fi;
        if
        :: entry != NOT_PRESENT && value == NOT_PRESENT -> tlb_read = tlb_read | loaded
        :: else
        fi;
        entry = value
    :: where == LINK ->
        if
        :: link && !value -> tlb_walk = tlb_walk | loaded
        :: else
        fi;
        link = value
    :: where == PEER_ENTRY ->
        if
        :: peer_entry && !value -> tlb_writable = tlb_writable | PEER_CPU
        :: else
        fi;
        peer_entry = value
    fi;
    SAFE
}

#define LOCKED(me) (buffered[me] == EMPTY)

/* Drains store buffers at any time. */
active proctype memory()
{
end:
    do
    :: atomic { buffered[0] -> apply(buffered[0], buffered_value[0]); buffered[0] = EMPTY; buffered_value[0] = 0 }
    :: atomic { buffered[1] -> apply(buffered[1], buffered_value[1]); buffered[1] = EMPTY; buffered_value[1] = 0 }
    :: atomic { buffered[2] -> apply(buffered[2], buffered_value[2]); buffered[2] = EMPTY; buffered_value[2] = 0 }
    od
}

inline write_entry(me, where, value)
{
    atomic {
        if
        :: variant == PLAIN_STORE -> buffered[me] = where; buffered_value[me] = value
        :: else -> apply(where, value)
        fi
    }
}

/* --- cpu/tlb.h --- */

/* The CPU takes the request between two instructions, which empties its store buffer. */
inline flush_one(cpu)
{
    atomic {
        LOCKED(cpu) ->
        tlb_writable = tlb_writable & ~BIT(cpu);
        tlb_read = tlb_read & ~BIT(cpu);
        tlb_walk = tlb_walk & ~BIT(cpu);
        stamp = stamp & ~BIT(cpu);
        free_stamp = free_stamp & ~BIT(cpu);
        word_stamp[0] = word_stamp[0] & ~BIT(cpu);
        word_stamp[1] = word_stamp[1] & ~BIT(cpu);
        word_stamp[2] = word_stamp[2] & ~BIT(cpu);
        then[0] = then[0] & ~BIT(cpu);
        then[1] = then[1] & ~BIT(cpu);
        then[2] = then[2] & ~BIT(cpu)
    }
}

inline tlb_flush(mask)
{
    do
    :: (mask) & 1 -> flush_one(0); mask = mask & ~1
    :: (mask) & 2 -> flush_one(1); mask = mask & ~2
    :: (mask) & 4 -> flush_one(2); mask = mask & ~4
    :: else -> break
    od
}

#define TLB_STAMP ALL_CPUS

/* --- frame.h, owned.c --- */

inline frame_release(me)
{
    atomic {
        assert(uses == 0 && !allocated && !pinned && !checked && !granted);
        assert(entry == NOT_PRESENT && peer_entry == NOT_PRESENT && !link);
        assert(owner != NOBODY && !in_pool);
        then[me] = TLB_STAMP /* frames_free */
    }
    atomic { owner = NOBODY; type = NONE; stamp = 0 }
    atomic { in_pool = true; free_stamp = then[me]; then[me] = 0 }
}

inline frame_put(me)
{
    atomic { LOCKED(me) -> assert(refs > 0); refs--; last = (refs == 0) }
    if
    :: last -> last = false; frame_release(me)
    :: else
    fi
}

/* The owner cannot change once the reference is taken, so looking at it is the same step. */
inline frame_ref(me, who, got)
{
    atomic {
        if
        :: refs == 0 -> got = false
        :: refs > 0 && LOCKED(me) ->
            assert(refs < 200);
            refs++;
            got = (owner == who || variant == OWNER_NOT_CHECKED);
            last = !got
        fi
    }
    if
    :: last -> last = false; frame_put(me)
    :: else
    fi
}

inline forget_word(me)
{
    word_type[me] = 0; word_uses[me] = 0; word_stamp[me] = 0; then[me] = 0
}

#define WORD_IS_SAME(me) \
    (type == word_type[me] && uses == word_uses[me] && stamp == word_stamp[me])

/* The quick attempt that may come first (frame_get_writable_again) is what the look at the word does
 * anyway. */
inline frame_get_writable(me, flush, got)
{
    got = false;
    do
    :: atomic {
            LOCKED(me) ->
            if
            :: type == WRITABLE -> uses++; got = true; done = true
            :: type != WRITABLE && uses != 0 -> done = true
            :: type != WRITABLE && uses == 0 ->
                word_type[me] = type; word_uses[me] = uses; word_stamp[me] = stamp
            fi
        }
        do
        :: done -> break
        :: else ->
            atomic { /* frame_stale_cpus */
                if
                :: word_type[me] == NONE || owner != GUEST || variant == STALE_TABLE_WRITABLE ->
                    stale = 0
                :: else -> stale = tlb_cpus & word_stamp[me]
                fi
            }
            if
            :: stale && !flush -> stale = 0; done = true
            :: stale && flush -> tlb_flush(stale)
            :: else ->
                atomic {
                    LOCKED(me) ->
                    got = WORD_IS_SAME(me);
                    if
                    :: got -> type = WRITABLE; uses = 1; stamp = 0; done = true
                    :: else
                    fi
                }
                break
            fi
        od;
        atomic {
            forget_word(me);
            if
            :: done -> done = false; break
            :: else
            fi
        }
    od
}

/* The stamp is read a little later than the word; as early as here it can only be worse. */
inline frame_put_use(me)
{
    do
    :: atomic {
            word_type[me] = type; word_uses[me] = uses; word_stamp[me] = stamp;
            then[me] = TLB_STAMP
        }
        atomic {
            LOCKED(me) ->
            assert(uses > 0 && type == WRITABLE);
            done = WORD_IS_SAME(me);
            if
            :: done ->
                uses--;
                if
                :: variant != NO_STAMP && !(variant == STAMP_AT_LAST_USE && uses) ->
                    stamp = then[me]
                :: else
                fi
            :: else
            fi;
            forget_word(me);
            if
            :: done -> done = false; break
            :: else
            fi
        }
    od
}

/* The hypervisor writes to the page for a guest, with a reference and a use. */
#define WRITES assert(refs > 0 && uses > 0 && type == WRITABLE && !checked && !link && !tlb_walk)

/* --- type.c --- */

inline paging_lock(me)
{
    atomic { page_lock == 0 && LOCKED(me) -> page_lock = me + 1 }
}

inline paging_unlock(me)
{
    if
    :: demoted -> demoted = false; stale = tlb_cpus; tlb_flush(stale)
    :: else
    fi;
    atomic { LOCKED(me) -> assert(page_lock == me + 1); page_lock = 0 }
}

inline drop_type(me)
{
    atomic { demoted = true; then[me] = TLB_STAMP }
    atomic {
        assert(uses == 1 && !pinned);
        uses = 0;
        stamp = then[me];
        then[me] = 0;
        checked = false;
        if
        :: variant == NAME_FORGOTTEN -> type = NONE
        :: else
        fi
    }
}

inline table_put(me)
{
    assert(uses > 0 && (type == L1 || type == L2));
    if
    :: uses == 1 -> drop_type(me)
    :: else -> uses--
    fi;
    frame_put(me)
}

/* With `got`: claimed, and to be promoted. That the word is read some time before it is replaced
 * makes no difference: it is the same word. */
inline claim(me, t, got)
{
    atomic {
        LOCKED(me) ->
        if
        :: uses != 0 && variant != RETYPED_IN_USE -> got = false
        :: else ->
            if
            :: type != t && type != NONE && variant != NO_FLUSH_BEFORE_TABLE ->
                word_stamp[me] = stamp
            :: else
            fi;
            type = t; uses = 1; stamp = 0; got = true
        fi
    }
    if
    :: got ->
        stale = tlb_cpus & word_stamp[me];
        tlb_flush(stale);
        word_stamp[me] = 0
    :: else
    fi
}

/* Also when its contents are refused: then the type is dropped. */
inline promote(me, got)
{
    atomic {
        checked = true;
        SAFE;
        if
        :: true
        :: true -> got = false
        fi
    }
    if
    :: !got -> drop_type(me)
    :: else
    fi
}

inline table_get(me, t, got)
{
    frame_ref(me, GUEST, got);
    if
    :: got ->
        if
        :: type == t && uses > 0 -> uses++
        :: else ->
            claim(me, t, got);
            if
            :: got -> promote(me, got)
            :: else
            fi;
            if
            :: !got -> frame_put(me)
            :: else
            fi
        fi
    :: else
    fi
}

/* --- operations of GUEST --- */

/* type.h: l1_entry_put */
inline own_entry_put(me, value)
{
    if
    :: value == READ_WRITE -> frame_put_use(me)
    :: else
    fi;
    frame_put(me)
}

/* update.h: update_l1, by mmu_update, update_va_mapping or an emulated write */
inline update_l1(me, value)
{
    paging_lock(me);
    old = entry;
    got = true;
    if
    :: value == old -> old = NOT_PRESENT /* the new entry takes over its references */
    :: value != old && value != NOT_PRESENT ->
        frame_ref(me, GUEST, got);
        if
        :: got && value == READ_WRITE ->
            frame_get_writable(me, true, got);
            if
            :: !got -> frame_put(me)
            :: else
            fi
        :: else
        fi
    :: else
    fi;
    if
    :: got && variant == USE_DROPPED_EARLY && old == READ_WRITE ->
        frame_put_use(me); write_entry(me, ENTRY, value); frame_put(me)
    :: got && !(variant == USE_DROPPED_EARLY && old == READ_WRITE) ->
        write_entry(me, ENTRY, value);
        if
        :: old != NOT_PRESENT -> own_entry_put(me, old)
        :: else
        fi
    :: else
    fi;
    old = NOT_PRESENT;
    value = NOT_PRESENT;
    got = false;
    paging_unlock(me)
}

/* update.c: update_upper */
inline set_link(me)
{
    paging_lock(me);
    if
    :: !link ->
        table_get(me, L1, got);
        if
        :: got -> write_entry(me, LINK, true)
        :: else
        fi;
        got = false
    :: else
    fi;
    paging_unlock(me)
}

inline clear_link(me)
{
    paging_lock(me);
    if
    :: link -> write_entry(me, LINK, false); table_put(me)
    :: else
    fi;
    paging_unlock(me)
}

inline table_pin(me, t)
{
    if
    :: variant != UNLOCKED_GET -> paging_lock(me)
    :: else
    fi;
    table_get(me, t, got);
    if
    :: got ->
        got = false;
        if
        :: pinned -> table_put(me)
        :: else -> pinned = true
        fi
    :: else
    fi;
    t = NONE;
    if
    :: variant != UNLOCKED_GET -> paging_unlock(me)
    :: else
    fi
}

inline table_unpin(me)
{
    paging_lock(me);
    frame_ref(me, GUEST, got);
    if
    :: got && pinned -> pinned = false; table_put(me)
    :: else
    fi;
    if
    :: got -> got = false; frame_put(me)
    :: else
    fi;
    paging_unlock(me)
}

/* mmu_update.c: update_entry, with the frame as the table that is written */
inline update_entry(me)
{
    paging_lock(me);
    if
    :: owner == GUEST ->
        if
        :: uses > 0 && (type == L1 || type == L2) -> assert(checked && owner == GUEST && refs > 0)
        :: else
        fi
    :: else
    fi;
    paging_unlock(me)
}

/* mmuext.c: fill_page */
inline fill_page(me)
{
    frame_ref(me, GUEST, got);
    if
    :: got ->
        frame_get_writable(me, true, got);
        if
        :: got -> WRITES; frame_put_use(me)
        :: else
        fi;
        got = false;
        frame_put(me)
    :: else
    fi
}

/* arch_depopulate, frame_give_up */
inline depopulate(me, who)
{
    frame_ref(me, who, got);
    if
    :: got ->
        got = false;
        if
        :: variant == GIVEN_UP_TWICE -> got = allocated; allocated = false
        :: else -> atomic { LOCKED(me) -> got = allocated; allocated = false }
        fi;
        if
        :: got -> got = false; frame_put(me)
        :: else
        fi;
        frame_put(me)
    :: else
    fi
}

/* exchange.c: take, then arch_exchange's end, with another frame in its place or without */
inline exchange(me)
{
    frame_ref(me, GUEST, got);
    if
    :: got ->
        if
        :: variant == MARK_LOOKED_AT -> done = allocated
        :: else -> atomic { LOCKED(me) -> done = allocated; allocated = false }
        fi;
        if
        :: done ->
            atomic {
                LOCKED(me) ->
                if
                :: refs == 2 -> refs = 0; got = false
                :: else
                fi
            }
            if
            :: got -> atomic { LOCKED(me) -> allocated = true }
            :: !got && variant == MARK_LOOKED_AT -> allocated = false
            :: else
            fi
        :: else
        fi;
        if
        :: got -> got = false; done = false; frame_put(me)
        :: !got && done ->
            done = false;
            if
            :: frame_release(me)
            :: allocated = true; refs = 1 /* give_back */
            fi
        fi
    :: else
    fi
}

/* arch_populate: frames_alloc, then adopt */
inline populate(me, who)
{
    got = false;
    atomic {
        if
        :: in_pool && LOCKED(me) -> in_pool = false; then[me] = free_stamp; free_stamp = 0; got = true
        :: else
        fi
    }
    if
    :: got && variant != NO_FLUSH_IN_ALLOC -> stale = then[me]; tlb_flush(stale)
    :: else
    fi;
    if
    :: got ->
        atomic {
            assert(refs == 0 && uses == 0 && owner == NOBODY && type == NONE);
            assert(!tlb_writable && !tlb_read && !tlb_walk);
            then[me] = 0;
            owner = who;
            allocated = true
        }
        refs = 1;
        got = false
    :: else
    fi
}

/* switch.c: load(), to the idle tables and back */
inline leave_and_return(me)
{
    if
    :: variant == LEFT_EARLY -> atomic { LOCKED(me) -> tlb_cpus = tlb_cpus & ~BIT(me) }
    :: else
    fi;
    atomic { flush_one(me); loaded = loaded & ~BIT(me) }
    atomic { LOCKED(me) -> tlb_cpus = tlb_cpus & ~BIT(me) }
    if
    :: variant != JOINED_LATE -> atomic { LOCKED(me) -> tlb_cpus = tlb_cpus | BIT(me) }
    :: else
    fi;
    atomic { flush_one(me); loaded = loaded | BIT(me) }
    atomic { LOCKED(me) -> tlb_cpus = tlb_cpus | BIT(me) }
}

/* What a vCPU does in this run. */
#define MAPS    1
#define TYPES   2
#define MOVES   4
#define OTHERS  8
#define ALL    15

proctype guest(byte me; byte role)
{
    bool got, last, done;
    byte old, stale, wanted;

end:
    do
    :: role & MAPS ->
        if
        :: wanted = NOT_PRESENT
        :: role & OTHERS -> wanted = READ_ONLY
        :: wanted = READ_WRITE
        fi;
        update_l1(me, wanted)
    :: role & TYPES ->
        if
        :: wanted = L1
        :: role & OTHERS -> wanted = L2
        fi;
        table_pin(me, wanted)
    :: role & TYPES -> table_unpin(me)
    :: role & TYPES -> fill_page(me)
    :: role & MOVES -> depopulate(me, GUEST)
    :: role & MOVES -> exchange(me)
    :: role & MOVES -> populate(me, GUEST)
    :: role & OTHERS -> set_link(me)
    :: role & OTHERS -> clear_link(me)
    :: role & OTHERS -> update_entry(me)
    :: role & OTHERS -> leave_and_return(me)
    od
}

/* --- operations of PEER --- */

/* grant_table.c: pin; a writable one */
inline grant_pin(me)
{
    frame_ref(me, GUEST, got);
    if
    :: got ->
        frame_get_writable(me, false, got);
        if
        :: got -> granted = true
        :: else -> frame_put(me)
        fi
    :: else
    fi
}

/* arch_frame_put */
inline grant_unpin(me)
{
    granted = false;
    frame_put_use(me);
    frame_put(me)
}

/* l1_entry_put, for a frame of another domain */
inline peer_entry_put(me)
{
    then[me] = TLB_STAMP;
    if
    :: owner != PEER && variant != NO_FLUSH_OF_PEER ->
        stale = PEER_CPU & then[me];
        tlb_flush(stale)
    :: else
    fi;
    then[me] = 0;
    frame_put_use(me);
    frame_put(me)
}

/* The pin keeps owner and type: frame_ref_again, frame_get_writable_again. */
inline arch_grant_map(me)
{
    atomic { LOCKED(me) -> assert(refs > 0 && owner == GUEST); refs++ }
    atomic { LOCKED(me) -> assert(uses > 0 && type == WRITABLE); uses++ }
    write_entry(me, PEER_ENTRY, READ_WRITE);
    LOCKED(me) /* paging_unlock of PEER */
}

inline arch_grant_unmap(me)
{
    write_entry(me, PEER_ENTRY, NOT_PRESENT);
    if
    :: variant != UNMAP_WITHOUT_FLUSH -> stale = PEER_CPU; tlb_flush(stale)
    :: else
    fi;
    frame_put_use(me);
    frame_put(me)
}

proctype peer(byte me)
{
    bool got, last, done;
    byte stale;

end:
    do
    :: !granted -> grant_pin(me); got = false
    :: granted && !peer_entry -> arch_grant_map(me)
    :: granted && peer_entry -> arch_grant_unmap(me)
    :: granted && peer_entry -> /* the entry is overwritten by mmu_update */
        write_entry(me, PEER_ENTRY, NOT_PRESENT);
        peer_entry_put(me)
    :: granted && !peer_entry -> WRITES; grant_unpin(me) /* also what grant_copy does */
    :: populate(me, PEER)
    :: depopulate(me, PEER)
    od
}

init
{
    byte actors;

    d_step {
        c_code {
            const char *text = getenv("VARIANT");

            now.variant = text ? (unsigned char)atoi(text) : 0;
            text = getenv("ACTORS");
            Pinit->actors = text ? (unsigned char)atoi(text) : 0;
        };
        owner = GUEST;
        refs = 1;
        allocated = true
    }
    atomic {
        if
        :: actors == 1 -> run guest(0, ALL); run guest(1, ALL)
        :: actors == 2 -> run guest(0, ALL); run peer(2)
        :: actors == 3 -> run guest(0, TYPES); run guest(1, MAPS | MOVES); run peer(2)
        fi
    }
}
