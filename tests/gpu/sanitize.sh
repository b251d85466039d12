#!/usr/bin/env bash
# Runs the CUDA tests under NVIDIA's compute-sanitizer, slice by slice, in the folder that publish.sh's archive unpacks to.
#   ./sanitize.sh [--tools "memcheck racecheck initcheck"] [--seconds 120] [--total 0] [PART OF A NAME …]
# Prints a line for each tool and slice: what the sanitizer found, and what the tests said; logs are in sanitize/. Without names all slices
# run. A slice that is not done in time is told as such, and what it found until then counts. --total ends the whole after so many seconds:
# what was not begun is listed, so that another call can go on with it.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools="memcheck racecheck initcheck"
seconds=120
total=0
slices=()
while [ $# -gt 0 ]; do
  case "$1" in
    --tools) tools=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --total) total=$2; shift 2 ;;
    *) slices+=("$1"); shift ;;
  esac
done
if [ ${#slices[@]} -eq 0 ]; then
  # A class of tests is a slice; of the kernels' conformance, each kernel.
  mapfile -t slices < <("$here/run.sh" tests --list | sed -E '/^Moe/!d; /MissingParts|CudaEnvironment|Geometry|RowCut/d; s/.*KernelConformanceTests\..*(operation: "[^"]*").*/\1/; t; s/\(.*//; s/.*\.([A-Za-z0-9]+)\.[^.]*$/\1/' | uniq)
fi
sanitizer=${COMPUTE_SANITIZER:-$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -1)}
[ -n "$sanitizer" ] || { echo "compute-sanitizer was not found; COMPUTE_SANITIZER may name it" >&2; exit 2; }
mkdir -p "$here/sanitize"
# Otherwise libtorch hands out pieces of what it keeps, and a step beyond one lands in another.
export PYTORCH_NO_CUDA_MEMORY_CACHING=1
failed=0
for tool in $tools; do
  options=()
  # Tests that ask for too much memory are meant to be refused.
  [ "$tool" = memcheck ] && options=(--report-api-errors no)
  for slice in "${slices[@]}"; do
    left=$seconds
    if [ "$total" -gt 0 ]; then
      [ $((total - SECONDS)) -lt "$left" ] && left=$((total - SECONDS))
      if [ "$left" -lt 10 ]; then
        printf '%-10s %-28s not begun\n' "$tool" "$slice"
        continue
      fi
    fi
    log="$here/sanitize/$tool-$(echo "$slice" | tr -c 'A-Za-z0-9\n' -).log"
    begun=$SECONDS
    timeout "$left" "$sanitizer" --tool "$tool" --print-limit 20 "${options[@]}" --target-processes all "$here/run.sh" tests "$slice" > "$log" 2>&1
    code=$?
    found=$(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$log" | tail -1 | sed 's/^=* *//')
    said=$(grep -E '^[0-9]+ passed' "$log" | tail -1)
    if [ "$code" -eq 124 ]; then
      count=$(grep -cE '^========= (Invalid|Uninitialized|Error|Warning|Program hit|Barrier)' "$log")
      found="not done after $left s, $count findings until then"
      [ "$count" -eq 0 ] || failed=1
    elif [ "$code" -ne 0 ]; then
      failed=1
    fi
    printf '%-10s %-28s %4d s  %s; %s\n' "$tool" "$slice" $((SECONDS - begun)) "${found:-no summary (code $code)}" "${said:-no result of tests}"
  done
done
exit $failed
