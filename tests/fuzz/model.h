/* What paging/ must answer and keep, written as simply as possible: counts in an array, no locks,
 * no fast paths; a change that fails half-way is undone by going back to a copy. Contents of frames
 * are read where they are, with what the current operation writes on top. */
#ifndef MODEL_H
#define MODEL_H

#include "env.h"

#define MODEL_VCPUS 2
#define MODEL_NONE  (~0ul) /* no frame */

struct model_frame {
    uint32_t refs, uses;
    uint8_t owner; /* domain id; 0: nobody */
    uint8_t type;  /* enum frame_type, if it has uses */
    bool pinned, allocated, shared;
};

struct model_vcpu {
    uint64_t kernel, user; /* frame numbers or MODEL_NONE */
    uint64_t gdt[FIRST_RESERVED_GDT_PAGE], ldt[16];
    uint64_t ldt_base;
    uint32_t ldt_entries;
};

struct model {
    struct model_frame f[ENV_FRAMES];
    struct model_vcpu v[ENV_DOMAINS + 1][MODEL_VCPUS];
    bool dead[ENV_DOMAINS + 1];
    struct {
        uint64_t frame, slot, value;
    } written[64]; /* by the current operation */
    unsigned nr_written;
};

extern struct model model;

uint64_t model_read(uint64_t frame, uint64_t slot);
void model_write(uint64_t frame, uint64_t slot, uint64_t value);

/* --- references and uses; false: refused --- */
bool model_ref(uint64_t frame, unsigned owner);
void model_unref(uint64_t frame);
bool model_use_writable(uint64_t frame);
void model_unuse(uint64_t frame);

/* --- tables and descriptor pages; 0 or -errno. On failure nothing has changed. --- */
int model_table_get(unsigned d, uint64_t frame, enum frame_type type);
void model_table_put(uint64_t frame);
int model_pin(unsigned d, uint64_t frame, enum frame_type type);
int model_unpin(unsigned d, uint64_t frame);
bool model_descriptor_ok(uint64_t value);

/* --- entries --- */
int model_update(unsigned tables, unsigned from, uint64_t frame, uint64_t slot, uint64_t value,
                 bool preserve_ad);
/* The L1 entry for an address; false: none. */
bool model_walk(uint64_t l4, uint64_t va, uint64_t *frame, uint64_t *slot);
void model_put_entry(uint64_t entry);

/* --- vCPUs and domains --- */
int model_new_table(unsigned d, struct model_vcpu *v, uint64_t frame, bool user);
int model_set_gdt(unsigned d, struct model_vcpu *v, const uint64_t *frames, unsigned pages);
void model_ldt_unmap(struct model_vcpu *v);
void model_destroy(unsigned d);

/* Starts from what is there now. */
void model_adopt(unsigned d);
/* Whether model and hypervisor agree on every frame; says where they do not. */
bool model_agrees(void);

#endif
