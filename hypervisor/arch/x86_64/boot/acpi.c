#include "boot/boot.h"
#include "core/log.h"
#include "cpu/layout.h"
#include "lib/string.h"

/* Tables are bytes to us, at places that need not be aligned. Offsets in them are written where
 * they are used, which is once; these occur more often. */
#define RSDP_BYTES  20 /* of revision 0 */
#define TABLE_BYTES 36
#define LENGTH_MAX  0x10000u /* no table that is read here comes near it */
#define MADT_BYTES  44
#define NO_APIC     255u /* the broadcast address */
#define FADT_TIMER  76
#define HPET_BASE   44
#define HPET_SIZE   1024 /* of the registers */

#define FADT_HW_REDUCED (1u << 20)

static uint64_t get(const uint8_t *p, unsigned bytes)
{
    uint64_t n = 0;

    memcpy(&n, p, bytes);
    return n;
}

static const uint8_t *at(uint64_t pa, uint64_t bytes)
{
    return pa < BOOT_LIMIT && bytes <= BOOT_LIMIT - pa ? (const uint8_t *)(DIRECT_START + pa)
                                                       : NULL;
}

static bool sum_is_right(const uint8_t *p, size_t bytes)
{
    uint8_t sum = 0;

    while (bytes--)
        sum += *p++;
    return !sum;
}

static uint32_t length_of(const uint8_t *table)
{
    return (uint32_t)get(table + 4, 4);
}

/* The table at pa if it has this signature, at least so many bytes and the right sum. */
static const uint8_t *table_at(uint64_t pa, const char *signature, uint32_t bytes)
{
    const uint8_t *t = at(pa, TABLE_BYTES);

    if (!t || memcmp(t, signature, 4) != 0)
        return NULL;
    if (length_of(t) >= bytes && length_of(t) <= LENGTH_MAX && at(pa, length_of(t)) &&
        sum_is_right(t, length_of(t)))
        return t;
    log_line("ACPI table %s at %#lx: its length, %u, or its checksum is wrong; ignored", signature,
             pa, length_of(t));
    return NULL;
}

static const uint8_t *find_rsdp(uint64_t pa, uint64_t end)
{
    for (; pa < end; pa += 16)
        if (!memcmp(at(pa, RSDP_BYTES), "RSD PTR ", 8) &&
            sum_is_right(at(pa, RSDP_BYTES), RSDP_BYTES))
            return at(pa, RSDP_BYTES);
    return NULL;
}

static void add_cpu(struct acpi_info *info, uint32_t id, bool enabled)
{
    if (!enabled || id == NO_APIC)
        return;
    for (unsigned i = 0; i < info->nr_cpus; i++)
        if (info->apic_id[i] == id)
            return;
    if (id > NO_APIC || info->nr_cpus == MAX_CPUS)
        info->nr_refused++;
    else
        info->apic_id[info->nr_cpus++] = id;
}

static void read_madt(struct acpi_info *info, const uint8_t *e, size_t left)
{
    for (unsigned bytes; left >= 2; e += bytes, left -= bytes) {
        bytes = e[1];
        if (bytes < 2 || bytes > left) {
            log_line("ACPI table APIC: an entry of %u bytes; it and the rest ignored", bytes);
            return;
        }
        if (e[0] == 0 && bytes >= 8) /* local APIC */
            add_cpu(info, e[3], e[4] & 1);
        if (e[0] == 9 && bytes >= 16) /* local x2APIC */
            add_cpu(info, (uint32_t)get(e + 4, 4), e[8] & 1);
    }
}

static void read_table(struct acpi_info *info, uint64_t pa)
{
    const uint8_t *t = table_at(pa, "APIC", MADT_BYTES);

    if (t)
        read_madt(info, t + MADT_BYTES, length_of(t) - MADT_BYTES);
    t = table_at(pa, "FACP", 116);
    if (t && t[91] == 4 && !(get(t + 112, 4) & FADT_HW_REDUCED) && get(t + FADT_TIMER, 4) <= 0xfffc)
        info->pm_timer = (uint16_t)get(t + FADT_TIMER, 2);
    t = table_at(pa, "HPET", 56);
    if (t && !t[40] && at(get(t + HPET_BASE, 8), HPET_SIZE) &&
        get(t + HPET_BASE, 8) % HPET_SIZE == 0)
        info->hpet = get(t + HPET_BASE, 8);
}

void acpi_read(struct acpi_info *info)
{
    uint64_t ebda = get(at(0x40e, 2), 2) * 16;
    const uint8_t *rsdp = find_rsdp(ebda, ebda + 1024), *root = NULL;
    unsigned element = 8;

    *info = (struct acpi_info){0};
    if (!rsdp)
        rsdp = find_rsdp(0xe0000, 0x100000);
    if (!rsdp)
        return;
    if (rsdp[15] >= 2)
        root = table_at(get(rsdp + 24, 8), "XSDT", TABLE_BYTES);
    if (!root) {
        element = 4;
        root = table_at(get(rsdp + 16, 4), "RSDT", TABLE_BYTES);
    }
    if (!root)
        log_line("ACPI: neither an XSDT nor an RSDT is where it should be");
    for (uint32_t i = TABLE_BYTES; root && i + element <= length_of(root); i += element)
        read_table(info, get(root + i, element));
    if (info->nr_refused)
        log_line("%u CPUs more than the %u that can be used", info->nr_refused, info->nr_cpus);
}
