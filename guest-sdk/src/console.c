#include <lamina/guest.h>

static struct xencons_interface *console_ring(void)
{
    uint64_t mfn = lm_start_info->console.domU.mfn;

    if ((lm_start_info->flags & SIF_INITDOMAIN) || mfn == 0)
        return NULL;
    return lm_pfn_to_virt(lm_mfn_to_pfn(mfn));
}

static void write_ring(struct xencons_interface *ring, const char *text, size_t length)
{
    uint32_t prod = ring->out_prod;

    while (length > 0) {
        uint32_t cons = __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);

        while (length > 0 && prod - cons < sizeof(ring->out)) {
            ring->out[MASK_XENCONS_IDX(prod++, ring->out)] = *text++;
            length--;
        }
        __atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
        lm_event_send(lm_start_info->console.domU.evtchn);
        if (length > 0)
            lm_yield();
    }
}

void lm_console_write(const char *text, size_t length)
{
    static bool no_console_io;
    struct xencons_interface *ring;

    if (!no_console_io) {
        if (hypercall_console_io(CONSOLEIO_write, (int)length, (char *)text) >= 0)
            return;
        no_console_io = true; /* a release build of Xen, and we are not its first domain */
    }
    ring = console_ring();
    if (ring)
        write_ring(ring, text, length);
}

size_t lm_console_read(char *buf, size_t size)
{
    struct xencons_interface *ring = console_ring();
    size_t n = 0;

    if (!ring) {
        long got = hypercall_console_io(CONSOLEIO_read, (int)size, buf);

        return got > 0 ? (size_t)got : 0;
    }
    uint32_t cons = ring->in_cons;
    uint32_t prod = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE);

    while (n < size && cons != prod)
        buf[n++] = ring->in[MASK_XENCONS_IDX(cons++, ring->in)];
    __atomic_store_n(&ring->in_cons, cons, __ATOMIC_RELEASE);
    if (n > 0)
        lm_event_send(lm_start_info->console.domU.evtchn); /* there is room again */
    return n;
}
