#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/xen.h"
#include "core/image.h"
#include "tests/unit/config/log_capture.h"
#include "tests/unit/image/fixture.h"

/* --- what is right --- */

static void test_plain(void **state)
{
    struct image_segment seg;
    unsigned cursor = 0;

    (void)state;
    assert_true(parse());
    assert_silent();
    assert_true(img.virt_base == MAKER_BASE);
    assert_true(img.virt_start == MAKER_BASE + 0x1000000);
    assert_true(img.virt_end == MAKER_BASE + 0x1104000);
    assert_true(img.entry == MAKER_BASE + 0x1000010);
    assert_true(img.hypercall_page == MAKER_BASE + 0x1001000);
    assert_true(img.init_p2m == NO_ADDRESS);
    assert_false(img.ramdisk_by_pfn);
    assert_int_equal(img.abi_version, 0);
    assert_string_equal(img.guest_os, "test");

    assert_true(image_next_segment(&img, &cursor, &seg));
    assert_true(seg.virt == MAKER_BASE + 0x1000000);
    assert_int_equal(seg.file_bytes, 0x2000);
    assert_int_equal(seg.mem_bytes, 0x2000);
    assert_true(image_next_segment(&img, &cursor, &seg));
    assert_true(seg.virt == MAKER_BASE + 0x1100000);
    assert_int_equal(seg.file_bytes, 0x1000);
    assert_int_equal(seg.mem_bytes, 0x4000);
    assert_ptr_equal(file + seg.offset + seg.file_bytes, file + file_size);
    assert_false(image_next_segment(&img, &cursor, &seg));
}

static void test_all_notes(void **state)
{
    const uint32_t version = 1;

    (void)state;
    maker_note_number(&m, XEN_ELFNOTE_ENTRY, MAKER_BASE + 0x1000020);
    maker_note_number(&m, XEN_ELFNOTE_PADDR_OFFSET, 0);
    maker_note_number(&m, XEN_ELFNOTE_INIT_P2M, 0x8000000000);
    maker_note_number(&m, XEN_ELFNOTE_MOD_START_PFN, 1);
    maker_note_number(&m, XEN_ELFNOTE_HV_START_LOW, HYPERVISOR_VIRT_START);
    maker_note_number(&m, XEN_ELFNOTE_SUSPEND_CANCEL, 1);
    maker_note_number(&m, XEN_ELFNOTE_SUPPORTED_FEATURES, 0x801);
    maker_note(&m, "Xen", XEN_ELFNOTE_L1_MFN_VALID, "0123456789abcdef", 16);
    maker_note(&m, "Xen", XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb", 41);
    maker_note_string(&m, XEN_ELFNOTE_PAE_MODE, "yes");
    maker_note(&m, "Xen", 999, "new", 3);
    maker_note(&m, "GNU", XEN_ELFNOTE_ENTRY, "another's", 9);
    maker_note(&m, LAMINA_ELFNOTE_OWNER, LAMINA_ELFNOTE_ABI_VERSION, &version, sizeof(version));
    assert_true(parse());
    assert_silent();
    assert_true(img.entry == MAKER_BASE + 0x1000020);
    assert_true(img.init_p2m == 0x8000000000);
    assert_true(img.ramdisk_by_pfn);
    assert_int_equal(img.abi_version, 1);
}

/* Without VIRT_BASE everything is where p_paddr says. */
static void test_no_virt_base(void **state)
{
    (void)state;
    replace_notes();
    m.header.e_entry = 0x1000010;
    assert_true(parse());
    assert_true(img.virt_base == 0);
    assert_true(img.virt_start == 0x1000000);
    assert_true(img.hypercall_page == NO_ADDRESS);
}

/* Old kernels put virtual addresses into p_paddr, and say so. */
static void test_paddr_offset(void **state)
{
    (void)state;
    m.segment[0].p_paddr += MAKER_BASE;
    m.segment[1].p_paddr += MAKER_BASE;
    maker_note_number(&m, XEN_ELFNOTE_PADDR_OFFSET, MAKER_BASE);
    assert_true(parse());
    assert_true(img.virt_start == MAKER_BASE + 0x1000000);
}

static void test_linux_without_loader(void **state)
{
    (void)state;
    m.notes_size = 0;
    maker_note_string(&m, XEN_ELFNOTE_XEN_VERSION, "xen-3.0-x86_64");
    maker_note_string(&m, XEN_ELFNOTE_GUEST_OS, "linux");
    maker_note_number(&m, XEN_ELFNOTE_VIRT_BASE, MAKER_BASE);
    assert_true(parse());
}

static void test_note_sections(void **state)
{
    (void)state;
    m.note.p_type = PT_NULL;
    assert_refused(
        "/domains/a: kernel: has no notes of owner \"Xen\": expected those of a PV kernel");
    m.section.sh_type = SHT_NOTE;
    assert_true(parse());
    assert_true(img.virt_base == MAKER_BASE);
}

/* --- what is wrong --- */

static void test_not_elf(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *line;
    } cases[] = {
        {"", 0, "/domains/a: kernel: is empty: expected a 64-bit ELF file"},
        {"\x7f", 1,
         "/domains/a: kernel: is not ELF: begins with 7f 00 00 00: expected 7f 45 4c 46"},
        {"hello", 5,
         "/domains/a: kernel: is not ELF: begins with 68 65 6c 6c: expected 7f 45 4c 46"},
        {"\x7f"
         "ELF\x02",
         5, "/domains/a: kernel: is truncated: 5 bytes: expected an ELF header of 64"},
        {"\x1f\x8b\x08", 3,
         "/domains/a: kernel: is gzip-compressed: expected a 64-bit ELF file, unpacked"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        file = malloc(cases[i].size);
        if (cases[i].size)
            memcpy(file, cases[i].bytes, cases[i].size);
        assert_false(image_parse(&img, file, cases[i].size, "a"));
        assert_logged(cases[i].line);
        free(file);
    }
    file = calloc(1, 0x300);
    memcpy(file + 0x202, "HdrS", 4);
    assert_false(image_parse(&img, file, 0x300, "a"));
    assert_logged(
        "/domains/a: kernel: is a Linux bzImage: expected the vmlinux that is packed in it");
}

#define EXPECTED ": expected 2 (64-bit), 1 (little endian), 62 (x86-64), 2 (executable) or 3"

static void test_header(void **state)
{
    (void)state;
    m.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_refused(
        "/domains/a: kernel: is ELF of class 1, byte order 1, machine 62, type 2" EXPECTED);
    m.header.e_ident[EI_CLASS] = 9;
    assert_refused(
        "/domains/a: kernel: is ELF of class 9, byte order 1, machine 62, type 2" EXPECTED);
    maker_init(&m);
    m.header.e_ident[EI_DATA] = ELFDATA2MSB;
    assert_refused(
        "/domains/a: kernel: is ELF of class 2, byte order 2, machine 62, type 2" EXPECTED);
    maker_init(&m);
    m.header.e_machine = EM_AARCH64;
    assert_refused(
        "/domains/a: kernel: is ELF of class 2, byte order 1, machine 183, type 2" EXPECTED);
    maker_init(&m);
    m.header.e_type = ET_REL;
    assert_refused(
        "/domains/a: kernel: is ELF of class 2, byte order 1, machine 62, type 1" EXPECTED);
    maker_init(&m);
    m.header.e_phnum = 129;
    assert_refused(
        "/domains/a: kernel: has 129 program headers of 56 bytes: expected 1 .. 128 of 56");
    maker_init(&m);
    m.header.e_phentsize = 32;
    assert_refused(
        "/domains/a: kernel: has 3 program headers of 32 bytes: expected 1 .. 128 of 56");
    maker_init(&m);
    m.header.e_phoff = ~0ul - 8;
    assert_false(parse());
    assert_non_null(strstr(log_text, "bytes: expected 3 program headers at 0xfffffffffffffff7"));
}

static void test_segments(void **state)
{
    (void)state;
    m.segment[1].p_filesz = 0x4001;
    assert_refused(
        "/domains/a: kernel: segment 2 has 0x4001 bytes in the file: expected at most its "
        "0x4000 in memory");
    maker_init(&m);
    m.segment[1].p_offset = 0x100000;
    assert_false(parse());
    assert_non_null(strstr(log_text, "bytes: expected 0x1000 at 0x100000 for segment 2"));
    log_reset();
    maker_init(&m);
    m.segment[1].p_offset = ~0xffful;
    assert_false(parse());
    assert_non_null(strstr(log_text, "for segment 2"));
    log_reset();
    maker_init(&m);
    m.segment[1].p_paddr = 0x7fffe000;
    assert_refused("/domains/a: kernel: segment 2 of 0x4000 bytes at 0xffffffffffffe000: "
                   "expected it above VIRT_BASE = 0xffffffff80000000");
    maker_init(&m);
    m.segment[1].p_memsz = -0x1000ul;
    assert_refused(
        "/domains/a: kernel: segment 2 of 0xfffffffffffff000 bytes at 0xffffffff81100000: "
        "expected it above VIRT_BASE = 0xffffffff80000000");
    maker_init(&m);
    m.segment[0].p_paddr = 0xfffffffff0000000;
    assert_refused(
        "/domains/a: kernel: segment 1 of 0x2000 bytes at 0xffffffff70000000: expected it "
        "above VIRT_BASE = 0xffffffff80000000");
    maker_init(&m);
    m.segments = 0;
    assert_refused("/domains/a: kernel: has no segment to load: expected at least one PT_LOAD");
    maker_init(&m);
    m.segment[0].p_memsz = m.segment[0].p_filesz = m.segment[1].p_memsz = m.segment[1].p_filesz = 0;
    assert_refused("/domains/a: kernel: has no segment to load: expected at least one PT_LOAD");
}

static void test_adjacent_segments(void **state)
{
    (void)state;
    m.segment[1].p_paddr = 0x1002000; /* right after the first */
    assert_true(parse());
    m.segment[1].p_paddr = 0x1000000 - 0x4000; /* right before it, though later in the file */
    assert_true(parse());
    assert_true(img.virt_start == MAKER_BASE + 0xffc000);
    assert_true(img.virt_end == MAKER_BASE + 0x1002000);
}

static void test_entry(void **state)
{
    (void)state;
    m.header.e_entry = MAKER_BASE + 0x1002000;
    assert_refused(
        "/domains/a: kernel: entry = 0xffffffff81002000 is in no segment: expected it in "
        "0xffffffff81000000 .. 0xffffffff81104000");
    maker_note_number(&m, XEN_ELFNOTE_ENTRY, 0);
    assert_refused(
        "/domains/a: kernel: entry = 0x0 is in no segment: expected it in 0xffffffff81000000 "
        ".. 0xffffffff81104000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAGE_TEST(test_plain),
        IMAGE_TEST(test_all_notes),
        IMAGE_TEST(test_no_virt_base),
        IMAGE_TEST(test_paddr_offset),
        IMAGE_TEST(test_linux_without_loader),
        IMAGE_TEST(test_note_sections),
        IMAGE_TEST(test_not_elf),
        IMAGE_TEST(test_header),
        IMAGE_TEST(test_segments),
        IMAGE_TEST(test_adjacent_segments),
        IMAGE_TEST(test_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
