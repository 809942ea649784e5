/* One kernel, made anew for each test, and what image_parse() makes of it. */
#ifndef TEST_IMAGE_FIXTURE_H
#define TEST_IMAGE_FIXTURE_H

#include "core/image.h"
#include "tests/unit/image/elf_maker.h"

extern struct elf_maker m;
extern struct image img;
extern uint8_t *file; /* freed after the test */
extern size_t file_size;

int image_setup(void **state);
int image_teardown(void **state);

/* Makes the file of m and parses it as domain "a". */
bool parse(void);
/* It is refused with exactly that line. */
void assert_refused(const char *line);
/* Leaves the least notes that do, without VIRT_BASE. */
void replace_notes(void);

#define IMAGE_TEST(f) cmocka_unit_test_setup_teardown(f, image_setup, image_teardown)

#endif
