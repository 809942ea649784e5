/* Kernels cut off anywhere, or with any byte of their headers and notes changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/xen.h"
#include "tests/unit/config/log_capture.h"
#include "tests/unit/image/fixture.h"

#define MUTATIONS 300000
#define INTERESTING \
    (sizeof(Elf64_Ehdr) + (1 + MAKER_SEGMENTS) * sizeof(Elf64_Phdr)) /* then the notes */

/* What the parser let through must be usable as it stands. */
static void check(const uint8_t *bytes, size_t size)
{
    struct image_segment seg;
    unsigned cursor = 0;
    static volatile uint8_t sum;

    log_reset();
    if (!image_parse(&img, bytes, size, "a")) {
        assert_int_equal(log_lines, 1);
        return;
    }
    assert_silent();
    assert_int_equal(img.virt_base % PAGE_SIZE, 0);
    assert_true(img.virt_base <= img.virt_start && img.virt_start < img.virt_end);
    assert_true(img.entry >= img.virt_start && img.entry < img.virt_end);
    assert_true(
        img.hypercall_page == NO_ADDRESS ||
        (img.hypercall_page >= img.virt_start && img.hypercall_page + PAGE_SIZE <= img.virt_end));
    while (image_next_segment(&img, &cursor, &seg)) {
        assert_true(seg.virt >= img.virt_start && seg.virt + seg.mem_bytes <= img.virt_end);
        assert_true(seg.mem_bytes >= seg.file_bytes && seg.virt + seg.mem_bytes > seg.virt);
        for (uint64_t i = 0; i < seg.file_bytes; i += 64)
            sum = (uint8_t)(sum + bytes[seg.offset + i]);
        if (seg.file_bytes)
            sum = (uint8_t)(sum + bytes[seg.offset + seg.file_bytes - 1]);
    }
}

static int make(void **state)
{
    image_setup(state);
    maker_note_number(&m, XEN_ELFNOTE_INIT_P2M, 0x8000000000);
    maker_note_string(&m, XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb");
    m.segment[0].p_filesz = 0x200;
    m.segment[1].p_filesz = 0x100;
    m.section.sh_type = SHT_NOTE;
    file = maker_file(&m, &file_size);
    return 0;
}

static void test_every_prefix(void **state)
{
    (void)state;
    for (size_t size = 0; size < file_size; size++) {
        uint8_t *cut = malloc(size);

        memcpy(cut, file, size);
        check(cut, size);
        /* All but the section headers, which nothing needs here. */
        assert_int_equal(log_lines == 0, size >= file_size - 2 * sizeof(Elf64_Shdr));
        free(cut);
    }
}

static void test_every_byte(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

    (void)state;
    for (size_t at = 0; at < file_size; at++) {
        const uint8_t kept = file[at];

        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            file[at] = values[i];
            check(file, file_size);
        }
        file[at] = kept;
    }
}

static void test_random_changes(void **state)
{
    const size_t area = INTERESTING + m.notes_size;
    uint8_t *changed = malloc(file_size);
    uint64_t random = 1;

    (void)state;
    memcpy(changed, file, file_size);
    for (unsigned round = 0; round < MUTATIONS; round++) {
        random = random * 6364136223846793005ul + 1442695040888963407ul;
        memcpy(changed, file, area);
        for (unsigned i = (unsigned)(random >> 33) % 4; i < 4; i++) {
            random = random * 6364136223846793005ul + 1442695040888963407ul;
            changed[(random >> 33) % area] = (uint8_t)(random >> 24);
        }
        check(changed, file_size);
    }
    free(changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_prefix, make, image_teardown),
        cmocka_unit_test_setup_teardown(test_every_byte, make, image_teardown),
        cmocka_unit_test_setup_teardown(test_random_changes, make, image_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
