/* Prints docs/abi.md: the table of hypercalls as a page for people. A program of the host. */
#include <stdio.h>
#include <string.h>
#include "abi/hypercalls.h"

struct argument {
    const char *type, *name, *text;
};

struct error {
    const char *name;
    int value;
    const char *when;
};

struct entry {
    const char *parent; /* NULL: a hypercall */
    const char *name;
    int number;
    unsigned first, last;
    const char *who;
    const char *summary;
    const char *params;          /* hypercall: its parameter list; NULL: no stub */
    const struct argument *args; /* hypercall: up to one without name */
    const char *type;            /* sub-operation: its structure */
    const struct error *errors;  /* up to one without name */
};

#define TEXT(...)  TEXT_(__VA_ARGS__)
#define TEXT_(...) #__VA_ARGS__

#define ERR(code, when)    {"-" #code, -XEN_##code, when},
#define STATUS(code, when) {#code, code, when},

#define HYPERCALL(name_, number_, args_, select_, first_, last_, who_, errors_, summary_) \
    {.name = #name_,                                                                      \
     .number = number_,                                                                   \
     .first = first_,                                                                     \
     .last = last_,                                                                       \
     .who = #who_,                                                                        \
     .summary = summary_,                                                                 \
     .params = TEXT(ARGS_PARAMS args_),                                                   \
     .args = (const struct argument[]){ARGS_STRINGS args_{0, 0, 0}},                      \
     .errors = (const struct error[]){errors_{0, 0, 0}}},
#define HYPERCALL_NORETURN(name_, number_, args_, select_, first_, last_, who_, errors_, summary_) \
    {.name = #name_,                                                                               \
     .number = number_,                                                                            \
     .first = first_,                                                                              \
     .last = last_,                                                                                \
     .who = #who_,                                                                                 \
     .summary = summary_,                                                                          \
     .args = (const struct argument[]){{0, 0, 0}},                                                 \
     .errors = (const struct error[]){{0, 0, 0}}},
#define SUBOP(parent_, name_, type_, first_, last_, who_, errors_, summary_) \
    {.parent = #parent_,                                                     \
     .name = #name_,                                                         \
     .number = name_,                                                        \
     .first = first_,                                                        \
     .last = last_,                                                          \
     .who = #who_,                                                           \
     .summary = summary_,                                                    \
     .type = #type_,                                                         \
     .errors = (const struct error[]){errors_{0, 0, 0}}},
static const struct entry entries[] = {
#include "abi/hypercalls.def"
};

#define NR_ENTRIES (sizeof(entries) / sizeof(entries[0]))

static const char intro[] =
    "# The ABI, call by call\n"
    "\n"
    "<!-- Made by abi/reference.c from abi/hypercalls.def. To change it, change that file, then: "
    "cmake --build BUILD --target abi-md -->\n"
    "\n"
    "A guest makes a hypercall with its number in `rax` and arguments in `rdi`, `rsi`, `rdx`, "
    "`r10`, "
    "`r8`, `r9`: by calling entry *number* of its hypercall page (32 bytes an entry), or with "
    "SYSCALL. The result comes back in `rax`; `rcx` and `r11` are lost. A C guest includes "
    "`abi/xen.h`, which has every constant and structure named here, with the meaning of each "
    "field; the SDK's `lamina/hypercall.h` has the functions. What a kernel finds when it starts "
    "is "
    "in [start-of-day.md](start-of-day.md). All of it has the names, numbers and "
    "layouts of Xen's x86-64 PV ABI; only `lamina_op` "
    "is "
    "Lamina's own.\n"
    "\n"
    "**Result.** 0 for success unless the text says what is returned; a negated error number "
    "otherwise (`abi/errno.h`: `-EINVAL` here is `-XEN_EINVAL` there). Every call can return, and "
    "the "
    "lists do not repeat:\n"
    "\n"
    "- `-ENOSYS`: the guest's ABI version does not have the call or the sub-operation.\n"
    "- `-EPERM`: the domain lacks the privilege named under *Callers*.\n"
    "\n"
    "A call that fails with an error about its arguments has changed nothing, unless its text says "
    "how far it got.\n"
    "\n"
    "**Versions.** A kernel names the ABI version that it wants in an ELF note (owner `Lamina`, "
    "type "
    "`LAMINA_ELFNOTE_ABI_VERSION`, a 4-byte number) and sees exactly that version; without the "
    "note, "
    "the newest. A published version never changes; until release 1.0 none is published, and "
    "version 1 grows.\n"
    "\n"
    "**Callers.** *any* domain, or one with a privilege in its node of the system tree "
    "(system-tree.md).\n";

static void print_versions(const struct entry *e)
{
    if (e->last == ABI_OPEN)
        printf("since version %u", e->first);
    else
        printf("versions %u to %u", e->first, e->last);
}

/* The privilege as the system tree spells it. */
static void print_who(const char *who)
{
    for (; *who; who++)
        putchar(*who == '_' ? '-' : *who);
}

/* A declaration, with the preprocessor's blank after a star taken out. */
static void print_declaration(const char *text)
{
    for (; *text; text++)
        if (*text != ' ' || text[-1] != '*')
            putchar(*text);
}

static void print_errors(const struct error *err, const char *indent)
{
    for (; err->name; err++)
        printf("%s- `%s` (%d): %s.\n", indent, err->name, err->value, err->when);
}

static void print_call(const struct entry *e)
{
    printf("\n## %s\n\nNumber %d, ", e->name, e->number);
    print_versions(e);
    printf(". Callers: ");
    print_who(e->who);
    printf(".\n\n");
    if (e->params) {
        printf("```c\nlong hypercall_%s(", e->name);
        print_declaration(e->params);
        printf(");\n```\n\n");
    } else {
        printf("Not callable from C: it does not return to its caller.\n\n");
    }
    for (const struct argument *a = e->args; a->name; a++)
        printf("- `%s`: %s.\n", a->name, a->text);
    printf("%s%s\n", e->args[0].name ? "\n" : "", e->summary);
    if (e->errors[0].name) {
        printf("\nErrors:\n\n");
        print_errors(e->errors, "");
    }
}

static void print_subop(const struct entry *e)
{
    printf("- **`%s`** = %d, ", e->name, e->number);
    print_versions(e);
    if (strcmp(e->who, "any") != 0) {
        printf(", callers: ");
        print_who(e->who);
    }
    if (strcmp(e->type, "none") != 0)
        printf(". `%s`", e->type);
    printf(". %s\n", e->summary);
    print_errors(e->errors, "  ");
}

static void print_index(void)
{
    printf("\nVersions published: 1 to %d.\n\n| number | call |\n|---:|---|\n", LAMINA_ABI_VERSION);
    for (int number = 0; number < 64; number++)
        for (unsigned i = 0; i < NR_ENTRIES; i++)
            if (!entries[i].parent && entries[i].number == number)
                printf("| %d | [%s](#%s) |\n", number, entries[i].name, entries[i].name);
}

int main(void)
{
    fputs(intro, stdout);
    print_index();
    for (unsigned i = 0; i < NR_ENTRIES; i++) {
        const struct entry *e = &entries[i];

        if (!e->parent) {
            print_call(e);
        } else {
            if (!entries[i - 1].parent)
                printf("\nSub-operations:\n\n");
            print_subop(e);
        }
    }
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
