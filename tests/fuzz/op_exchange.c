/* XENMEM_exchange. */
#include <string.h>

#include "choose.h"
#include "core/hypercall.h"

static bool is_alone(uint64_t frame, unsigned d)
{
    return is_own(frame, d) && model.f[frame].allocated && model.f[frame].refs == 1;
}

/* One that can be exchanged, if there is one; mostly. */
static uint64_t choose_alone(unsigned pages)
{
    unsigned d = me()->id, first = choose(MAX_PAGES);

    if (choose(16) == 0)
        return choose_frame();
    for (unsigned i = 0; i < MAX_PAGES; i++) {
        uint64_t frame = page[d][(first + i) % MAX_PAGES];
        unsigned alone = 0;

        while (alone < pages && is_alone(frame + alone, d))
            alone++;
        if (alone == pages)
            return frame;
    }
    return choose_frame();
}

/* Takes the frames from the model, or none of them. */
static bool take_all(const uint64_t *in, unsigned in_order, unsigned order)
{
    static struct model_frame saved[ENV_FRAMES];

    memcpy(saved, model.f, sizeof(saved));
    for (uint64_t i = 0; i < 1ul << order; i++) {
        uint64_t frame = in[i >> in_order] + i % (1ul << in_order);

        if (!is_alone(frame, me()->id)) {
            memcpy(model.f, saved, sizeof(saved));
            return false;
        }
        model_unref(frame);
    }
    return true;
}

static void get_all(const uint64_t *out, unsigned out_order, unsigned order)
{
    unsigned d = me()->id, j = 0;

    for (uint64_t i = 0; i < 1ul << order; i++) {
        uint64_t frame = out[i >> out_order] + i % (1ul << out_order);

        expect("frame got by exchange: references it had", model.f[frame].refs, 0);
        model.f[frame] = (struct model_frame){.refs = 1, .owner = (uint8_t)d, .allocated = true};
        while (j < MAX_PAGES && is_own(page[d][j], d))
            j++;
        if (j < MAX_PAGES)
            page[d][j] = frame;
    }
}

void op_exchange(void)
{
    unsigned in_order = choose(3), out_order = choose(3), order = MAX(in_order, out_order);
    uint64_t chunks = 1 + choose(2), in[8], asked[8], out[8], done;
    uint64_t nr_in = chunks << (order - in_order), nr_out = chunks << (order - out_order);
    struct xen_memory_exchange e = {
        .in = {gp(in), nr_in, in_order, 0,
               choose(32) ? DOMID_SELF : (uint16_t)other_domain(me()->id)},
        .out = {gp(out), nr_out, out_order, 0, DOMID_SELF}};
    long want = 0, got;

    for (uint64_t i = 0; i < nr_in; i++)
        in[i] = asked[i] = choose_alone(1u << in_order);
    for (uint64_t i = 0; i < nr_out; i++)
        out[i] = 2000 + i;
    if (choose(32) == 0)
        e.out.nr_extents++;
    if (choose(16) == 0)
        e.nr_exchanged = choose(8);
    if (e.in.domid != e.out.domid || e.out.nr_extents != nr_out || e.nr_exchanged > nr_in)
        want = -XEN_EINVAL;
    done = e.nr_exchanged;
    got = do_memory_op(XENMEM_exchange, gp(&e));
    /* Afterwards, since what one chunk gave may be asked for in the next. */
    for (uint64_t i = done >> (order - in_order); want == 0 && i < chunks; i++)
        if (!take_all(asked + (i << (order - in_order)), in_order, order)) {
            want = -XEN_EINVAL;
        } else if ((done = (i + 1) << (order - in_order)) <= e.nr_exchanged) {
            get_all(out + (i << (order - out_order)), out_order, order);
        }
    expect("exchange", got, want);
    expect("exchange: extents done", (long)e.nr_exchanged, (long)done);
}
