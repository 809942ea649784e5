/* COM1, the console. */
#include "core/console.h"
#include "core/arch.h"
#include "cpu/insn.h"
#include "cpu/traps.h"

#define COM1     0x3f8
#define REG_DATA 0
#define REG_IER  1
#define REG_FCR  2
#define REG_LCR  3
#define REG_MCR  4
#define REG_LSR  5

#define LSR_READY 0x01
#define LSR_EMPTY 0x20

void serial_init(void)
{
    outb(COM1 + REG_IER, 0);
    outb(COM1 + REG_LCR, 0x80);
    outb(COM1 + REG_DATA, 1); /* 115200 baud */
    outb(COM1 + REG_IER, 0);
    outb(COM1 + REG_LCR, 3); /* 8n1 */
    outb(COM1 + REG_FCR, 0x07);
    outb(COM1 + REG_MCR, 0x0b);
}

void serial_listen(void)
{
    outb(COM1 + REG_IER, 1);
    pic_open_com1();
}

#define PATIENCE 100000u

/* Waits for room, but not for ever: one that hangs must not hang us, and is waited for but once.
 * (A line without hardware reads 0xff.) */
static void put(char c)
{
    static unsigned patience = PATIENCE;
    bool room;

    while (!(room = inb(COM1 + REG_LSR) & LSR_EMPTY) && patience) {
        patience--;
        __builtin_ia32_pause();
    }
    if (room)
        patience = PATIENCE;
    outb(COM1 + REG_DATA, (uint8_t)c);
}

void arch_console_write(const char *text, size_t length)
{
    for (; length; length--, text++) {
        if (*text == '\n')
            put('\r');
        put(*text);
    }
}

void console_interrupt(void)
{
    for (int i = 0; i < 64 && (inb(COM1 + REG_LSR) & LSR_READY); i++)
        console_input((char)inb(COM1 + REG_DATA));
}
