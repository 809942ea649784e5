# awk -f compare.awk budgets.tsv LAMINA [XEN]: what the bench guest printed on Lamina, beside the
# budgets and Xen's figures: those of the table, or those of the guest's run there, XEN.
# A row that does not meet its budget yet has a ceiling in the fourth column and its reason in
# docs/performance.md: it may not get worse, and the ceiling must go when the budget is met.
# Fails if a row is over its limit or missing; with XEN, if one of Xen's is missing or a quarter off
# the table: then this is not the comparison that the budgets were made for.
# With -v markdown=1 the table is one for docs/performance.md.
BEGIN {
    FS = "\t"
    row = "%-54s %7s %7s %7s %5s %s\n"
    if (markdown)
        row = "| %s | %s | %s | %s | %s | %s |\n"
    printf row, "instructions per operation", "Xen", "budget", "Lamina", "/ Xen", ""
    if (markdown)
        print "|---|---:|---:|---:|---:|---|"
}
/^#/ { next }
FILENAME == ARGV[1] {
    order[++rows] = $1
    xen[$1] = $2
    budget[$1] = $3
    ceiling[$1] = $4
    next
}
NF != 2 { next }
FILENAME == ARGV[2] { now[$1] = $2 + 0; next }
{ measured[$1] = $2 + 0 }
END {
    for (i = 1; i <= rows; i++) {
        name = order[i]
        verdict = ""
        if (!(name in now))
            verdict = "missing"
        else if (ceiling[name] != "" && now[name] <= budget[name])
            verdict = "met: the ceiling of " ceiling[name] " is stale"
        else if (budget[name] != "-" && now[name] > (ceiling[name] ? ceiling[name] : budget[name]))
            verdict = "over"
        over += verdict != ""
        if (verdict == "" && ceiling[name] != "")
            verdict = "not met yet"
        if (ARGC > 3) {
            if (!(name in measured) || measured[name] > xen[name] * 1.25 ||
                measured[name] < xen[name] * 0.75) {
                verdict = verdict " Xen: " xen[name] " in the table"
                strange++
            }
            xen[name] = measured[name]
        }
        ratio = ""
        if (budget[name] != "-" && now[name] > 0 && xen[name] > 0) {
            ratio = sprintf("%.2f", now[name] / xen[name])
            logs += log(now[name] / xen[name])
            compared++
        }
        printf row, name, xen[name], budget[name], now[name], ratio, verdict
    }
    if (compared > 0)
        printf row, "geometric mean", "", "", "", sprintf("%.2f", exp(logs / compared)), ""
    printf "%d of %d rows are over their limit, stale or missing\n", over, rows
    if (ARGC > 3)
        printf "%d rows of Xen's are not as in the table\n", strange
    exit ARGC > 3 ? strange > 0 : over > 0
}
