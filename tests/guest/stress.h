/* Event channels under stress: what the files of this guest share. stress.c says what it does. */
#ifndef STRESS_H
#define STRESS_H

#include "check.h"

#define DOMAINS      4u
#define VCPUS        4u
#define IPIS         64u   /* to each vCPU: a whole word of ports */
#define MAX_CHANNELS 8192u /* between two domains */
#define MAX_PORTS    32768u
#define MAX_ENDS     (VCPUS * IPIS + (DOMAINS - 1) * MAX_CHANNELS)
#define MS           1000000ul

#define LOAD(x)     __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, y) __atomic_store_n(&(x), y, __ATOMIC_SEQ_CST)
#define ADD(x, n)   __atomic_add_fetch(&(x), n, __ATOMIC_SEQ_CST)

/* What goes one way through a channel. A sender adds 1 to `begun`, sends, and adds 1 to `done`; the
 * receiver writes down what it read of `begun` after it took an event. */
struct lane {
    uint64_t begun, done, seen;
};

/* In a page that both domains of a pair have. [0] is the pair's first domain. */
struct channel {
    struct lane to[2];
    uint32_t port[2];  /* of each end */
    uint32_t arranger; /* not 0: one of them closes its end and binds anew */
    uint32_t pad;
};
#define CHANNELS_PER_PAGE (LM_PAGE_SIZE / sizeof(struct channel))

#define PLACING (1ul << 62) /* later than all times */

/* One of our ports. Once it is open, only vCPU `vcpu` closes or moves it, and only under
 * `arranging`. */
struct end {
    struct lane *in, *out;   /* the same of an IPI */
    struct channel *channel; /* NULL: an IPI */
    struct pair *pair;
    unsigned number; /* in its pair, or among the IPIs */
    unsigned vcpu;
    uint32_t port;  /* 0: closed */
    uint32_t users; /* who sends on it, or takes its events, at this moment */
    uint32_t taking;
    /* A port that is bound is pending at once: as if we had sent to ourselves. */
    uint64_t marks_begun, marks_done, marks_seen;
    uint64_t unmasks_begun, unmasks_done;
    uint64_t done_before; /* sends and marks that were over when the last event was taken */
    uint64_t deliveries;
    uint64_t moved_at; /* PLACING, or when its vCPU or priority was last changed */
    /* The watchdog's: so often it found, at different times, that nothing was seen since. */
    uint64_t watched_seen, watched_at;
    unsigned visits;
};

/* The first page that a pair shares: the first domain owns it, and those that it names. */
enum phase { RUNNING, QUIET, DONE };
struct directory {
    uint32_t ready; /* 1: the first domain has its ports; 2: the second too */
    uint32_t phase[2];
    uint32_t hurry[2]; /* who found something */
    uint32_t reference[(LM_PAGE_SIZE - 20) / 4];
};

struct pair {
    char name[3];
    unsigned side; /* ours */
    uint16_t peer;
    struct directory *directory;
    struct end *ends;
};

enum finding { LOST, DUPLICATE, WRONG_VCPU, WRONG_PRIORITY, NOT_WOKEN, REFUSED, FINDINGS };

/* Mistakes that this guest makes, to be found out. */
enum fault {
    NO_FAULT,
    LOST_SEND,
    LOST_UNMASK,
    LOST_UPCALL,
    NOT_MOVED,
    FOREIGN,
    TAKEN_TWICE,
    LEFT_ASLEEP,
    BAD_CALL,
    LOST_LINK,
    NOT_LINKED,
    NOT_RANKED,
    FAULTS
};

extern struct options {
    unsigned self; /* 0: domain "a" */
    uint64_t seconds, seed;
    uint64_t channels; /* between two domains */
    uint64_t patience; /* ms after which something counts as lost */
    enum fault fault;
    enum finding wanted; /* as what the fault is to be found */
} options;

enum waiting { NOT_WAITING, BLOCKED, POLLING };
#define POLLED 4u

/* A vCPU of ours. */
struct worker {
    unsigned id;
    uint64_t random;
    struct end *held[8]; /* those that it masked */
    unsigned nr_held;
    struct end *closed; /* the one that it closed */
    uint32_t waiting;   /* enum waiting */
    uint64_t waiting_since, deadline;
    struct end *polled[POLLED];
    unsigned nr_polled, visits;
    uint32_t wants_ring; /* it polls for its first IPI, and nothing else will wake it soon */
    uint64_t visited_at, visited_since;
    uint64_t scans; /* so often it looked for events */
    uint32_t parked;
    uint64_t sends, upcalls, events, masks, moves, priorities, closes, blocks, polls;
};
extern struct worker workers[VCPUS];

extern struct pair pairs[DOMAINS - 1];
extern struct end ends[MAX_ENDS];
extern unsigned nr_ends;

/* Whose a port is; NULL: nobody's. */
extern struct end *by_port[MAX_PORTS];

/* --- stress.c --- */

/* The same for the same seed, but for when things happen. Below `below`. */
uint64_t choose(struct worker *w, uint64_t below);
/* Whether to make that mistake now. */
bool faulty(struct worker *w, enum fault fault);
/* In an upcall, or by a poller: takes the end's event if there is one. */
void receive(struct worker *w, struct end *e);
/* The same for a port whose event was found on this vCPU, if that is still the end's. */
void receive_port(struct worker *w, struct end *e, uint32_t port);
void send_on(struct worker *w, struct end *e);
/* By hypercall, or by hand with a hypercall where one is needed. */
void unmask_end(struct worker *w, struct end *e);
/* A millisecond, in which nothing wakes a vCPU with upcalls masked. */
void nap(void);

/* --- stress_2level.c, stress_fifo.c: all that depends on how pending events are found --- */

struct receiver {
    const char *name;
    uint32_t ports; /* of a domain */
    void (*init)(void);
    /* The vCPU that is to have the new port's events. */
    unsigned (*vcpu_for)(struct worker *w, uint32_t port);
    /* The new port, which is masked, has that vCPU. */
    void (*opened)(struct worker *w, uint32_t port);
    /* Takes the worker's events: receive_port for each. */
    void (*scan)(struct worker *w);
    bool (*is_pending)(uint32_t port);
    bool (*is_masked)(uint32_t port);
    /* To make mistakes: without telling anybody. */
    void (*set_pending)(uint32_t port);
    void (*clear_masked)(uint32_t port);
    /* That the worker, whose upcalls are masked, was told of all that it should have been told of.
     */
    void (*check_told)(const struct worker *w);
    /* Moves what must move together, all of it this worker's, by move_end; or changes a priority.
     */
    void (*move)(struct worker *w);
    void (*show)(uint32_t port, unsigned vcpu, char *text, size_t size);
};
extern const struct receiver *receiver, receiver_2level, receiver_fifo;

/* --- stress_ends.c: binding, closing, moving --- */

void setup(void);
/* `arranging` is held from here on, and the worker has upcalls unmasked. */
bool try_arranging(void);
void start_arranging(void);
void stop_arranging(void);
void move_end(struct worker *w, struct end *e, unsigned vcpu);
/* Opens what it closed, closes another. */
void reopen(struct worker *w);
void close_one(struct worker *w);
/* One of the worker's that can be closed and moved; NULL: none was found. */
struct end *own_end(struct worker *w);

/* --- stress_watch.c: what must not happen --- */

extern uint64_t found[FINDINGS];

/* Prints the first few, counts all, and has every domain come to its end soon: with a fault, when
 * each has found that. */
void find(enum finding what, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
/* The same, with everything about that end. */
void find_end(enum finding what, const struct end *e, const char *why);
/* Looks at everything, if it is time. Not in upcalls. */
void watch(void);
/* Sends, binds and unmaskings that were over, or were begun. If both are the same, and the second
 * was called later, there were none in between. */
uint64_t all_done(const struct end *e);
uint64_t all_begun(const struct end *e);
/* Whether an event of this end is on its way. */
bool is_unseen(const struct end *e);
/* How the hypervisor sees an end that nobody moves now. */
void check_status(const struct end *e);

#endif
