#include "boot/boot.h"
#include "core/log.h"
#include "cpu/layout.h"

#define MULTIBOOT_MAGIC 0x2badb002u

#define HAS_MODULES 0x08u
#define HAS_MMAP    0x40u

struct multiboot_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4],
        mmap_length, mmap_addr;
};

struct multiboot_module {
    uint32_t start, end, string, reserved;
};

struct multiboot_mmap {
    uint32_t size; /* of what follows */
    uint64_t base, length;
    uint32_t type;
} __attribute__((packed));

#define MMAP_RAM 1

static const void *at(uint32_t physical)
{
    return (const void *)(DIRECT_START + physical);
}

static void add_ram(struct boot_info *info, uint64_t start, uint64_t end)
{
    start = round_up(start, PAGE_SIZE);
    end = MIN(end, DIRECT_END - DIRECT_START) & PAGE_MASK;
    for (unsigned i = 0; i < info->nr_ram; i++)
        if (start < info->ram[i].end && end > info->ram[i].start)
            return; /* overlaps what we have: the first mention counts */
    if (start >= end || info->nr_ram == BOOT_RANGES_MAX)
        return;
    info->ram[info->nr_ram++] = (struct range){start, end};
    info->ram_bytes += end - start;
    info->ram_end = MAX(info->ram_end, end);
}

void multiboot_read(struct boot_info *info, uint32_t magic, uint32_t info_address)
{
    const struct multiboot_info *mb = at(info_address);

    if (magic != MULTIBOOT_MAGIC)
        panic("not started by a multiboot 1 loader");
    if (!(mb->flags & HAS_MMAP))
        panic("the loader gave no memory map");
    for (uint32_t offset = 0; offset + sizeof(struct multiboot_mmap) <= mb->mmap_length;) {
        const struct multiboot_mmap *m = at(mb->mmap_addr + offset);

        if (m->type == MMAP_RAM && m->base + m->length > m->base)
            add_ram(info, m->base, m->base + m->length);
        offset += m->size + sizeof(m->size);
    }
    if (mb->flags & HAS_MODULES && mb->mods_count) {
        const struct multiboot_module *mod = at(mb->mods_addr);

        info->module = (struct range){mod->start, MAX(mod->start, mod->end)};
    }
}
