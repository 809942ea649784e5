# awk -f compare.awk budgets.tsv RESULTS...: the bench guest's results beside Xen's and the budgets.
# Fails if a row is over its budget or missing.
BEGIN { FS = "\t"; printf "%-55s %8s %8s %8s\n", "operation", "Xen", "budget", "now" }
/^#/ { next }
FILENAME == ARGV[1] { order[++rows] = $1; xen[$1] = $2; budget[$1] = $3; next }
NF == 2 { sub(/^\[[^\]]*\] /, "", $1); now[$1] = $2 + 0 }
END {
    for (i = 1; i <= rows; i++) {
        name = order[i]
        verdict = ""
        if (!(name in now))
            verdict = "missing"
        else if (budget[name] != "-" && now[name] > budget[name])
            verdict = "over"
        bad += verdict != ""
        printf "%-55s %8s %8s %8s %s\n", name, xen[name], budget[name], now[name], verdict
    }
    printf "%d of %d rows are over their budget or missing\n", bad, rows
    exit bad > 0
}
