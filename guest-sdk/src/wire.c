#include <lamina/guest.h>

int lm_wire(const char *name, struct lamina_wire *wire)
{
    size_t length = strlen(name);

    *wire = (struct lamina_wire){0};
    if (length >= sizeof(wire->name))
        return -XEN_ENOENT;
    memcpy(wire->name, name, length);
    return (int)hypercall_lamina_op(LAMINA_OP_wire, wire);
}

struct lamina_wire lm_wire_need(const char *name, uint32_t kind)
{
    struct lamina_wire wire;
    int error = lm_wire(name, &wire);

    if (error)
        lm_panic("wire \"%s\": error %d: the system tree has none of that name for this domain",
                 name, error);
    if (wire.kind != kind)
        lm_panic("wire \"%s\" is of kind %u, expected %u", name, wire.kind, kind);
    return wire;
}
