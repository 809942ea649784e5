/* One step of the fuzzer: a record of 16 bytes says what a guest does; the model says what must
 * come of it. */
#ifndef OPS_H
#define OPS_H

#include <stdint.h>

#define OP_BYTES 16

/* A machine with two domains, page tables built. Once in a process, or after ops_end. */
void ops_begin(void);
/* Does one operation and compares. Aborts with a message at a difference. */
void ops_step(const uint8_t record[OP_BYTES]);
/* Destroys everything; aborts if anything was lost. */
void ops_end(void);

/* What each step does, to standard error. */
extern int ops_verbose;

#endif
