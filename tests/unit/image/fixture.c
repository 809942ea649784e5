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

struct elf_maker m;
struct image img;
uint8_t *file;
size_t file_size;

int image_setup(void **state)
{
    (void)state;
    log_reset();
    maker_init(&m);
    return 0;
}

int image_teardown(void **state)
{
    (void)state;
    free(file);
    file = NULL;
    return 0;
}

bool parse(void)
{
    free(file);
    file = maker_file(&m, &file_size);
    return image_parse(&img, file, file_size, "a");
}

void assert_refused(const char *line)
{
    assert_false(parse());
    assert_logged(line);
}

void replace_notes(void)
{
    m.notes_size = 0;
    maker_note_string(&m, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    maker_note_string(&m, XEN_ELFNOTE_LOADER, "generic");
}
