#ifndef TESTS_H
#define TESTS_H

void mutex_excludes(void **state);
void mutex_hands_over_in_order(void **state);
void mutex_outlasts_spurious_wakes(void **state);
void mutex_is_free_when_nobody_waits(void **state);

#endif
