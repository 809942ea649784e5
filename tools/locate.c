#include "locate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where `cmake --install` puts data, as seen from the executable's folder. */
#ifndef LAMINA_DATA_FROM_BIN
#define LAMINA_DATA_FROM_BIN "../share/lamina"
#endif

#define PROBE "hypervisor/lamina.bin"

static char *join(const char *folder, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static char *find_root(void)
{
    static const char *const places[] = {"..", LAMINA_DATA_FROM_BIN};
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length <= 0)
        return NULL;
    self[length] = '\0';
    *strrchr(self, '/') = '\0';

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char *beside = join(self, places[i]);
        char *root = beside ? realpath(beside, NULL) : NULL;
        char *probe = root ? join(root, PROBE) : NULL;
        int found = probe && access(probe, R_OK) == 0;

        free(beside);
        free(probe);
        if (found)
            return root;
        free(root);
    }
    return NULL;
}

const char *locate_root(void)
{
    static char *root;

    if (!root)
        root = find_root();
    return root;
}

char *locate(const char *name)
{
    const char *root = locate_root();
    char *path = root ? join(root, name) : NULL;

    if (path && access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}
