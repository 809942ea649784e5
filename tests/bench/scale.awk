# awk -v ends=NAME|NAME... -f scale.awk RAM:DOMAINS...: prints what the scale guest printed in each of
# these machines as a table. `ends` are the names of the first domains that end. Fails if a row's
# figures differ by more than 2 %, or if a row's cost is not linear in what its name says.
BEGIN {
    FS = "\t"
    split(ends, end_name, "|")
    for (i = 1; i < ARGC; i++) {
        split(ARGV[i], part, ":")
        ram = ram sprintf(" %9s", part[1])
        domains = domains sprintf(" %9s", part[2])
    }
    printf "%-42s%s\n%-42s%s\n", "machine", ram, "domains", domains
}
{ sub(/^\[first\] /, "") }
/of memory.* free/ { split($0, word, " "); used[FILENAME] = word[2] - word[6]; next }
NF != 2 { next }
{
    name = $1
    if (name ~ /^end [0-9]+$/) {
        split(name, word, " ")
        if (!((word[2] + 1) in end_name))
            next
        name = "end of a domain of " end_name[word[2] + 1]
    }
    if (!(name in seen)) {
        seen[name] = 1
        order[++rows] = name
    }
    cost[name, FILENAME] = $2
}
function complain(text) { print "not as it should be: " text; bad++ }
# Whether b - a is as much for each of n as d - c for each of m, to within 5 %.
function linear(what, a, b, n, c, d, m,   x, y) {
    x = (first[b] - first[a]) / n
    y = (first[d] - first[c]) / m
    printf "%-42s %9.1f %9.1f\n", "for each " what, x, y
    if (x > y * 1.05 || y > x * 1.05)
        complain("the cost is not linear in " what "s")
}
END {
    for (i = 1; i <= rows; i++) {
        name = order[i]
        line = ""
        low = high = 0
        for (j = 1; j < ARGC; j++) {
            value = cost[name, ARGV[j]]
            line = line sprintf(" %9s", value == "" ? "-" : value)
            if (value == "")
                continue
            if (low == 0)
                first[name] = low = high = value
            if (value < low)
                low = value
            if (value > high)
                high = value
        }
        printf "%-42s%s\n", name, line
        if (high > low * 1.02)
            complain(name ": " low " to " high)
    }
    line = ""
    for (j = 1; j < ARGC; j++)
        line = line sprintf(" %9s", used[ARGV[j]])
    printf "%-42s%s\n", "MiB not free for domains", line
    p = "pin + unpin an L1, entries: "
    linear("entry pinned in an L1", p 0, p 128, 128, p 256, p 512, 256)
    p = "pin + unpin a tree, entries: "
    linear("entry pinned in a tree", "pin + unpin an L1, entries: 0", p 4096, 4096,
           p 4096, p 16384, 12288)
    p = "end of a domain of "
    linear("entry of a domain that ends", p end_name[1], p end_name[2], 4096,
           p end_name[2], p end_name[3], 4096)
    linear("page of a domain that ends", p end_name[1], p end_name[4], 1024,
           p end_name[4], p end_name[5], 2048)
    exit bad > 0
}
