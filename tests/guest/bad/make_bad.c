/* make_bad FOLDER TREE.dtb: writes kernels and trees that Lamina must refuse; TREE is a right one.
 */
#include <elf.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/xen.h"
#include "tests/unit/image/elf_maker.h"

static const char *folder;

static void write_file(const char *name, const void *bytes, size_t size)
{
    char path[1024];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_kernel(const char *name, const struct elf_maker *m)
{
    size_t size;
    uint8_t *file = maker_file(m, &size);

    write_file(name, file, size);
    free(file);
}

static void make_kernels(void)
{
    struct elf_maker m;
    const uint32_t version = 999;
    uint8_t *file;
    size_t size;

    write_file("empty", "", 0);
    write_file("text", "#!/bin/sh\n", 10);
    maker_init(&m);
    file = maker_file(&m, &size);
    write_file("cut-header", file, 40);
    write_file("cut-segment", file, size - 100);
    free(file);

    m.header.e_ident[EI_CLASS] = ELFCLASS32;
    write_kernel("elf32", &m);
    maker_init(&m);
    m.note.p_type = PT_NULL;
    write_kernel("no-notes", &m);
    maker_init(&m);
    m.segment[1].p_memsz = -0x1000ul;
    write_kernel("wrap", &m);
    maker_init(&m);
    m.header.e_entry = 0x1000;
    write_kernel("entry", &m);
    maker_init(&m);
    maker_note_number(&m, XEN_ELFNOTE_HYPERCALL_PAGE, MAKER_BASE);
    write_kernel("hypercall-page", &m);
    maker_init(&m);
    maker_note_string(&m, XEN_ELFNOTE_FEATURES, "!auto_translated_physmap");
    write_kernel("features", &m);
    maker_init(&m);
    maker_note_number(&m, XEN_ELFNOTE_INIT_P2M, HYPERVISOR_VIRT_START);
    write_kernel("p2m", &m);
    maker_init(&m);
    maker_note(&m, LAMINA_ELFNOTE_OWNER, LAMINA_ELFNOTE_ABI_VERSION, &version, sizeof(version));
    write_kernel("abi", &m);
    maker_init(&m);
    m.segment[1].p_memsz = 100ul << 20;
    write_kernel("large", &m);
}

static void *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    void *bytes;

    if (!f) {
        perror(path);
        exit(1);
    }
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    bytes = malloc(*size);
    if (!bytes || fread(bytes, 1, *size, f) != *size) {
        perror(path);
        exit(1);
    }
    fclose(f);
    return bytes;
}

static void make_trees(const char *path)
{
    size_t size;
    char *tree = read_file(path, &size);
    char *copy = malloc(size);

    write_file("tree-empty.dtb", "", 0);
    write_file("tree-text.dtb", "Once upon a time, there was no device tree in this file.\n", 57);
    write_file("tree-cut.dtb", tree, size / 2);
    write_file("tree-cut-header.dtb", tree, 20);

    memcpy(copy, tree, size);
    fdt_set_version(copy, 99);
    fdt_set_last_comp_version(copy, 99);
    write_file("tree-version.dtb", copy, size);

    memcpy(copy, tree, size);
    memset(copy + fdt_off_dt_struct(tree), 0xa5, fdt_size_dt_struct(tree));
    write_file("tree-garbage.dtb", copy, size);
    free(copy);
    free(tree);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: make_bad FOLDER TREE.dtb\n");
        return 2;
    }
    folder = argv[1];
    make_kernels();
    make_trees(argv[2]);
    return 0;
}
