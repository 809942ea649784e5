/* COM1: what arch_console_write writes to. */
#pragma once

void serial_init(void);
/* From now on console_interrupt is called when there is input. */
void serial_listen(void);
