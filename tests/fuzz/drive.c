/* Random sequences without libFuzzer, from seeds; makes a failing one small and tells how to see it
 * again:  drive [--seed N] [--runs N] [--steps N] [--seconds N] | --replay FILE */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ops.h"

static uint64_t state;

static uint64_t next_random(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void play(const uint8_t *records, size_t steps)
{
    ops_begin();
    for (size_t i = 0; i < steps; i++)
        ops_step(records + i * OP_BYTES);
    ops_end();
}

/* In a child, since a failure aborts. */
static bool fails(const uint8_t *records, size_t steps, bool quiet)
{
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        if (quiet && !freopen("/dev/null", "w", stderr))
            _exit(1);
        play(records, steps);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0) {
        perror("fork");
        exit(2);
    }
    return status != 0;
}

/* Leaves out ever smaller parts, as long as it fails without them. */
static size_t shrink(uint8_t *records, size_t steps)
{
    uint8_t *try = malloc(steps * OP_BYTES + 1);

    for (size_t part = steps / 2; part > 0; part /= 2)
        for (size_t i = 0; i + part <= steps;) {
            memcpy(try, records, i * OP_BYTES);
            memcpy(try + i * OP_BYTES, records + (i + part) * OP_BYTES,
                   (steps - i - part) * OP_BYTES);
            if (fails(try, steps - part, true)) {
                steps -= part;
                memcpy(records, try, steps * OP_BYTES);
            } else {
                i += part;
            }
        }
    free(try);
    return steps;
}

static void keep(const char *file, const uint8_t *records, size_t steps)
{
    FILE *f = fopen(file, "wb");

    if (!f || fwrite(records, OP_BYTES, steps, f) != steps || fclose(f)) {
        perror(file);
        exit(2);
    }
}

static int replay(const char *file)
{
    static uint8_t records[1 << 20];
    FILE *f = fopen(file, "rb");
    size_t steps;

    if (!f) {
        perror(file);
        return 2;
    }
    steps = fread(records, OP_BYTES, sizeof(records) / OP_BYTES, f);
    fclose(f);
    ops_verbose = 1;
    play(records, steps);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},   {"runs", required_argument, NULL, 'r'},
        {"steps", required_argument, NULL, 'n'},  {"seconds", required_argument, NULL, 't'},
        {"replay", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
    uint64_t seed = 1, runs = 50, steps = 2000, seconds = 0, done = 0;
    time_t start = time(NULL);
    uint8_t *records;
    char file[64];

    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (o) {
        case 's':
            seed = strtoull(optarg, NULL, 0);
            break;
        case 'r':
            runs = strtoull(optarg, NULL, 0);
            break;
        case 'n':
            steps = strtoull(optarg, NULL, 0);
            break;
        case 't':
            seconds = strtoull(optarg, NULL, 0);
            break;
        case 'f':
            return replay(optarg);
        default:
            return 2;
        }
    records = malloc(steps * OP_BYTES);
    for (uint64_t run = 0; seconds ? time(NULL) - start < (time_t)seconds : run < runs; run++) {
        state = seed + run;
        for (size_t i = 0; i < steps * OP_BYTES; i++)
            records[i] = (uint8_t)next_random();
        done += steps;
        if (!fails(records, steps, false))
            continue;
        fprintf(stderr, "seed %lu fails; making it small\n", seed + run);
        steps = shrink(records, steps);
        snprintf(file, sizeof(file), "paging-%lu.bin", seed + run);
        keep(file, records, steps);
        fprintf(stderr, "%lu operations are enough. Again: %s --replay %s\n", steps, argv[0], file);
        free(records);
        return 1;
    }
    free(records);
    printf("%lu operations, no finding\n", done);
    return 0;
}
