/* COM1: what arch_console_write writes to. */
#ifndef CPU_SERIAL_H
#define CPU_SERIAL_H

void serial_init(void);
/* From now on console_interrupt is called when there is input. */
void serial_listen(void);

#endif
