#include "core/console.h"
#include "core/hypercall.h"
#include "core/log.h"
#include "lib/format.h"
#include "abi/io/console.h"

/* Guards the line and everything below; the innermost lock. */
static struct spinlock lock = {.rank = RANK_CONSOLE};

static bool prefix;
static struct domain *open_line; /* whose unfinished line the terminal shows; NULL: none */

static struct domain *focus;
static char input[CONSOLE_INPUT];
static unsigned input_head, input_tail; /* free-running */

void console_set_prefix(bool on)
{
    prefix = on;
}

/* --- output --- */

static void end_open_line(void)
{
    if (open_line)
        arch_console_write("\n", 1);
    open_line = NULL;
}

static void emit_line(struct domain *d)
{
    struct domain_console *c = &d->console;
    char start[DOMAIN_NAME_MAX + 3];

    end_open_line();
    arch_console_write(start, format(start, sizeof(start), "[%s] ", d->name));
    arch_console_write(c->line, c->used);
    arch_console_write("\n", 1);
    c->used = 0;
}

/* As far as the first line that this ends; returns how much of the text that is. */
static size_t write_prefixed(struct domain *d, const char *text, size_t length)
{
    struct domain_console *c = &d->console;

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n' || c->used == CONSOLE_LINE) {
            emit_line(d);
            return text[i] == '\n' ? i + 1 : i;
        }
        if (text[i] != '\r')
            c->line[c->used++] = text[i];
    }
    return length;
}

/* Others are let in after each line: a line of output takes its time. */
static void domain_write(struct domain *d, const char *text, size_t length)
{
    while (length) {
        size_t done = length;

        while (!spin_trylock(&lock)) /* the terminal may be slow: others are let in meanwhile */
            cond_resched();
        if (prefix) {
            done = write_prefixed(d, text, length);
        } else {
            arch_console_write(text, length);
            open_line = text[length - 1] == '\n' ? NULL : d;
        }
        spin_unlock(&lock);
        text += done;
        length -= done;
        cond_resched();
    }
}

void console_break_lock(void)
{
    spin_unlock(&lock);
}

/* --- messages --- */

#define LOG_WINDOW_NS 1000000000ul
#define LOG_BURST     20u

static void tell_suppressed(struct domain *d)
{
    char line[CONSOLE_LINE];

    if (d->console.log_lines > LOG_BURST) {
        end_open_line();
        arch_console_write(line, format(line, sizeof(line),
                                        "(lamina) %s: %u more messages were suppressed\n", d->name,
                                        d->console.log_lines - LOG_BURST));
    }
    d->console.log_lines = 0;
}

/* Within a window of a second a domain may cause so many lines; the rest is counted. */
static bool may_log(struct domain *d)
{
    struct domain_console *c = &d->console;
    uint64_t now = arch_now_ns();

    if (now - c->log_window_ns >= LOG_WINDOW_NS || !c->log_window_ns) {
        tell_suppressed(d);
        c->log_window_ns = now;
    }
    return c->log_lines++ < LOG_BURST;
}

void guest_log(struct domain *d, const char *fmt, ...)
{
    char line[CONSOLE_LINE + DOMAIN_NAME_MAX];
    va_list args;
    size_t used;

    spin_lock(&lock);
    if (!d || may_log(d)) {
        used = format(line, sizeof(line), "(lamina) %s%s", d ? d->name : "", d ? ": " : "");
        va_start(args, fmt);
        vformat(line + used, sizeof(line) - used - 1, fmt, args);
        va_end(args);
        /* What it quotes of guests and boot modules can be anything. */
        for (used = 0; line[used]; used++)
            if (line[used] < ' ' || line[used] > '~')
                line[used] = '?';
        line[used++] = '\n';
        end_open_line();
        arch_console_write(line, used);
    }
    spin_unlock(&lock);
}

void console_domain_flush(struct domain *d)
{
    spin_lock(&lock);
    if (d->console.used)
        emit_line(d);
    if (open_line == d)
        end_open_line();
    tell_suppressed(d);
    spin_unlock(&lock);
}

/* --- the console ring --- */

/* Takes output off the ring before it writes it: another vCPU may ring meanwhile. The indices are
 * the guest's to change: each is read once, and no more is taken than the ring holds. */
static void ring_take_output(struct domain *d)
{
    struct xencons_interface *ring = d->console.ring;
    char chunk[64];
    unsigned n = sizeof(chunk);

    for (unsigned taken = 0; n && taken < sizeof(ring->out); taken += n) {
        uint32_t cons, prod;

        spin_lock(&lock);
        cons = READ_ONCE(ring->out_cons);
        prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
        n = MIN(prod - cons, (unsigned)sizeof(chunk));
        for (unsigned i = 0; i < n; i++)
            chunk[i] = READ_ONCE(ring->out[(cons + i) % sizeof(ring->out)]);
        __atomic_store_n(&ring->out_cons, cons + n, __ATOMIC_RELEASE);
        spin_unlock(&lock);
        domain_write(d, chunk, n);
    }
}

/* True if something was put on the ring. */
static bool give_input(struct domain *d)
{
    struct xencons_interface *ring;
    uint32_t prod = 0, start = 0, cons;

    spin_lock(&lock);
    ring = d->console.ring;
    if (focus == d && ring) {
        start = prod = READ_ONCE(ring->in_prod);
        cons = __atomic_load_n(&ring->in_cons, __ATOMIC_ACQUIRE);
        while (input_head != input_tail && prod - cons < sizeof(ring->in))
            WRITE_ONCE(ring->in[prod++ % sizeof(ring->in)], input[input_head++ % CONSOLE_INPUT]);
        __atomic_store_n(&ring->in_prod, prod, __ATOMIC_RELEASE);
    }
    spin_unlock(&lock);
    return prod != start;
}

void console_ring_event(struct domain *d)
{
    if (!d->console.ring)
        return;
    ring_take_output(d);
    give_input(d);
    evtchn_notify(d, d->console.port); /* there is room again */
}

/* --- input --- */

void console_replace_focus(const struct domain *from, struct domain *to)
{
    spin_lock(&lock);
    if (focus == from)
        focus = to;
    spin_unlock(&lock);
}

/* One that reads by console_io learns of it by VIRQ_CONSOLE, one that has a ring by its port. */
void console_input(char c)
{
    struct domain *d;

    spin_lock(&lock);
    d = focus;
    if (d && input_tail - input_head < CONSOLE_INPUT)
        input[input_tail++ % CONSOLE_INPUT] = c;
    spin_unlock(&lock);
    if (!d)
        return;
    if (d->privileges & PRIV_CONSOLE_READ)
        evtchn_raise_virq(d->vcpu[0], VIRQ_CONSOLE);
    else if (give_input(d))
        evtchn_notify(d, d->console.port);
}

/* --- hypercall --- */

static long console_write(struct domain *d, unsigned count, guest_ptr_t buffer)
{
    char chunk[128] = {0};

    if (!(d->privileges & PRIV_CONSOLE_WRITE))
        return -XEN_EPERM;
    while (count) {
        unsigned part = MIN(count, (unsigned)sizeof(chunk));

        if (!copy_from_guest(chunk, buffer, part))
            return -XEN_EFAULT;
        domain_write(d, chunk, part);
        buffer = guest_ptr_at(buffer, part);
        count -= part;
        if (!may_go_on())
            break;
    }
    return 0;
}

static long console_read(struct domain *d, unsigned count, guest_ptr_t buffer)
{
    char chunk[CONSOLE_INPUT] = {0};
    unsigned n = 0;

    if (!(d->privileges & PRIV_CONSOLE_READ))
        return -XEN_EPERM;
    spin_lock(&lock);
    while (focus == d && n < count && input_head != input_tail)
        chunk[n++] = input[input_head++ % CONSOLE_INPUT];
    spin_unlock(&lock);
    return copy_to_guest(buffer, chunk, n) ? (long)n : -XEN_EFAULT;
}

long do_console_io(uint32_t cmd, uint32_t count, guest_ptr_t buffer)
{
    struct domain *d = current->domain;

    if (!subop_exists(__HYPERVISOR_console_io, cmd))
        return -XEN_ENOSYS;
    return cmd == CONSOLEIO_write ? console_write(d, count, buffer)
                                  : console_read(d, count, buffer);
}
