#!/usr/bin/env bash
# Runs what publish.sh made on a GPU machine whose only libtorch is that of Python's torch package.
#   ./run.sh tests [PART OF A NAME …]    the CUDA tests
#   ./run.sh bench ARGUMENTS …           Bench, such as: bench FILE --devices CUDA0 -ngl 99
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${MOE_LIBTORCH:-}" ]; then
  MOE_LIBTORCH=$(python3 -c 'import importlib.util, os; print(os.path.join(os.path.dirname(importlib.util.find_spec("torch").origin), "lib"))')
  export MOE_LIBTORCH
fi
for folder in "$MOE_LIBTORCH" "$MOE_LIBTORCH"/../../nvidia/*/lib; do
  [ -d "$folder" ] && LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
done
export LD_LIBRARY_PATH
what=${1:?tests or bench}
shift
case "$what" in
  tests) exec "$here/Moe.Inference.Cuda.Tests" "$@" ;;
  bench) exec "$here/Bench" "$@" ;;
  *) echo "expected tests or bench, not $what" >&2; exit 2 ;;
esac
