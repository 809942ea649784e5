#include "cpu/clock.h"
#include "cpu/insn.h"

static unsigned cmos(unsigned reg)
{
    outb(0x70, 0x80 | reg);
    return inb(0x71);
}

/* Days from 1970-01-01, for years 1970 .. 2099. */
static uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};

    return (year - 1970) * 365ul + (year - 1969) / 4 + before[month - 1] +
           (year % 4 == 0 && month > 2) + day - 1;
}

uint64_t rtc_read(void)
{
    /* Second, minute, hour, day, month, year. */
    static const uint8_t reg[6] = {0, 2, 4, 7, 8, 9};
    static const uint8_t least[6] = {0, 0, 0, 1, 1, 0}, most[6] = {59, 59, 23, 31, 12, 99};
    unsigned t[6];
    bool same = false;

    /* Two equal readings in a row, or we caught it in the middle of an update. */
    for (int tries = 0; tries < 1000 && !same; tries++) {
        for (int i = 0; i < 6; i++)
            t[i] = cmos(reg[i]);
        same = true;
        for (int i = 0; i < 6; i++)
            same &= t[i] == cmos(reg[i]);
    }

    unsigned status = cmos(0xb);
    bool bcd = !(status & 4), pm = !(status & 2) && (t[2] & 0x80);

    if (pm)
        t[2] &= 0x7f;
    for (int i = 0; i < 6; i++) {
        if (bcd)
            same &= (t[i] & 15) <= 9;
        if (bcd)
            t[i] = (t[i] >> 4) * 10 + (t[i] & 15);
        same &= t[i] >= least[i] && t[i] <= most[i];
    }
    if (!same)
        return 0;
    if (!(status & 2))
        t[2] = t[2] % 12 + (pm ? 12 : 0);
    return days_since_1970(2000 + t[5], t[4], t[3]) * 86400 + t[2] * 3600 + t[1] * 60 + t[0];
}
