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

static void test_missing_notes(void **state)
{
    (void)state;
    m.notes_size = 0;
    assert_refused(
        "/domains/a: kernel: has no notes of owner \"Xen\": expected those of a PV kernel");
    maker_note_string(&m, XEN_ELFNOTE_LOADER, "generic");
    assert_refused(
        "/domains/a: kernel: note XEN_VERSION is missing or other: expected \"xen-3.0\"");
    maker_note_string(&m, XEN_ELFNOTE_XEN_VERSION, "xen-4.0");
    assert_refused(
        "/domains/a: kernel: note XEN_VERSION is missing or other: expected \"xen-3.0\"");
    m.notes_size = 0;
    maker_note_string(&m, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    assert_refused("/domains/a: kernel: note LOADER is not \"generic\" and GUEST_OS not \"linux\": "
                   "expected one");
}

static void test_old_section(void **state)
{
    (void)state;
    m.notes_size = 0;
    memcpy(m.notes, "__xen_guest", 12);
    m.notes_size = 12;
    m.note.p_type = PT_NULL;
    m.section.sh_type = SHT_STRTAB;
    m.header.e_shstrndx = 1;
    assert_refused(
        "/domains/a: kernel: has no notes of owner \"Xen\": expected those of a PV kernel");
}

static void test_numbers(void **state)
{
    static const struct {
        uint32_t type;
        uint64_t number;
        const char *line;
    } cases[] = {
        {XEN_ELFNOTE_VIRT_BASE, MAKER_BASE + 1,
         "/domains/a: kernel: note VIRT_BASE = 0xffffffff80000001: expected a multiple of 4096"},
        {XEN_ELFNOTE_INIT_P2M, 0x8000000008,
         "/domains/a: kernel: note INIT_P2M = 0x8000000008: expected a multiple of 4096"},
        {XEN_ELFNOTE_HYPERCALL_PAGE, MAKER_BASE + 0x1000800,
         "/domains/a: kernel: note HYPERCALL_PAGE = 0xffffffff81000800: expected a multiple of "
         "4096"},
        {XEN_ELFNOTE_HYPERCALL_PAGE, MAKER_BASE + 0x1002000,
         "/domains/a: kernel: note HYPERCALL_PAGE = 0xffffffff81002000 is in no segment: expected "
         "it in "
         "0xffffffff81000000 .. 0xffffffff81104000"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        maker_init(&m);
        maker_note_number(&m, cases[i].type, cases[i].number);
        assert_refused(cases[i].line);
    }
    maker_init(&m);
    maker_note(&m, "Xen", XEN_ELFNOTE_ENTRY, "abc", 3);
    assert_refused("/domains/a: kernel: note ENTRY has 3 bytes: expected a number of 4 or 8");
}

/* The page must be whole: the last one of a segment may not be. */
static void test_part_of_hypercall_page(void **state)
{
    (void)state;
    m.segment[0].p_filesz = m.segment[0].p_memsz = 0x1fff;
    assert_false(parse());
    assert_non_null(strstr(log_text, "HYPERCALL_PAGE = 0xffffffff81001000 is in no segment"));
}

static void test_features(void **state)
{
    (void)state;
    maker_note_string(&m, XEN_ELFNOTE_FEATURES, "writable_page_tables|!auto_translated_physmap");
    assert_refused("/domains/a: kernel: note FEATURES requires \"auto_translated_physmap\": "
                   "expected only writable_page_tables and pae_pgdir_above_4gb");
    maker_init(&m);
    maker_note_string(&m, XEN_ELFNOTE_FEATURES, "!supervisor_mode_kernel|x");
    assert_refused("/domains/a: kernel: note FEATURES requires \"supervisor_mode_kernel\": "
                   "expected only writable_page_tables and pae_pgdir_above_4gb");
    maker_init(&m);
    maker_note_string(&m, XEN_ELFNOTE_FEATURES, "!\033[2J|");
    assert_refused("/domains/a: kernel: note FEATURES requires \"?[2J\": "
                   "expected only writable_page_tables and pae_pgdir_above_4gb");
    maker_init(&m);
    maker_note_string(&m, XEN_ELFNOTE_FEATURES, "|||!pae_pgdir_above_4gb||supervisor_mode_kernel|");
    assert_true(parse());
}

static void test_broken_notes(void **state)
{
    const Elf64_Nhdr huge = {4, 0xffffffff, XEN_ELFNOTE_ENTRY};

    (void)state;
    m.note.p_filesz = 0x100000;
    assert_false(parse());
    assert_non_null(strstr(log_text, "bytes: expected 0x100000 at"));
    log_reset();
    maker_init(&m);
    memcpy(m.notes + m.notes_size, &huge, sizeof(huge));
    m.notes_size += sizeof(huge);
    assert_false(parse());
    assert_non_null(strstr(log_text, "takes 4294967311 bytes: expected at most the 12 left"));
}

/* One small table of notes that many headers name must not keep the boot busy. */
static void test_endless_notes(void **state)
{
    Elf64_Phdr *ph;

    (void)state;
    m.notes_size = 0;
    for (unsigned i = 0; i < 50; i++)
        maker_note(&m, "x", 1, "", 0);
    m.header.e_phnum = 128;
    free(file);
    file = maker_file(&m, &file_size);
    ph = (Elf64_Phdr *)(void *)(file + sizeof(Elf64_Ehdr));
    for (unsigned i = 1; i < 128; i++)
        ph[i] = ph[0]; /* over the notes and the segments, which do not matter here */
    ph[0].p_offset = ph[127].p_offset = file_size - 0x1000;
    for (unsigned i = 0; i < 128; i++) {
        ph[i].p_offset = file_size - 0x1000; /* zeroes: notes of 12 bytes without name */
        ph[i].p_filesz = 0x1000;
    }
    assert_false(image_parse(&img, file, file_size, "a"));
    assert_non_null(strstr(log_text, "/domains/a: kernel: has tables of notes with "));
    assert_non_null(strstr(log_text, " bytes: expected at most the file's "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAGE_TEST(test_missing_notes), IMAGE_TEST(test_old_section),
        IMAGE_TEST(test_numbers),       IMAGE_TEST(test_part_of_hypercall_page),
        IMAGE_TEST(test_features),      IMAGE_TEST(test_broken_notes),
        IMAGE_TEST(test_endless_notes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
