#include "env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/hypercall.h"
#include "core/log.h"
#include "cpu/cpu.h"

unsigned nr_cpus = ENV_CPUS;
struct vcpu *env_current;
unsigned env_cpu;
struct domain *env_domain[ENV_DOMAINS + 1];
void (*env_race)(void);
void (*env_copied)(void *from, size_t bytes);
void (*env_resched)(void);
void (*env_held)(struct audit *a);
const char *env_finding = "";
unsigned env_flushes, env_log_lines, env_rescheds, env_own_lines;
char env_log[256];
const struct domain *env_log_of;
static struct abi_version abi;

static struct domain *ended[64];
static struct domain nobody = {.name = "idle"};
static struct vcpu idle = {.idle = true, .domain = &nobody};

/* --- the machine --- */

static void map_at(uint64_t address, size_t bytes)
{
    void *p = mmap((void *)address, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);

    if (p != (void *)address) {
        perror("mmap");
        exit(99);
    }
}

void env_init(void)
{
    if (frames_max)
        return;
    map_at(DIRECT_START, ENV_FRAMES * PAGE_SIZE);
    map_at(FRAME_TABLE_START, ENV_FRAMES * sizeof(struct frame));
    map_at(M2P_RW_START, ENV_FRAMES * 8);
    memset((void *)M2P_RW_START, 0xff, ENV_FRAMES * 8);
    for (unsigned i = L4_SLOT_FIRST_RESERVED; i <= L4_SLOT_LAST_RESERVED; i++)
        if (i != L4_SLOT_DOMAIN)
            paging_l4_template[i] = (uint64_t)i << 30 | PTE_PRESENT | PTE_RW;
    frames_max = ENV_FRAMES;
    /* A hole, as between the BIOS and the first megabyte. */
    frames_add_free(mfn(0), 100);
    frames_add_free(mfn(160), ENV_FRAMES - 160);
    env_current = &idle;
}

/* --- TLBs --- */

enum { SEEN_READ = 1, SEEN_WRITE = 2, SEEN_TABLE = 4 /* << level - 1 */, SEEN_DESCRIPTORS = 64 };
#define SEEN_ANY_TABLE (SEEN_TABLE * 15)

static struct {
    mfn_t l4;
    struct domain *d;
    uint8_t seen[ENV_FRAMES];   /* how the frame is reachable */
    uint32_t owner[ENV_FRAMES]; /* whose it was when it was seen */
} cpu_state[ENV_CPUS];

static void forget(unsigned cpu)
{
    memset(cpu_state[cpu].seen, 0, sizeof(cpu_state[cpu].seen));
}

void tlb_flush_local(void)
{
    uint64_t began = tlb_flush_begins();

    env_flushes++;
    forget(env_cpu);
    tlb_flush_done(env_cpu, began);
}

void tlb_flush(uint64_t mask)
{
    for (unsigned cpu = 0; cpu < ENV_CPUS; cpu++)
        if (mask & 1ul << cpu) {
            uint64_t began = tlb_flush_begins();

            env_flushes++;
            forget(cpu);
            tlb_flush_done(cpu, began);
        }
}

/* The worst that a processor may do: keep more than it must, never less. */
void tlb_flush_page_local(uint64_t va)
{
    (void)va;
}

void tlb_flush_page(uint64_t mask, uint64_t va)
{
    (void)mask, (void)va;
}

void cpu_load_cr3(mfn_t l4)
{
    uint64_t began = tlb_flush_begins();

    forget(env_cpu);
    cpu_state[env_cpu].l4 = l4;
    tlb_flush_done(env_cpu, began);
}

void cpu_load_gdt(uint64_t va)
{
    (void)va;
}

void cpu_load_own_gdt(void)
{
}

void cpu_load_ldt(uint64_t va, unsigned entries)
{
    (void)va, (void)entries;
}

mfn_t cpu_reserved_gdt_page(unsigned cpu)
{
    return mfn(100 + cpu);
}

static void saw(unsigned cpu, mfn_t m, unsigned how)
{
    cpu_state[cpu].seen[m.n] |= how;
    cpu_state[cpu].owner[m.n] = frame_at(m)->owner;
}

static void fill(unsigned cpu, mfn_t table, unsigned level)
{
    uint64_t *entry = frame_bytes(table);

    saw(cpu, table, SEEN_TABLE << (level - 1));
    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        mfn_t m = pte_frame(entry[i]);

        if (!(entry[i] & PTE_PRESENT) ||
            (level == 4 && i >= L4_SLOT_FIRST_RESERVED && i <= L4_SLOT_LAST_RESERVED))
            continue;
        if (level == 4 && mfn_equal(m, table)) /* shows the tables, which are seen already */
            continue;
        if (level > 1)
            fill(cpu, m, level - 1);
        else
            saw(cpu, m, entry[i] & PTE_RW ? SEEN_READ | SEEN_WRITE : SEEN_READ);
    }
}

void env_tlb_fill(unsigned cpu)
{
    const struct vcpu *v = NULL;

    for (unsigned i = 1; i <= ENV_DOMAINS; i++)
        if (env_domain[i] && env_domain[i]->arch.paging.tlb_cpus & 1ul << cpu)
            v = env_domain[i]->vcpu[0];
    if (!v)
        return;
    fill(cpu, cpu_state[cpu].l4, 4);
    for (unsigned i = 0; i < MAX_VCPUS && v->domain->vcpu[i]; i++)
        for (unsigned j = 0; j < AREA_PAGES_PER_VCPU; j++) {
            uint64_t entry = v->domain->vcpu[i]->arch.paging.area[j];

            if ((entry & PTE_PRESENT) && (entry & PTE_RW) && j != FIRST_RESERVED_GDT_PAGE)
                saw(cpu, pte_frame(entry), SEEN_DESCRIPTORS);
        }
}

bool env_tlb_wrong(void)
{
    for (unsigned cpu = 0; cpu < ENV_CPUS; cpu++)
        for (uint64_t n = 1; n < ENV_FRAMES; n++) {
            unsigned seen = cpu_state[cpu].seen[n];
            const struct frame *f = frame_at(mfn(n));
            enum frame_type type = USES_OF(f->type) ? TYPE_OF(f->type) : TYPE_NONE;
            const char *what = NULL;

            if (!seen)
                continue;
            if ((seen & SEEN_WRITE) && type >= TYPE_L1 && type <= TYPE_DESCRIPTOR)
                what = "can be written, but is a table";
            else if (seen >= SEEN_TABLE && type == TYPE_WRITABLE)
                what = "is used as a table, but can be written";
            else if ((seen & SEEN_ANY_TABLE) && type >= TYPE_L1 && type <= TYPE_L4 &&
                     !(seen & (SEEN_TABLE << (type - 1))))
                what = "is walked as a table of another level";
            else if (cpu_state[cpu].owner[n] != f->owner && f->owner)
                what = "belongs to another domain now";
            else if ((seen & SEEN_WRITE) && USES_OF(f->type) == 0 && frame_owner(f) &&
                     !(frame_owner(f)->arch.paging.tlb_cpus & 1ul << cpu))
                what = "can be written, and would not be flushed before it becomes a table";
            if (!what)
                continue;
            fprintf(stderr, "CPU %u: mfn %#lx %s\n", cpu, n, what);
            return true;
        }
    return false;
}

/* --- what paging/ needs of core/ --- */

struct vcpu *arch_current(void)
{
    return env_current;
}

unsigned arch_this_cpu(void)
{
    return env_cpu;
}

void env_run(struct vcpu *v)
{
    env_current = v;
    v->sched.cpu = env_cpu;
    paging_switch_to(v, true);
}

void env_idle(void)
{
    env_current = &idle;
    paging_switch_to(&idle, true);
}

void env_set_subops(bool all)
{
    memset(abi.subops, all ? 0xff : 0, sizeof(abi.subops));
}

void mutex_init(struct mutex *m)
{
    m->owner = 0;
}

void mutex_lock_contended(struct mutex *m)
{
    panic("nobody else runs, but the mutex is held by %#lx", m->owner);
}

void mutex_unlock_contended(struct mutex *m)
{
    panic("the mutex is held by %#lx", m->owner);
}

void cond_resched(void)
{
    env_rescheds++;
    if (env_resched)
        env_resched();
}

bool copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
    if (env_race)
        env_race();
    if (bytes == 0)
        return true;
    if (src.addr < PAGE_SIZE)
        return false;
    memcpy(dst, (const void *)src.addr, bytes);
    if (env_copied)
        env_copied((void *)src.addr, bytes);
    return true;
}

bool copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
    if (bytes == 0)
        return true;
    if (dst.addr < PAGE_SIZE)
        return false;
    memcpy((void *)dst.addr, src, bytes);
    return true;
}

void guest_log(struct domain *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (d) {
        env_log_of = d;
        vsnprintf(env_log, sizeof(env_log), fmt, args);
        env_log_lines++;
        if (getenv("ENV_VERBOSE"))
            fprintf(stderr, "%s: %s\n", d->name, env_log);
    } else {
        env_own_lines++;
        vfprintf(stderr, fmt, args);
        fputc('\n', stderr);
    }
    va_end(args);
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

/* --- domains --- */

struct domain *domain_get(uint16_t id)
{
    struct domain *d;

    if (id == DOMID_SELF)
        id = env_current->domain->id;
    d = id <= ENV_DOMAINS ? env_domain[id] : NULL;
    if (d)
        d->refs++;
    return d;
}

void domain_put(struct domain *d)
{
    ASSERT(d->refs > 0);
    d->refs--;
}

int domain_check_own(uint16_t id)
{
    struct domain *d = domain_get(id);

    if (!d)
        return -XEN_ESRCH;
    domain_put(d);
    return d == env_current->domain ? 0 : -XEN_EPERM;
}

struct domain *env_new_domain(unsigned nr_vcpus, uint64_t max_pages)
{
    struct domain *d = arch_alloc_pages(0);
    uint16_t id = 1;

    if (!d)
        return NULL;
    while (env_domain[id])
        id++;
    d->id = id;
    d->abi = &abi;
    env_set_subops(true);
    d->refs = 1;
    d->nr_vcpus = nr_vcpus;
    d->max_pages = max_pages;
    d->state = DOMAIN_RUNNING;
    snprintf(d->name, sizeof(d->name), "d%u", id);
    mutex_init(&d->page_lock);
    env_domain[id] = d;
    if (arch_domain_init(d)) {
        d->dying = true;
        env_destroy(d);
        return NULL;
    }
    for (unsigned i = 0; i < nr_vcpus; i++) {
        struct vcpu *v = arch_alloc_pages(0);

        if (!v) {
            env_destroy(d);
            return NULL;
        }
        v->domain = d;
        v->id = (uint16_t)i;
        d->vcpu[i] = v;
        paging_vcpu_init(v);
    }
    return d;
}

void env_destroy(struct domain *d)
{
    unsigned i = 0;

    d->dying = true;
    arch_domain_relinquish(d);
    env_domain[d->id] = NULL;
    d->refs--;
    while (ended[i])
        i++;
    ended[i] = d;
    env_reap();
}

unsigned env_reap(void)
{
    unsigned waiting = 0;

    for (unsigned i = 0; i < ARRAY_LEN(ended); i++) {
        struct domain *d = ended[i];

        if (!d)
            continue;
        if (d->refs > 0) {
            waiting++;
            continue;
        }
        arch_domain_free(d);
        for (unsigned j = 0; j < MAX_VCPUS; j++)
            if (d->vcpu[j])
                arch_free_pages(d->vcpu[j], 0);
        arch_free_pages(d, 0);
        ended[i] = NULL;
    }
    return waiting;
}

unsigned env_audit(void)
{
    static struct audit_count count[ENV_FRAMES];
    static struct audit a;

    memset(count, 0, sizeof(count));
    a = (struct audit){.count = count};
    for (unsigned i = 1; i <= ENV_DOMAINS; i++)
        if (env_domain[i])
            arch_audit_domain(&a, env_domain[i]);
    for (unsigned i = 0; i < ARRAY_LEN(ended); i++)
        if (ended[i])
            arch_audit_domain(&a, ended[i]);
    if (env_held)
        env_held(&a);
    arch_audit_frames(&a);
    env_finding = a.line[0];
    return a.findings;
}
