/* ACPI tables as firmware leaves them, well-formed and broken, in 4 GiB that end at the last byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "boot/boot.h"
#include "cpu/layout.h"
#include "tests/unit/config/log_capture.h"

#define LIMIT (4ul << 30)

#define EBDA 0x9fc00u
#define BIOS 0xf5a40u
#define RSDT 0x7fe1000u
#define XSDT 0x7fe2001u /* nothing says that tables are aligned */
#define MADT 0x7fe3003u
#define FADT 0x7fe4002u
#define HPET 0x7fe5001u

static struct acpi_info info;
static uint32_t madt_end;

static uint8_t *mem(uint64_t pa)
{
    return (uint8_t *)DIRECT_START + pa;
}

static void put(uint64_t pa, uint64_t value, unsigned bytes)
{
    memcpy(mem(pa), &value, bytes);
}

static void fix_sum(uint64_t pa, unsigned bytes, unsigned at)
{
    uint8_t sum = 0;

    *mem(pa + at) = 0;
    for (unsigned i = 0; i < bytes; i++)
        sum += *mem(pa + i);
    *mem(pa + at) = (uint8_t)-sum;
}

static void table(uint64_t pa, const char *signature, uint32_t bytes)
{
    memcpy(mem(pa), signature, 4);
    put(pa + 4, bytes, 4);
    fix_sum(pa, bytes, 9);
}

static void rsdp(uint64_t pa, unsigned revision)
{
    memcpy(mem(pa), "RSD PTR ", 8);
    *mem(pa + 15) = (uint8_t)revision;
    put(pa + 16, RSDT, 4);
    put(pa + 20, 36, 4);
    put(pa + 24, XSDT, 8);
    fix_sum(pa, 20, 8);
    fix_sum(pa, 36, 32);
}

static void root(uint64_t pa, const char *signature, unsigned element, const uint64_t *list,
                 unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        put(pa + 36 + i * element, list[i], element);
    table(pa, signature, 36 + n * element);
}

static void add_apic(unsigned id, unsigned flags)
{
    put(madt_end, 0 | 8 << 8, 2);
    *mem(madt_end + 3) = (uint8_t)id;
    put(madt_end + 4, flags, 4);
    madt_end += 8;
    table(MADT, "APIC", madt_end - MADT);
}

static void add_x2apic(uint32_t id, unsigned flags)
{
    put(madt_end, 9 | 16 << 8, 2);
    put(madt_end + 4, id, 4);
    put(madt_end + 8, flags, 4);
    madt_end += 16;
    table(MADT, "APIC", madt_end - MADT);
}

static void fadt(uint64_t port, unsigned bytes, unsigned flags)
{
    put(FADT + 76, port, 4);
    *mem(FADT + 91) = (uint8_t)bytes;
    put(FADT + 112, flags, 4);
    table(FADT, "FACP", 244);
}

static void hpet(unsigned space, uint64_t base)
{
    put(HPET + 40, space, 1);
    put(HPET + 44, base, 8);
    table(HPET, "HPET", 56);
}

/* A machine with two CPUs and all timers. */
static int reset(void **state)
{
    static const uint64_t tables[] = {FADT, MADT, HPET};

    (void)state;
    madvise(mem(0), LIMIT, MADV_DONTNEED);
    rsdp(BIOS, 0);
    root(RSDT, "RSDT", 4, tables, 3);
    root(XSDT, "XSDT", 8, tables, 3);
    madt_end = MADT + 44;
    add_apic(3, 1);
    add_apic(0, 1);
    fadt(0x608, 4, 1 << 8);
    hpet(0, 0xfed00000);
    log_reset();
    return 0;
}

static void read_again(void)
{
    memset(&info, 0xff, sizeof(info));
    acpi_read(&info);
}

static void assert_nothing(void)
{
    static const struct acpi_info nothing;

    read_again();
    assert_memory_equal(&info, &nothing, sizeof(info));
}

static void assert_all(void)
{
    read_again();
    assert_int_equal(info.nr_cpus, 2);
    assert_int_equal(info.apic_id[0], 3);
    assert_int_equal(info.apic_id[1], 0);
    assert_int_equal(info.nr_refused, 0);
    assert_int_equal(info.hpet, 0xfed00000);
    assert_int_equal(info.pm_timer, 0x608);
}

static void finds_the_rsdp(void **state)
{
    static const uint32_t places[] = {EBDA, EBDA + 1008, 0xe0000, 0xffff0, 0xfffe0};

    (void)state;
    assert_all();
    put(0x40e, EBDA >> 4, 2);
    for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
        memset(mem(0x90000), 0, 0x80000);
        rsdp(places[i], 0);
        assert_all();
        *mem(places[i] + 9) ^= 1; /* its checksum is wrong */
        assert_nothing();
    }
    rsdp(0xf5a48, 0); /* not at a sixteenth byte */
    assert_nothing();
    put(0x40e, 0xffff, 2);
    assert_nothing();
    assert_silent();
}

static void prefers_the_xsdt(void **state)
{
    (void)state;
    rsdp(BIOS, 2);
    memset(mem(RSDT), 0, 64);
    assert_all();
    reset(NULL);
    memset(mem(XSDT), 0, 64); /* revision 0: there is none */
    assert_all();
    rsdp(BIOS, 2);
    assert_all();
    assert_silent();
    table(XSDT, "XSDT", 60);
    *mem(XSDT + 9) += 1;
    assert_all();
    assert_logged(
        "ACPI table XSDT at 0x7fe2001: its length, 60, or its checksum is wrong; ignored");
    put(BIOS + 24, 0xfffffffffffffff0,
        8); /* beyond all memory, after a wrong sum and a right one */
    assert_all();
    fix_sum(BIOS, 36, 32);
    assert_all();
    assert_silent();
    put(BIOS + 16, 0xfffffff0, 4);
    fix_sum(BIOS, 20, 8);
    assert_nothing();
    assert_logged("ACPI: neither an XSDT nor an RSDT is where it should be");
}

static void lists_may_name_anything(void **state)
{
    const uint64_t list[] = {0, LIMIT - 1, LIMIT, ~0ul, LIMIT - 35, XSDT, HPET, MADT, FADT, MADT};

    (void)state;
    rsdp(BIOS, 2);
    root(XSDT, "XSDT", 8, list, ARRAY_LEN(list));
    assert_all();
    table(XSDT, "XSDT", 36 + sizeof(list) - 8 + 7); /* the last one is cut off */
    assert_all();
    table(XSDT, "XSDT", 36);
    assert_nothing();
    assert_silent();
    for (uint32_t length = 0; length < 36; length++) {
        put(XSDT + 4, length, 4);
        memset(mem(RSDT), 0, 4);
        assert_nothing();
    }
    assert_int_equal(log_lines, 72);
}

/* Whatever length a table says it has, with a sum that is right for it. */
static void lengths_are_checked(void **state)
{
    static const uint32_t lengths[] = {0, 1, 9, 35, 43, 55, 0x10001, 0x7fffffff, 0xfffffff0, ~0u};
    static const uint32_t places[] = {MADT, FADT, HPET};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++)
        for (unsigned j = 0; j < ARRAY_LEN(places); j++) {
            reset(NULL);
            put(places[j] + 4, lengths[i], 4);
            fix_sum(places[j], MIN(lengths[i], 0x20000u), 9);
            read_again();
            assert_int_equal(info.nr_cpus, places[j] != MADT ? 2 : lengths[i] == 55 ? 1 : 0);
            assert_int_equal(info.pm_timer, places[j] == FADT ? 0 : 0x608);
            assert_int_equal(info.hpet, places[j] == HPET ? 0 : 0xfed00000);
            assert_int_equal(log_lines, 1);
        }
}

/* At the end of what is mapped. */
static void tables_end_in_time(void **state)
{
    const uint64_t list[] = {LIMIT - 56};

    (void)state;
    root(RSDT, "RSDT", 4, list, 1);
    memcpy(mem(LIMIT - 56), mem(HPET), 56);
    read_again();
    assert_int_equal(info.hpet, 0xfed00000);
    put(LIMIT - 52, 57, 4);
    fix_sum(LIMIT - 56, 56, 9);
    assert_nothing();
    assert_logged(
        "ACPI table HPET at 0xffffffc8: its length, 57, or its checksum is wrong; ignored");
}

static void madt_entries_are_checked(void **state)
{
    (void)state;
    add_apic(7, 2); /* could be enabled later: not ours */
    add_apic(255, 1);
    add_apic(3, 1);
    add_x2apic(9, 1);
    add_x2apic(10, 0);
    add_x2apic(9, 3);
    add_apic(9, 1);
    read_again();
    assert_int_equal(info.nr_cpus, 3);
    assert_int_equal(info.apic_id[2], 9);
    assert_silent();

    add_apic(11, 1);
    *mem(madt_end - 7) = 4; /* too short, and the rest of it a type 11 of 1 byte */
    *mem(madt_end - 4) = 11;
    *mem(madt_end - 3) = 1;
    add_apic(12, 1);
    read_again();
    assert_int_equal(info.nr_cpus, 3);
    assert_logged("ACPI table APIC: an entry of 1 bytes; it and the rest ignored");
}

static void broken_madt_entries_end_it(void **state)
{
    static const uint8_t lengths[] = {0, 1, 9, 255};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
        reset(NULL);
        add_apic(4, 1);
        *mem(madt_end - 7) = lengths[i];
        table(MADT, "APIC", madt_end - MADT);
        assert_all();
        assert_int_equal(log_lines, 1);
        assert_non_null(strstr(log_text, "ACPI table APIC: an entry of"));
    }
    reset(NULL);
    table(MADT, "APIC", ++madt_end - MADT); /* half a header */
    assert_all();
    assert_silent();
}

static void more_cpus_than_can_be_used(void **state)
{
    (void)state;
    add_x2apic(255, 1);
    add_x2apic(256, 1);
    for (unsigned id = 10; id < 73; id++)
        add_apic(id, 1);
    read_again();
    assert_int_equal(info.nr_cpus, MAX_CPUS);
    assert_int_equal(info.apic_id[MAX_CPUS - 1], 71);
    assert_int_equal(info.nr_refused, 2);
    assert_logged("2 CPUs more than the 64 that can be used");
}

static void timers_are_checked(void **state)
{
    (void)state;
    fadt(0x608, 4, 0);
    read_again();
    assert_int_equal(info.pm_timer, 0x608);
    fadt(0x608, 4, 1 << 20); /* hardware-reduced: there is none */
    read_again();
    assert_int_equal(info.pm_timer, 0);
    fadt(0x608, 0, 0);
    read_again();
    assert_int_equal(info.pm_timer, 0);
    fadt(0x10008, 4, 0);
    read_again();
    assert_int_equal(info.pm_timer, 0);

    hpet(1, 0x1000); /* a port */
    read_again();
    assert_int_equal(info.hpet, 0);
    hpet(0, LIMIT);
    read_again();
    assert_int_equal(info.hpet, 0);
    hpet(0, 0xfed00004);
    read_again();
    assert_int_equal(info.hpet, 0);
    assert_silent();
}

/* Any change of some bytes, with sums that fit or do not: no access out of bounds. */
static void noise(void **state)
{
    static const uint32_t places[] = {BIOS, RSDT, XSDT, MADT, FADT, HPET};

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        if (round % 8 == 0) {
            reset(NULL);
            rsdp(BIOS, (unsigned)rand() % 3);
        }
        for (unsigned n = 1 + (unsigned)rand() % 3; n; n--) {
            uint32_t pa = places[rand() % 6];

            *mem(pa + (unsigned)rand() % 70) = (uint8_t)rand();
            if (rand() % 4)
                fix_sum(pa, pa == BIOS ? 20 : MIN(*(uint32_t *)mem(RSDT + 4), 0x10000u),
                        pa == BIOS ? 8 : 9);
        }
        log_reset();
        read_again();
        assert_in_range(info.nr_cpus, 0, MAX_CPUS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(finds_the_rsdp, reset),
        cmocka_unit_test_setup(prefers_the_xsdt, reset),
        cmocka_unit_test_setup(lists_may_name_anything, reset),
        cmocka_unit_test_setup(lengths_are_checked, reset),
        cmocka_unit_test_setup(tables_end_in_time, reset),
        cmocka_unit_test_setup(madt_entries_are_checked, reset),
        cmocka_unit_test_setup(broken_madt_entries_end_it, reset),
        cmocka_unit_test_setup(more_cpus_than_can_be_used, reset),
        cmocka_unit_test_setup(timers_are_checked, reset),
        cmocka_unit_test_setup(noise, reset),
    };

    /* What follows it faults. */
    if (mmap(mem(0), LIMIT, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0) != mem(0))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
