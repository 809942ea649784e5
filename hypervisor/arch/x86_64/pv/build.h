/* Builds domains. Boot only. */
#pragma once

#include "core/config.h"
#include "core/domain.h"

/* A domain that domain_start can start, or NULL: one line was logged, nothing is left behind. */
struct domain *build_domain(const struct domain_config *config);
