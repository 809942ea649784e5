/* Instructions that may fault on behalf of a guest: each has an entry (where, where to go on). Any
 * exception there resumes at the second address instead of being a bug. */
#pragma once

#ifdef __ASSEMBLER__
/* clang-format off */
.macro FIXUP at, to
    .pushsection .fixup_table, "a"
    .balign 4
    .long \at - ., \to - .
    .popsection
.endm
/* clang-format on */
#else
#define FIXUP(at, to)                                                        \
    ".pushsection .fixup_table, \"a\"\n\t.balign 4\n\t.long " at " - ., " to \
    " - .\n\t.popsection\n\t"
#endif
