#include "terminal.h"

#include <termios.h>
#include <unistd.h>

static struct termios before;
static volatile bool changed;

bool terminal_is_ours(void)
{
    return !isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) == getpgrp();
}

void terminal_raw(void)
{
    struct termios raw;

    if (!isatty(STDIN_FILENO) || !terminal_is_ours() || tcgetattr(STDIN_FILENO, &before) < 0)
        return;
    raw = before;
    raw.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | IXON);
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
    /* Ctrl-Z is the guest's: a stopped relay would leave the terminal raw. */
    raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    changed = true;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

void terminal_restore(void)
{
    if (changed)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    changed = false;
}
