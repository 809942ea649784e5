/* What ping and pong say to each other. Every word follows from the number, so that each end can
 * check all of what it receives. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdint.h>

#ifndef ROUNDS
#define ROUNDS 100000ul
#endif
#define WORDS 7

struct message {
    uint64_t number;
    uint64_t word[WORDS];
};

enum { REQUEST = 0x70696e67, RESPONSE = 0x706f6e67 };

static inline uint64_t expected_word(uint64_t number, unsigned i, uint64_t kind)
{
    return (number * WORDS + i) * 0x9e3779b97f4a7c15ul ^ kind << 32;
}

static inline void message_fill(struct message *m, uint64_t number, uint64_t kind)
{
    m->number = number;
    for (unsigned i = 0; i < WORDS; i++)
        m->word[i] = expected_word(number, i, kind);
}

static inline int message_is(const struct message *m, uint64_t number, uint64_t kind)
{
    if (m->number != number)
        return 0;
    for (unsigned i = 0; i < WORDS; i++)
        if (m->word[i] != expected_word(number, i, kind))
            return 0;
    return 1;
}

#endif
