/* Everything of the SDK. main() runs on vCPU 0 with exceptions caught (lm_traps_init), the console
 * ready and upcalls masked; the domain powers off when it returns 0, and counts as crashed
 * otherwise. */
#ifndef LAMINA_GUEST_H
#define LAMINA_GUEST_H

#include <lamina/console.h>
#include <lamina/event.h>
#include <lamina/grant.h>
#include <lamina/hypercall.h>
#include <lamina/page.h>
#include <lamina/panic.h>
#include <lamina/printf.h>
#include <lamina/ring.h>
#include <lamina/string.h>
#include <lamina/time.h>
#include <lamina/trap.h>
#include <lamina/vcpu.h>
#include <lamina/wire.h>

int main(void);

#endif
