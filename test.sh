#!/usr/bin/env bash
# ./test.sh [NAME | OPTIONS OF dotnet test]: sets up as ./diffract does, then runs every test, or those whose full name
# contains NAME. The last line is `N passed, N failed`, with `, N skipped` where there are any; the exit status is 0
# only where none failed and at least one passed.
set -uo pipefail
root=$(readlink -f -- "${BASH_SOURCE[0]}") && root=${root%/*}
source "$root/setup/setup.sh"
ready
find_dotnet
results=$root/build/test-results
rm -rf "$results"
if [[ ${1:-} == [^-]* ]]; then set -- --filter "FullyQualifiedName~$1" "${@:2}"; fi
status=0
"$dotnet" test "$root/Diffract.slnx" -c Release --tl:off -v minimal --results-directory "$results" --logger "trx;LogFilePrefix=tests" "$@" || status=$?

# Each test project leaves a .trx file with <Counters total="3" executed="3" passed="3" .../>.
total=0 executed=0 passed=0
while read -r counters; do
    for name in total executed passed; do
        [[ $counters =~ \ $name=\"([0-9]+)\" ]] && printf -v "$name" %d $((${!name} + BASH_REMATCH[1]))
    done
done < <(cat "$results"/*.trx 2>/dev/null | grep -o '<Counters [^>]*>')
if [[ $total -eq 0 && ($status -eq 0 || ! -d $results) ]]; then fail "No test has run (dotnet test: $status)."; fi
failed=$((executed - passed)) skipped=$((total - executed))
if [[ $status -ne 0 && $failed -eq 0 ]]; then
    say "dotnet test ended with $status and no failed test: the process that runs the tests died. It counts as one failure."
    failed=1
fi
if [[ $skipped -gt 0 ]]; then say "$passed passed, $failed failed, $skipped skipped"; else say "$passed passed, $failed failed"; fi
[[ $failed -eq 0 && $passed -gt 0 ]]
