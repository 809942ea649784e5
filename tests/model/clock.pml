/* The flush clock of hypervisor/arch/x86_64/cpu/tlb.h: does tlb_stale() name every CPU that may
 * still hold a translation? One CPU flushes again and again, the other removes an entry, takes a
 * stamp and later asks. The clock has a few ticks only: its values are what matters here.
 * `variant` 0 is the code as it is; the others must be found out (run.sh). */

#define STAMP_BEFORE_UNMAP 1 /* tlb_stamp() before the entry is gone from memory */
#define BEGAN_TOO_LATE     2 /* tlb_flush_begins() after the TLB was emptied */
#define EQUAL_IS_FRESH     3 /* tlb_stale() takes a flush that began at the stamp for a later one */

#define FLUSHES 4

byte variant;
byte now, flushed; /* tlb_clock.now, tlb_clock.cpu[] of the flushing CPU */
bool entry = true, tlb;

proctype flushing_cpu()
{
    byte began, n;

    do
    :: n < FLUSHES ->
        n++;
        if
        :: variant != BEGAN_TOO_LATE -> atomic { now++; began = now }
        :: else
        fi;
        tlb = false; /* write_cr3 */
        if
        :: variant == BEGAN_TOO_LATE -> atomic { now++; began = now }
        :: else
        fi;
        flushed = began /* tlb_flush_done */
    :: else -> break
    od
}

/* Its page walker, at any time. */
proctype walker()
{
end:
    do
    :: atomic { entry && !tlb -> tlb = true }
    od
}

proctype unmapping_cpu()
{
    byte stamp;

    if
    :: variant == STAMP_BEFORE_UNMAP -> stamp = now; entry = false
    :: else -> entry = false; stamp = now
    fi;
    /* tlb_stale */
    if
    :: flushed < stamp || (flushed == stamp && variant != EQUAL_IS_FRESH)
    :: else -> assert(!tlb)
    fi
}

init
{
    c_code {
        const char *text = getenv("VARIANT");

        now.variant = text ? (unsigned char)atoi(text) : 0;
    };
    atomic { run flushing_cpu(); run walker(); run unmapping_cpu() }
}
